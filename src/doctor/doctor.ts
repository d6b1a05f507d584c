import type { Redis } from 'ioredis';
import { firstLookClient } from '../chat-client.ts';
import { inspectEndpoint } from '../chat/endpoint.ts';
import { type CallConfig, type Config, ConfigError, type Environment, readEnvironment } from '../config.ts';
import type { Finding } from '../domain/finding.ts';
import { probeApi } from '../jobs/probe.ts';
import type { Log } from '../log.ts';
import { RedisError } from '../redis/connection.ts';
import { unlessAborted } from '../redis/in-time.ts';
import { judgeAnswers, judgeEndpoint, judgeProbes, judgeUserSig } from './api.ts';
import type { Group } from './group.ts';
import { judgeLimit } from './limits.ts';
import { inspectHome, judgeHome, judgeNode } from './machine.ts';
import { examineRedis, type RedisExamined, redisProblem } from './redis.ts';
import { readSettings, type SettingsRead } from './settings.ts';

export interface DoctorParts {
  cwd: string;
  env: Environment;
  nodeVersion: string;
  processId: number;
  /** Local monotonic milliseconds; milliseconds since 1970. */
  now: () => number;
  wallClock: () => number;
  /** Made when the secrets to hide are known. */
  logOf: (config: Config) => Log;
  /** What to look at where the way to the API ends. */
  wayOut: string;
  /** Names that only look like settings, a line each. */
  misspelled: (names: readonly string[]) => string[];
  signal?: AbortSignal;
}

const ENDPOINT_MS = 5000;
const NO_SLOT = 'every call needs a slot, and slots come from Redis';
/** Enough for a median, few enough to disturb nobody. */
const PROBES = 3;

/**
 * Looks at everything a job needs, one after the other, and goes on after a problem where it can.
 * @throws the signal's reason
 */
export async function examine(parts: DoctorParts): Promise<Group[]> {
  const { file, trouble } = readFile(parts.cwd);
  const read = readSettings({ environment: parts.env, file }, parts.wallClock());
  const { config } = read;
  const odd = parts
    .misspelled(Object.keys({ ...file, ...parts.env }))
    .map((text): Finding => ({ level: 'warning', area: 'misspelt', text }));
  const home = judgeHome(await inspectHome(config.home, parts.processId));
  const machine = [judgeNode(parts.nodeVersion), ...home];
  const canEmbed = home.every(({ level }) => level !== 'problem');
  const { redis, findings, rates } = await openRedis(read, canEmbed, parts);
  try {
    const limits = [judgeLimit(config.tuning), ...rates];
    const api = await examineApi(read, redis, parts);
    return [
      { title: 'Settings', cause: 'setting', findings: [...trouble, ...read.findings, ...odd] },
      { title: 'This machine', cause: 'setting', findings: machine },
      { title: 'Redis', cause: 'unreachable', findings: [...findings, ...api.redis] },
      { title: 'Chat API', cause: 'unreachable', findings: api.reach },
      { title: 'Credentials', cause: 'setting', findings: api.credentials },
      { title: 'Limits', cause: 'setting', findings: limits },
    ];
  } finally {
    redis?.disconnect();
  }
}

function readFile(cwd: string): { file: Environment; trouble: Finding[] } {
  try {
    return { file: readEnvironment(cwd, {}), trouble: [] };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const text = error.problems.join('; ');
    return { file: {}, trouble: [{ level: 'problem', area: '.env', text, advice: 'Make it readable, or remove it.' }] };
  }
}

/** A problem of settings or home that leaves no Redis has been told already. */
async function openRedis({ config, bad }: SettingsRead, canEmbed: boolean, parts: DoctorParts): Promise<RedisExamined> {
  const badUrl = bad.has('REDIS_URL');
  if (!badUrl && (config.redisUrl !== null || canEmbed)) {
    return examineRedis({ ...parts, config, log: parts.logOf(config) });
  }
  const text = `not looked at: ${badUrl ? 'REDIS_URL' : 'the home'} has to be mended first`;
  return { redis: null, findings: [{ level: 'warning', area: 'redis', text }], rates: [] };
}

interface ApiExamined {
  reach: Finding[];
  credentials: Finding[];
  /** What is wrong with Redis, where no slot came from it. */
  redis: Finding[];
}

async function examineApi(
  { config, baseUrl, bad }: SettingsRead,
  redis: Redis | null,
  { now, wallClock, wayOut, signal }: DoctorParts,
): Promise<ApiExamined> {
  const notTried = (area: string, why: string): Finding => ({ level: 'warning', area, text: `not tried: ${why}` });
  if (baseUrl === null)
    return { reach: [notTried('connection', 'the settings do not tell where it is')], credentials: [], redis: [] };
  const facts = await unlessAborted(inspectEndpoint(baseUrl, { now, wallClock, timeoutMs: ENDPOINT_MS }), signal);
  const reach = judgeEndpoint(facts, baseUrl, wayOut);

  const { chat, sdkAppId, tuning } = config;
  if (chat === null || sdkAppId === null)
    return { reach, credentials: [notTried('credentials', 'settings are missing')], redis: [] };
  const fixed = 'userSig' in chat.credentials ? chat.credentials.userSig.reveal() : null;
  const userSig = fixed === null ? [] : judgeUserSig(fixed, wallClock() / 1000);
  const why = reasonNotTo({ failed: facts.failed !== null, badUserSig: bad.has('CHAT_USERSIG'), redis });
  if (why !== null || redis === null) {
    return { reach, credentials: [...userSig, ...(why === null ? [] : [notTried('credentials', why)])], redis: [] };
  }
  const client = firstLookClient({ ...config, chat, sdkAppId } satisfies CallConfig);
  try {
    const probes = await probeApi({
      redis,
      sdkAppId,
      tuning,
      chat: client,
      admin: chat.admin,
      signal,
      now,
      answers: PROBES,
    });
    const judged = judgeProbes(probes, chat, wayOut);
    return {
      reach: [...reach, ...judged.filter(({ area }) => area === 'answers'), ...judgeAnswers(probes, tuning)],
      credentials: [...userSig, ...judged.filter(({ area }) => area !== 'answers')],
      redis: [],
    };
  } catch (error) {
    if (!(error instanceof RedisError)) throw error;
    return { reach, credentials: [...userSig, notTried('credentials', NO_SLOT)], redis: [redisProblem(error)] };
  } finally {
    client.close();
  }
}

/** Why no call is made, null when one is. */
function reasonNotTo(state: { failed: boolean; badUserSig: boolean; redis: Redis | null }): string | null {
  if (state.failed) return 'the API cannot be reached';
  if (state.badUserSig) return 'CHAT_USERSIG has to be mended first';
  return state.redis === null ? NO_SLOT : null;
}
