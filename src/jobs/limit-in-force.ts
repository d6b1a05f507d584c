import type { Redis } from 'ioredis';
import { ceilingOf, type Limits } from '../domain/frequency.ts';
import { sharesInForce } from '../limiter/in-force.ts';
import type { Throttled } from '../limiter/limiter.ts';

/** How many calls of a command may be made now. */
export interface LimitInForce {
  /** The documented or configured limit of the command, or the app's where that is less. Calls a second. */
  ceiling: number;
  /** What an operator allows, and less for a while after the service said "too fast". Calls a second. */
  limit: number;
  /** Whose calls the service found too fast, where the limit is lower for that. */
  throttled: Throttled | null;
  /** How long ago it said so last, in ms; null where nobody is throttled. */
  saidMsAgo: number | null;
}

export interface LimitParts {
  redis: Redis;
  sdkAppId: number;
  tuning: Limits;
}

/** Looks only. */
export async function limitInForce(command: string, { redis, sdkAppId, tuning }: LimitParts): Promise<LimitInForce> {
  const shares = await sharesInForce(redis, sdkAppId, command);
  const ceiling = ceilingOf(command, tuning);
  const own = ceilingOf(command, { ...tuning, appCallsPerSecond: null }) * shares.command;
  const app = ceiling * shares.app;
  const most = Math.min(ceiling, shares.allowedPerSecond ?? ceiling);
  const limit = Math.min(most, own, app);
  const throttled = limit === most ? null : limit < app ? 'command' : 'app';
  return { ceiling, limit, throttled, saidMsAgo: throttled && (shares.saidMsAgo[throttled] ?? 0) };
}
