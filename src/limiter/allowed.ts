import type { Redis } from 'ioredis';
import { keysOf } from './bucket.ts';

/**
 * How many calls a second of a command an operator allows from now on, whoever makes them; null: all that its limit
 * gives, which is the most in any case. Slots that were granted before keep their time: a quarter of a second at most.
 */
export async function setAllowed(
  redis: Redis,
  app: number | string,
  command: string,
  callsPerSecond: number | null,
): Promise<void> {
  const [state] = keysOf(app, command);
  if (callsPerSecond === null) await redis.hdel(state, 'allowed');
  else await redis.hset(state, { allowed: String(callsPerSecond) });
}
