import type { Redis } from 'ioredis';
import type { Keys } from './keys.ts';

/** In how many ms the last chunk that waits for another try comes back; 0 when none waits. */
export async function lastDelayMs(redis: Redis, keys: Keys, command: string, nowMs: number): Promise<number> {
  // BullMQ's set of delayed jobs: the score is the time in ms times 4096, and a counter.
  const [, score] = await redis.zrevrange(keys.delayed(command), 0, 0, 'WITHSCORES');
  return score === undefined ? 0 : Math.max(0, Number(score) / 0x1000 - nowMs);
}
