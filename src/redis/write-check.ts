import type { Redis } from 'ioredis';
import { refusalOf } from './refusal.ts';

/** What befriend does to every Redis: a script that writes a key of the app. */
const WRITE = "return redis.call('SET', KEYS[1], ARGV[1], 'PX', 1000)";

/**
 * Whether this Redis takes a write of befriend's kind now. `key` is one of the app's own, and expires at once.
 * @throws RedisError when it refuses; an error of Redis that we have no words for
 */
export async function checkWrite(redis: Redis, key: string): Promise<void> {
  try {
    await redis.eval(WRITE, 1, key, 'befriend');
  } catch (error) {
    throw refusalOf(error) ?? error;
  }
}

/** Full, or without its disk or replicas: looking still works, and writing begins again when that is mended. */
export function mayPass(refusal: unknown): boolean {
  const { cause } = refusal as Error;
  return cause instanceof Error && /\b(OOM|MISCONF|NOREPLICAS)\b/.test(cause.message);
}
