import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Keys } from './keys.ts';
import type { Role } from '../domain/role.ts';

/** What a process says of itself while it has roles. */
export interface WorkerFigures {
  host: string;
  pid: number;
  roles: readonly Role[];
  /** CPU time over time, of the last seconds: 1 is a whole core. */
  cores: number;
  /** Resident memory, bytes. */
  rssBytes: number;
  /** Calls that wait for their answers, by API command, where there are any. */
  inFlight: Readonly<Record<string, number>>;
}

const EVERY_MS = 2000;
/** Without a word for so long a worker is gone, or cut off. */
const GONE_MS = 3 * EVERY_MS;
const FORGOTTEN_MS = 60_000;

interface Said extends WorkerFigures {
  /** Redis' clock, ms. */
  at: number;
}

interface FiguresParts {
  redis: Redis;
  keys: Keys;
  /** Of this holder of roles: host and process are not its own alone, in containers and where a process has roles twice. */
  id: string;
  inFlight: () => WorkerFigures['inFlight'];
}

/**
 * Says the figures of this process at once and every two seconds, until the signal. They are not worth an error: of a
 * Redis that is away, or refuses, others tell. Who is silent for a minute is forgotten.
 */
export async function tellFigures(
  { redis, keys, id, roles, inFlight }: Pick<WorkerFigures, 'roles'> & FiguresParts,
  signal: AbortSignal,
): Promise<void> {
  const host = hostname();
  // At first those of the whole process until now.
  let cpu = { user: 0, system: 0 };
  let since = 0;
  const say = async (): Promise<void> => {
    const [used, now] = [process.cpuUsage(), performance.now()];
    const cores = (used.user + used.system - cpu.user - cpu.system) / 1000 / (now - since);
    [cpu, since] = [used, now];
    const figures = { host, pid: process.pid, roles, cores: Math.round(1000 * cores) / 1000, inFlight: inFlight() };
    const said: Said = { ...figures, rssBytes: process.memoryUsage.rss(), at: await redisMs(redis) };
    await redis.hset(keys.workers, id, JSON.stringify(said));
    await forgetGone(redis, keys, said.at);
  };
  while (!signal.aborted) {
    await say().catch(ignore);
    await sleep(EVERY_MS, undefined, { signal }).catch(ignore);
  }
  if (redis.status === 'ready') await redis.hdel(keys.workers, id).catch(ignore);
}

function ignore(): void {}

/** The workers that have said something lately, by host and process. */
export async function workersOf(redis: Redis, keys: Keys): Promise<WorkerFigures[]> {
  const [all, now] = await Promise.all([saidIn(redis, keys), redisMs(redis)]);
  return all
    .map(({ said }) => said)
    .filter(({ at }) => now - at <= GONE_MS)
    .toSorted((a, b) => a.host.localeCompare(b.host) || a.pid - b.pid)
    .map(({ host, pid, roles, cores, rssBytes, inFlight }) => ({ host, pid, roles, cores, rssBytes, inFlight }));
}

/** Calls of a command that wait for their answers, of all workers. */
export function inFlightOf(command: string, workers: readonly WorkerFigures[]): number {
  return workers.reduce((sum, { inFlight }) => sum + (inFlight[command] ?? 0), 0);
}

async function forgetGone(redis: Redis, keys: Keys, now: number): Promise<void> {
  const gone = (await saidIn(redis, keys)).filter(({ said }) => now - said.at > FORGOTTEN_MS);
  if (gone.length > 0) await redis.hdel(keys.workers, ...gone.map(({ id }) => id));
}

async function saidIn(redis: Redis, keys: Keys): Promise<{ id: string; said: Said }[]> {
  return Object.entries(await redis.hgetall(keys.workers)).map(([id, text]) => ({
    id,
    said: JSON.parse(text) as Said,
  }));
}

async function redisMs(redis: Redis): Promise<number> {
  const [seconds, micros] = await redis.time();
  return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
}
