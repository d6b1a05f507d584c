import { Redis, type RedisOptions } from 'ioredis';

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
  const url = new URL(address.url);
  return {
    ...common,
    host: url.hostname.replace(/^\[|\]$/g, '') || '127.0.0.1',
    port: url.port === '' ? 6379 : Number(url.port),
    ...(url.username !== '' && { username: decodeURIComponent(url.username) }),
    ...(url.password !== '' && { password: decodeURIComponent(url.password) }),
    ...(url.pathname.length > 1 && { db: Number(url.pathname.slice(1)) }),
    ...(url.protocol === 'rediss:' && { tls: { servername: url.hostname } }),
  };
}

/**
 * A connected client. The first connection must succeed within `timeoutMs`; later ones are retried for ever.
 * @throws RedisError when nothing answers, or the answer is not PONG (wrong password, not a Redis)
 */
export async function connectRedis(address: RedisAddress, timeoutMs = 5000): Promise<Redis> {
  const redis = new Redis(connectionOptions(address));
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
    throw new RedisError(`Redis at ${describeAddress(address)} cannot be used: ${reason.message}`);
  } finally {
    clearTimeout(timer);
  }
}

/** The address without its password. */
export function describeAddress(address: RedisAddress): string {
  if ('socket' in address) return address.socket;
  const url = new URL(address.url);
  return `${url.protocol}//${url.host}${url.pathname}`;
}
