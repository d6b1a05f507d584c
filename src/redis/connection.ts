import { isIP } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis, type RedisOptions } from 'ioredis';
import { greet, type Obstacle } from './greet.ts';
import { findMaster, following } from './master.ts';
import { doorTo, doorToSeed, type Route, routeOf, shownUrl } from './route.ts';

/**
 * Where a Redis is: a URL in one of the forms of route.ts, or the unix socket of an embedded server. Of a cluster `key`,
 * any of the app's, tells which node is meant.
 */
export type RedisAddress = { url: string; key?: string } | { socket: string };

/** Redis could not be reached, or is not one that befriend can use. The text says what to do. */
export class RedisError extends Error {
  override name = 'RedisError';
}

/** Reconnects for ever, from 50 ms to 1 s: a job outlives its Redis' restart. */
const retryStrategy = (times: number): number => Math.min(1000, 50 * times);

/**
 * A connection that owes an answer and says nothing for so long is made anew: what it was cut off by (a firewall that
 * forgot it, a machine that is gone) tells nobody. Longer than anything of ours or BullMQ's blocks, which is 10 s.
 */
const SILENT_MS = 15_000;

/** Options of every connection. BullMQ wants `maxRetriesPerRequest: null`; we want the same: commands wait. */
export function connectionOptions(address: RedisAddress): RedisOptions {
  const common: RedisOptions = {
    maxRetriesPerRequest: null,
    retryStrategy,
    lazyConnect: true,
    socketTimeout: SILENT_MS,
  };
  if ('socket' in address) return { ...common, path: address.socket };
  const route = routeOf(address.url);
  const { host, port, tls, username, password, db } = doorTo(route, route.seeds[0]!);
  return {
    ...common,
    host,
    port,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(db !== 0 && { db }),
    // An IP address is no server name: Node would warn.
    ...(tls && { tls: isIP(host) === 0 ? { servername: host } : {} }),
    ...(route.kind !== 'server' && following(route, address.key)),
  };
}

/** Between two looks at a master that is away: another may be promoted. */
const PROMOTED_MS = 100;

/** What keeps the server, or the master that its URL leads to, from being used. */
async function obstacleAt(route: Route, key: string | undefined, timeoutMs: number): Promise<Obstacle | null> {
  const seed = route.seeds[0]!;
  if (route.kind === 'server') return greet(doorTo(route, seed), timeoutMs);
  const deadline = performance.now() + timeoutMs;
  try {
    for (;;) {
      const left = deadline - performance.now();
      const obstacle = await greet(doorTo(route, await findMaster(route, key, left)), left);
      if (!obstacle?.isAway || deadline - performance.now() < 2 * PROMOTED_MS) return obstacle;
      await sleep(PROMOTED_MS);
    }
  } catch (error) {
    return (
      (await greet(doorToSeed(route, seed), timeoutMs)) ?? {
        what: `nobody there tells where the master is (${(error as Error).message})`,
        advice: ROUTE_ADVICE[route.kind],
      }
    );
  }
}

const ROUTE_ADVICE = {
  sentinel:
    'Check the name of the master in REDIS_URL (redis+sentinel://host:port,…/NAME), and that these are Sentinels',
  cluster:
    'Check that these are nodes of a cluster, and that all its slots have a master; else write redis://host:port',
};

/**
 * A connected client. The first connection must succeed within `timeoutMs`; later ones are retried for ever.
 * @throws RedisError when nothing answers, or not a Redis, or one that refuses us: with the reason and what to do
 */
export async function connectRedis(address: RedisAddress, timeoutMs = 5000): Promise<Redis> {
  if ('url' in address) {
    const obstacle = await obstacleAt(routeOf(address.url), address.key, timeoutMs);
    if (obstacle) throw unusable(address, obstacle.what, obstacle.advice);
  }
  const redis = new Redis(connectionOptions(address));
  // A limiter and a queue of each command listen to it: that is no leak.
  redis.setMaxListeners(0);
  let last: Error | null = null;
  redis.on('error', (error: Error) => {
    last = error;
  });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(last ?? new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    // What greeted us may go now: a master that is made one ends its connections. The next attempt is made by itself.
    const connected = 'url' in address ? redis.connect().catch(() => {}) : redis.connect();
    await Promise.race([connected.then(() => redis.ping()), late]);
    return redis;
  } catch (error) {
    redis.disconnect();
    const reason = (last ?? (error as Error)) as Error;
    throw unusable(address, reason.message, 'See the log of the server');
  } finally {
    clearTimeout(timer);
  }
}

/** One paragraph: where, what, what to do. */
export function unusable(address: RedisAddress, what: string, advice: string): RedisError {
  return new RedisError(`Redis at ${describeAddress(address)} cannot be used: ${what}. ${advice.replace(/\.$/, '')}.`);
}

/** The address without its password. */
export function describeAddress(address: RedisAddress): string {
  if ('socket' in address) return address.socket;
  return shownUrl(address.url);
}

/** Whether it finds the master by itself, also after a fail-over. */
export const isFollowing = (redis: Redis): boolean => redis.options.Connector !== undefined;
