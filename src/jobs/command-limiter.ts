import type { Redis } from 'ioredis';
import { rateOf } from '../domain/frequency.ts';
import { createLimiter, type Limiter, type LimiterLog } from '../limiter/limiter.ts';
import type { Tuning } from './roles.ts';

export interface CommandLimiterParts {
  redis: Redis;
  sdkAppId: number;
  tuning: Tuning;
  log?: LimiterLog;
}

/** This process's end of the limiter of one API command and of the app: the same for everybody who calls it. */
export function commandLimiter(command: string, { redis, sdkAppId, tuning, log }: CommandLimiterParts): Limiter {
  return createLimiter({
    redis,
    app: sdkAppId,
    command,
    rate: rateOf(command, tuning),
    appCalls: tuning.appCallsPerSecond,
    ...(tuning.marginMs !== null && { marginMs: tuning.marginMs }),
    latenessMs: tuning.latenessMs,
    callTimeoutMs: tuning.callTimeoutMs,
    log,
  });
}
