import { isIP } from 'node:net';
import { Redis, type RedisOptions } from 'ioredis';
import { greet } from './greet.ts';
import type { Door } from './talk.ts';

/** Where a Redis is: a URL (`redis://`, `rediss://`) or the unix socket of an embedded server. */
export type RedisAddress = { url: string } | { socket: string };

/** Redis could not be reached, or is not one that befriend can use. The text says what to do. */
export class RedisError extends Error {
  override name = 'RedisError';
}

/** Reconnects for ever, from 50 ms to 1 s: a job outlives its Redis' restart. */
const retryStrategy = (times: number): number => Math.min(1000, 50 * times);

/** Options of every connection. BullMQ wants `maxRetriesPerRequest: null`; we want the same: commands wait. */
export function connectionOptions(address: RedisAddress): RedisOptions {
  const common: RedisOptions = { maxRetriesPerRequest: null, retryStrategy, lazyConnect: true };
  if ('socket' in address) return { ...common, path: address.socket };
  const { host, port, tls, username, password, db } = doorOf(address.url);
  return {
    ...common,
    host,
    port,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(db !== 0 && { db }),
    // An IP address is no server name: Node would warn.
    ...(tls && { tls: isIP(host) === 0 ? { servername: host } : {} }),
  };
}

function doorOf(address: string): Door {
  const url = new URL(address);
  return {
    host: url.hostname.replace(/^\[|\]$/g, '') || '127.0.0.1',
    port: url.port === '' ? 6379 : Number(url.port),
    tls: url.protocol === 'rediss:',
    ...(url.username !== '' && { username: decodeURIComponent(url.username) }),
    ...(url.password !== '' && { password: decodeURIComponent(url.password) }),
    db: Number(url.pathname.slice(1)),
  };
}

/**
 * A connected client. The first connection must succeed within `timeoutMs`; later ones are retried for ever.
 * @throws RedisError when nothing answers, or not a Redis, or one that refuses us: with the reason and what to do
 */
export async function connectRedis(address: RedisAddress, timeoutMs = 5000): Promise<Redis> {
  if ('url' in address) {
    const obstacle = await greet(doorOf(address.url), timeoutMs);
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
    await Promise.race([redis.connect().then(() => redis.ping()), late]);
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
  const url = new URL(address.url);
  return `${url.protocol}//${url.host}${url.pathname}`;
}
