import type { Redis } from 'ioredis';
import type { Config, Environment } from '../config.ts';
import type { Finding } from '../domain/finding.ts';
import { OPERATION_NAMES, type OperationName, OPERATIONS } from '../domain/operation.ts';
import { type Allowance, allowanceOf } from '../jobs/allowance.ts';
import { keysOf } from '../jobs/keys.ts';
import { createLedger } from '../jobs/ledger.ts';
import { sharesInForce } from '../limiter/in-force.ts';
import type { Log } from '../log.ts';
import { connectRedis, type RedisAddress } from '../redis/connection.ts';
import { connectEmbeddedRedis } from '../redis/embedded.ts';
import { inTime, unlessAborted } from '../redis/in-time.ts';
import { inspectRedis, judgeRedis } from '../redis/inspect.ts';
import { refusalOf } from '../redis/refusal.ts';
import { checkWrite } from '../redis/write-check.ts';
import { wordsOf } from './group.ts';
import { judgeAllowances, judgeRates, type Shares } from './limits.ts';
import { judgeBacklog, judgeJobs } from './machine.ts';

export interface RedisParts {
  config: Config;
  env: Environment;
  /** Local monotonic milliseconds; milliseconds since 1970. */
  now: () => number;
  wallClock: () => number;
  log: Log;
  signal?: AbortSignal;
}

export interface RedisExamined {
  /** Null where none can be used: then no call is made. To be disconnected. */
  redis: Redis | null;
  findings: Finding[];
  /** What of the limits is in force; none where that is not known. */
  rates: Finding[];
}

const keyOf = ({ sdkAppId }: Config): string | undefined =>
  sdkAppId === null ? undefined : keysOf(sdkAppId).writeCheck;

/** Whether the Redis of the settings can do all that a job needs of it. @throws the signal's reason */
export async function examineRedis(parts: RedisParts): Promise<RedisExamined> {
  const { config, env, log, signal } = parts;
  const url = config.redisUrl?.reveal() ?? null;
  const address: RedisAddress = url === null ? { socket: config.home } : { url };
  let redis: Redis | null = null;
  try {
    const options = { env: { ...env }, log };
    const connecting =
      url === null ? connectEmbeddedRedis(config.home, options) : connectRedis({ url, key: keyOf(config) });
    redis = await unlessAborted(connecting, signal);
    const { findings, rates } = await examineConnected(redis, address, parts);
    const kind = url === null ? 'a private one in the home' : 'the one of REDIS_URL';
    const all: Finding[] = [{ level: 'ok', area: 'redis', text: kind }, ...findings];
    if (findings.every(({ level }) => level !== 'problem')) return { redis, findings: all, rates };
    redis.disconnect();
    return { redis: null, findings: all, rates };
  } catch (error) {
    redis?.disconnect();
    signal?.throwIfAborted();
    return { redis: null, findings: [redisProblem(error)], rates: [] };
  }
}

/** A Redis that cannot be reached, went away, or refuses us. */
export function redisProblem(error: unknown): Finding {
  const advice = 'Check REDIS_URL, or leave it out: befriend then starts a private Redis.';
  const { message } = refusalOf(error) ?? (error as Error);
  return { level: 'problem', area: 'redis', advice, ...wordsOf(message) };
}

async function examineConnected(
  redis: Redis,
  address: RedisAddress,
  { config: { sdkAppId, tuning }, now, wallClock, signal }: RedisParts,
): Promise<{ findings: Finding[]; rates: Finding[] }> {
  const asked = <T>(answer: Promise<T>): Promise<T> => inTime(answer, { redis, address, signal });
  const findings = judgeRedis(await asked(inspectRedis(redis, now, wallClock)));
  // One that is too old or a replica refuses more than is worth telling.
  if (sdkAppId === null || findings.some(({ level }) => level === 'problem')) return { findings, rates: [] };
  const written = await asked(writeFinding(redis, keysOf(sdkAppId).writeCheck));
  findings.push(written, judgeJobs(await asked(jobsOf(redis, sdkAppId))));
  // A script tells it.
  if (written.level === 'ok') {
    findings.push(judgeBacklog(await asked(createLedger(redis, keysOf(sdkAppId)).backlog()), tuning));
  }
  const [rates, allowances] = await asked(Promise.all([ratesOf(redis, sdkAppId), allowancesOf(redis, sdkAppId)]));
  return { findings, rates: [judgeRates(rates), ...judgeAllowances(allowances)] };
}

async function writeFinding(redis: Redis, key: string): Promise<Finding> {
  const area = 'redis write check';
  return checkWrite(redis, key).then(
    (): Finding => ({ level: 'ok', area, text: 'a script of befriend may write' }),
    (error: Error): Finding => ({ level: 'problem', area, advice: 'See its log.', ...wordsOf(error.message) }),
  );
}

async function jobsOf(redis: Redis, sdkAppId: number) {
  const ledger = createLedger(redis, keysOf(sdkAppId));
  const jobs = await Promise.all((await ledger.list()).map((id) => ledger.status(id)));
  return jobs.filter((job) => job !== null);
}

async function ratesOf(redis: Redis, sdkAppId: number): Promise<Shares> {
  const names = [...new Set(Object.values(OPERATIONS).map(({ command }) => command))];
  const shares = await Promise.all(names.map((command) => sharesInForce(redis, sdkAppId, command)));
  return {
    app: Math.min(...shares.map(({ app }) => app)),
    commands: Object.fromEntries(names.map((name, n) => [name, shares[n]!.command])),
  };
}

async function allowancesOf(redis: Redis, sdkAppId: number): Promise<[OperationName, Allowance][]> {
  const parts = { redis, keys: keysOf(sdkAppId), sdkAppId };
  return Promise.all(
    OPERATION_NAMES.map(async (name): Promise<[OperationName, Allowance]> => {
      const { command } = OPERATIONS[name];
      return [name, await allowanceOf(command, parts)];
    }),
  );
}
