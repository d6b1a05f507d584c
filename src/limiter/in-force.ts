import type { Redis } from 'ioredis';
import { keysOf } from './bucket.ts';

const FULL_PPM = 1_000_000;
/** As in lease.lua: ppm of the ceiling that come back per microsecond, 5 % a second. */
const RECOVERY_PPM = 0.05;

/**
 * The share of its ceiling that a command's limit has now, 0 to 1: less than 1 for a while after the service said
 * "too fast". Looks only; the limiter itself applies the same arithmetic at the next lease.
 */
export async function shareInForce(redis: Redis, app: number | string, command: string): Promise<number> {
  const [state] = keysOf(app, command);
  const [fields, [seconds, micros]] = await Promise.all([redis.hmget(state, 'rate', 'reducedAt'), redis.time()]);
  const [rate, reducedAt] = fields;
  if (!rate || !reducedAt) return 1;
  const since = Number(seconds) * 1e6 + Number(micros) - Number(reducedAt);
  return Math.min(FULL_PPM, Number(rate) + RECOVERY_PPM * Math.max(0, since)) / FULL_PPM;
}
