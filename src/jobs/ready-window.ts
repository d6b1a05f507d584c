import type { Redis } from 'ioredis';
import type { Keys } from './keys.ts';
import { limitInForce, type LimitParts } from './limit-in-force.ts';
import { inFlightOf, workersOf } from './worker-figures.ts';

export interface WindowParts extends LimitParts {
  redis: Redis;
  keys: Keys;
  tuning: LimitParts['tuning'] & { readySeconds: number };
}

/**
 * How many chunks of a command feed keeps open: some seconds of calls at the rate in force, and beside them those whose
 * calls are in flight, which are ready no more.
 */
export async function readyWindow(command: string, parts: WindowParts): Promise<number> {
  const { redis, keys, tuning } = parts;
  const [{ limit }, workers] = await Promise.all([limitInForce(command, parts), workersOf(redis, keys)]);
  return Math.ceil(limit * tuning.readySeconds) + inFlightOf(command, workers);
}
