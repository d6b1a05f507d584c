import type { Redis } from 'ioredis';
import type { Finding } from '../domain/finding.ts';
import { isFollowing } from './connection.ts';

/** What a Redis says of itself, as far as befriend cares. */
export interface RedisFacts {
  server: 'redis' | 'valkey';
  /** Valkey's own version where it is one. Empty when the server does not say. */
  version: string;
  /** `sentinel`: it keeps no data, it watches servers that do. */
  role: 'master' | 'replica' | 'sentinel';
  cluster: boolean;
  /** It was found through a cluster or Sentinels, and so is the one after it. */
  followed: boolean;
  /** Connected to it. */
  replicas: number;
  /** It refuses to write while too few replicas hear it (min-replicas-to-write). */
  minReplicas: boolean;
  /** 0: no limit. */
  maxmemoryBytes: number;
  usedBytes: number;
  /** What it does when it is full, e.g. `noeviction`. Empty when the server does not say. */
  policy: string;
  appendonly: boolean;
  /** `always`, `everysec`, `no`; `unknown` where CONFIG is forbidden, as on most managed servers. */
  appendfsync: string;
  /** Writes snapshots by itself. Where CONFIG is forbidden: it has written one since its start, or before. */
  rdbSaves: boolean;
  /** The last write of AOF or snapshot came to disk. */
  lastWriteOk: boolean;
  /** Sentinels that watch it; 0 also where that is not told. */
  sentinels: number;
  /** Round trips of a small command. */
  latencyMs: { p50: number; max: number };
  /** The server's clock less ours, after half a round trip. */
  clockOffsetMs: number;
}

/** Enough for a median; the first is left out, since its code is not compiled yet. */
const ROUND_TRIPS = 20;
/** A server far away is measured by fewer, ms. */
const MEASURE_MS = 2000;
const OLDEST = [6, 2] as const;
/** A slot is granted by Redis and used some milliseconds later: above this, the limiter waits more than it calls. */
const SLOW_MS = 10;
/** Delays of retries and UserSigs are made with our clock, slots with Redis': seconds do no harm, minutes may. */
const CLOCK_OFF_MS = 30_000;
/** Part of maxmemory from which on it counts as nearly full. */
const NEARLY_FULL = 0.85;
const MIB = 1_048_576;

/**
 * Asks a connected Redis what it is. Reads only. Works with INFO and TIME alone, where CONFIG is forbidden.
 * @param now monotonic ms
 * @param wallClock ms since 1970
 * @throws the server's refusal when INFO or TIME are not allowed
 */
export async function inspectRedis(redis: Redis, now: () => number, wallClock: () => number): Promise<RedisFacts> {
  const [info, config] = [factsIn(await redis.info()), await configOf(redis)];
  const stated = readInfo(info, config, isFollowing(redis));
  // It knows neither TIME nor PUBSUB.
  if (stated.role === 'sentinel') return { ...stated, sentinels: 0, latencyMs: { p50: 0, max: 0 }, clockOffsetMs: 0 };
  return { ...stated, sentinels: await sentinelsOf(redis), ...(await measure(redis, now, wallClock)) };
}

/** What INFO alone says: without what must be asked for or measured, for a look at the start of a command. */
export type StatedFacts = Omit<RedisFacts, 'sentinels' | 'latencyMs' | 'clockOffsetMs'>;

/** @param config of CONFIG GET; empty where it is forbidden */
export function readInfo(
  info: ReadonlyMap<string, string>,
  config: ReadonlyMap<string, string>,
  followed = false,
): StatedFacts {
  const text = (name: string): string => info.get(name) ?? '';
  const valkey = info.get('valkey_version');
  const save = config.get('save');
  return {
    server: valkey === undefined ? 'redis' : 'valkey',
    version: valkey ?? text('redis_version'),
    role: text('redis_mode') === 'sentinel' ? 'sentinel' : text('role') === 'slave' ? 'replica' : 'master',
    cluster: text('cluster_enabled') === '1',
    followed,
    replicas: Number(info.get('connected_slaves') ?? 0),
    // Told only where both min-replicas-to-write and min-replicas-max-lag are set.
    minReplicas: info.has('min_slaves_good_slaves'),
    maxmemoryBytes: Number(info.get('maxmemory') ?? 0),
    usedBytes: Number(info.get('used_memory') ?? 0),
    policy: text('maxmemory_policy'),
    appendonly: text('aof_enabled') === '1',
    appendfsync: config.get('appendfsync') ?? 'unknown',
    rdbSaves: save === undefined ? Number(info.get('rdb_saves') ?? 0) > 0 : save !== '',
    lastWriteOk: !['aof_last_write_status', 'rdb_last_bgsave_status'].some((name) => text(name) === 'err'),
  };
}

/** The lines of INFO. */
export function factsIn(info: string): Map<string, string> {
  const pairs = info
    .split(/\r?\n/)
    .filter((line) => line.includes(':') && !line.startsWith('#'))
    .map((line): [string, string] => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]);
  return new Map(pairs);
}

/** CONFIG is only a help: managed servers forbid it, or have no such command. */
async function configOf(redis: Redis): Promise<Map<string, string>> {
  const config = new Map<string, string>();
  for (const name of ['appendfsync', 'save']) {
    const pair = (await redis.config('GET', name).catch(() => [])) as string[];
    if (pair.length === 2) config.set(pair[0]!, pair[1]!);
  }
  return config;
}

/** Each Sentinel listens to what the others say on every server it watches. */
async function sentinelsOf(redis: Redis): Promise<number> {
  const told = (await redis.pubsub('NUMSUB', '__sentinel__:hello').catch(() => [])) as (string | number)[];
  return Number(told[1] ?? 0);
}

async function measure(
  redis: Redis,
  now: () => number,
  wallClock: () => number,
): Promise<Pick<RedisFacts, 'latencyMs' | 'clockOffsetMs'>> {
  await redis.time();
  const trips: { ms: number; offset: number }[] = [];
  const begun = now();
  while (trips.length === 0 || (trips.length < ROUND_TRIPS && now() - begun < MEASURE_MS)) {
    const [started, startedAt] = [now(), wallClock()];
    const [seconds, micros] = (await redis.time()).map(Number);
    const ms = now() - started;
    trips.push({ ms, offset: seconds! * 1000 + micros! / 1000 - (startedAt + ms / 2) });
  }
  trips.sort((a, b) => a.ms - b.ms);
  // The fastest trip tells the clock best: half of it is the largest error.
  return {
    latencyMs: { p50: trips[trips.length >> 1]!.ms, max: trips.at(-1)!.ms },
    clockOffsetMs: trips[0]!.offset,
  };
}

/** Every way in which a Redis can be wrong for befriend, or right. Pure. */
export function judgeRedis(facts: RedisFacts): Finding[] {
  if (facts.role === 'sentinel') return judgeStated(facts);
  return [
    ...judgeStated(facts),
    ...judgeReplicas(facts),
    ...judgeSentinels(facts),
    judgeLatency(facts),
    judgeClock(facts),
  ];
}

/** The part of `judgeRedis` that is worth a word at every start: what makes work impossible or may lose rows. */
export function judgeStated(facts: StatedFacts): Finding[] {
  if (facts.role === 'sentinel') return [judgeVersion(facts), ...judgePlace(facts)];
  return [
    judgeVersion(facts),
    ...judgePlace(facts),
    judgeEviction(facts),
    judgeMemory(facts),
    ...judgePersistence(facts),
  ];
}

function judgeVersion({ server, version }: StatedFacts): Finding {
  const area = 'redis version';
  const name = server === 'valkey' ? 'Valkey' : 'Redis';
  if (version === '') {
    const advice = 'befriend needs Redis 6.2 or later, or Valkey; one that behaves like them may do.';
    return { level: 'warning', area, text: 'the server does not tell its version', advice };
  }
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const old = server === 'redis' && (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]));
  if (!old) return { level: 'ok', area, text: `${name} ${version}` };
  return {
    level: 'problem',
    area,
    text: `it is ${name} ${version}, and befriend needs Redis 6.2 or later, or Valkey`,
    advice: 'Upgrade it, set REDIS_URL to another, or leave REDIS_URL out: befriend then starts a private Redis.',
  };
}

function judgePlace({ role, cluster, followed }: StatedFacts): Finding[] {
  const findings: Finding[] = [];
  if (role === 'replica')
    findings.push({
      level: 'problem',
      area: 'redis role',
      text: 'it is a read-only replica, and befriend writes',
      advice: 'Set REDIS_URL to the master (primary) endpoint.',
    });
  if (role === 'sentinel')
    findings.push({
      level: 'problem',
      area: 'redis role',
      text: 'it is a Sentinel, which keeps no data',
      advice:
        'Write REDIS_URL as redis+sentinel://host:port,…/master-name: befriend then asks the Sentinels for the master.',
    });
  if (cluster && followed)
    findings.push({ level: 'ok', area: 'redis cluster', text: "the node of the cluster that has the app's keys" });
  if (cluster && !followed)
    findings.push({
      level: 'warning',
      area: 'redis cluster',
      text: 'it is a node of a Redis Cluster, and REDIS_URL names this one alone',
      advice: 'Write REDIS_URL as redis+cluster://host:port,…: befriend then goes where the keys of the app are.',
    });
  return findings;
}

/** What stays right after a fail-over. */
const FOLLOWS = 'a proxy or name that leads to the master (primary), also after a fail-over';

function judgeReplicas({ role, replicas, minReplicas }: StatedFacts): Finding[] {
  const area = 'redis replicas';
  if (role !== 'master' || (replicas === 0 && !minReplicas)) return [];
  const text = `${replicas} connected`;
  if (minReplicas) return [{ level: 'ok', area, text: `${text}, min-replicas-to-write is set` }];
  // Of two masters with the replicas between them, at most one has so many.
  const half = Math.ceil(replicas / 2);
  return [
    {
      level: 'warning',
      area,
      text: `${text}, and min-replicas-to-write is not set: cut off from them it goes on beside the one that is promoted, and each grants the whole limit`,
      advice: `Set min-replicas-to-write ${half} on all of them, and min-replicas-max-lag below the time after which a fail-over comes.`,
    },
  ];
}

function judgeSentinels({ sentinels, followed }: RedisFacts): Finding[] {
  if (sentinels === 0) return [];
  const area = 'redis sentinel';
  if (followed) return [{ level: 'ok', area, text: `${sentinels} watch it` }];
  const text = `${sentinels} watch it, and may make another server the master; REDIS_URL does not name them`;
  const advice = `Write REDIS_URL as redis+sentinel://host:port,…/master-name, or make sure that it is ${FOLLOWS}.`;
  return [{ level: 'warning', area, text, advice }];
}

function judgeEviction({ policy }: StatedFacts): Finding {
  const area = 'redis eviction';
  if (policy === 'noeviction') return { level: 'ok', area, text: 'maxmemory-policy noeviction' };
  if (policy === '') {
    const advice = 'Make sure that maxmemory-policy is noeviction: a Redis that evicts loses rows silently.';
    return { level: 'warning', area, text: 'the server does not tell its maxmemory-policy', advice };
  }
  return {
    level: 'warning',
    area,
    text: `maxmemory-policy is ${policy}: when it is full it drops keys, and with them rows of jobs, silently`,
    advice: 'Set it to noeviction: CONFIG SET maxmemory-policy noeviction, or in the console of the provider.',
  };
}

function judgeMemory({ maxmemoryBytes, usedBytes }: StatedFacts): Finding {
  const area = 'redis memory';
  const used = `${Math.ceil(usedBytes / MIB)} MiB`;
  if (maxmemoryBytes === 0) return { level: 'ok', area, text: `${used} used, no maxmemory` };
  const text = `${used} of ${Math.floor(maxmemoryBytes / MIB)} MiB used`;
  if (usedBytes < NEARLY_FULL * maxmemoryBytes) return { level: 'ok', area, text };
  const advice = 'Make room or raise maxmemory: a full Redis refuses every write, and then nobody calls.';
  return { level: 'warning', area, text: `it is nearly full: ${text}`, advice };
}

function judgePersistence(facts: StatedFacts): Finding[] {
  const { appendonly, appendfsync, rdbSaves, lastWriteOk } = facts;
  const area = 'redis persistence';
  const findings: Finding[] = [];
  const warn = (text: string, advice: string): number => findings.push({ level: 'warning', area, text, advice });
  const aof = 'Set appendonly yes and appendfsync everysec.';
  if (!appendonly && !rdbSaves) warn('nothing is written to disk: a restart of Redis loses all jobs', aof);
  else if (!appendonly) warn('only snapshots are written: a restart of Redis loses what came after the last', aof);
  else if (appendfsync === 'no') warn('appendfsync is no: a power cut may lose half a minute of outcomes', aof);
  if (!lastWriteOk)
    findings.push({
      level: 'problem',
      area,
      text: 'its last write to disk failed; it may refuse every write until that is mended',
      advice: 'Free the disk of the Redis server and see its log.',
    });
  if (findings.length > 0) return findings;
  const fsync = appendfsync === 'unknown' ? 'appendfsync not told' : `appendfsync ${appendfsync}`;
  return [{ level: 'ok', area, text: `appendonly yes, ${fsync}` }];
}

function judgeLatency({ latencyMs: { p50, max } }: RedisFacts): Finding {
  const area = 'redis latency';
  const text = `${p50.toFixed(1)} ms a round trip, ${max.toFixed(1)} ms at most`;
  if (p50 <= SLOW_MS) return { level: 'ok', area, text };
  return {
    level: 'warning',
    area,
    text,
    advice: 'Run the role `call` nearer to Redis: slots are given up when they come late.',
  };
}

function judgeClock({ clockOffsetMs }: RedisFacts): Finding {
  const area = 'redis clock';
  const off = Math.abs(clockOffsetMs);
  const text = `${(off / 1000).toFixed(off < 10_000 ? 3 : 0)} s ${clockOffsetMs < 0 ? 'behind' : 'ahead of'} this machine's`;
  if (off <= CLOCK_OFF_MS) return { level: 'ok', area, text };
  return { level: 'warning', area, text, advice: 'Let both machines follow NTP: retries are timed by both clocks.' };
}
