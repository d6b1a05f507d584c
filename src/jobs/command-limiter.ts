import type { Redis } from 'ioredis';
import { rateOf } from '../domain/frequency.ts';
import { type CallerClass, createLimiter, type Limiter, type LimiterLog } from '../limiter/limiter.ts';
import type { Tuning } from './roles.ts';

export interface CommandLimiterParts {
  redis: Redis;
  sdkAppId: number;
  tuning: Tuning;
  log?: LimiterLog;
}

/** This process's end of the limiter of one API command and of the app: the same for everybody who calls it. */
export function commandLimiter(
  command: string,
  { redis, sdkAppId, tuning, log }: CommandLimiterParts,
  callers: CallerClass = 'bulk',
): Limiter {
  return createLimiter({
    redis,
    app: sdkAppId,
    command,
    rate: rateOf(command, tuning),
    appCalls: tuning.appCallsPerSecond,
    class: callers,
    ...(tuning.marginMs !== null && { marginMs: tuning.marginMs }),
    latenessMs: tuning.latenessMs,
    coldLatenessMs: tuning.coldLatenessMs,
    pace: tuning.pace,
    ...(tuning.leaseSize !== null && { leaseSize: tuning.leaseSize }),
    holdUntilAnswered: tuning.holdTokens,
    callTimeoutMs: tuning.callTimeoutMs,
    log,
  });
}
