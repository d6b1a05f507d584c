import type { Redis } from 'ioredis';
import { keysOf } from './bucket.ts';
import { DEFAULT_TUNING } from './timing.ts';

const FULL_PPM = 1_000_000;
/** As in lease.lua: ppm of the ceiling that come back per microsecond, 5 % a second. */
const RECOVERY_PPM = 0.05;

/** Shares of their ceilings that the limits have now, 0 to 1: less than 1 for a while after "too fast". */
export interface SharesInForce {
  /** What was said of the command alone. */
  command: number;
  /** What was said of the whole app. It holds for its limit and for that of every command. */
  app: number;
  /** How long ago it was said last, in ms; null: never. */
  saidMsAgo: { command: number | null; app: number | null };
  /** Calls a second that an operator allows of the command; null: all that its limit gives. */
  allowedPerSecond: number | null;
}

/** The shares of a command and its app. Looks only; the limiter itself applies the same arithmetic at the next lease. */
export async function sharesInForce(redis: Redis, app: number | string, command: string): Promise<SharesInForce> {
  const [state, , appState] = keysOf(app, command);
  const [own, whole, [seconds, micros]] = await Promise.all([
    redis.hmget(state, 'rate', 'reducedAt', 'allowed'),
    redis.hmget(appState, 'rate', 'reducedAt'),
    redis.time(),
  ]);
  const now = Number(seconds) * 1e6 + Number(micros);
  const saidMsAgo = { command: msAgo(own, now), app: msAgo(whole, now) };
  const allowedPerSecond = own[2] ? Number(own[2]) : null;
  return { command: shareOf(own, now), app: shareOf(whole, now), saidMsAgo, allowedPerSecond };
}

function msAgo([, reducedAt]: (string | null)[], now: number): number | null {
  return reducedAt ? Math.max(0, now - Number(reducedAt)) / 1000 : null;
}

/** No token of a slot that is yet to come reaches further than this: only one that is kept for a call without an answer. */
const BEYOND_SLOTS_MS = DEFAULT_TUNING.horizonMs + DEFAULT_TUNING.coldLatenessMs;

/** Calls of a command, of all processes, that have waited for their answer for about half a window or longer. Looks only. */
export async function unansweredCalls(redis: Redis, app: number | string, command: string): Promise<number> {
  const [, tokens] = keysOf(app, command);
  const [seconds, micros] = await redis.time();
  return redis.zcount(tokens, Number(seconds) * 1e6 + Number(micros) + 1000 * BEYOND_SLOTS_MS, '+inf');
}

/** At `now`, µs of Redis' clock. */
function shareOf([rate, reducedAt]: (string | null)[], now: number): number {
  if (!rate || !reducedAt) return 1;
  const since = now - Number(reducedAt);
  return Math.min(FULL_PPM, Number(rate) + RECOVERY_PPM * Math.max(0, since)) / FULL_PPM;
}
