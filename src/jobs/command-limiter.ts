import type { Redis } from 'ioredis';
import { createLimiter, type Limiter, type LimiterLog } from '../limiter/limiter.ts';
import { sharedOptions } from '../limiter/shared-options.ts';
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
    ...sharedOptions(command, tuning),
    latenessMs: tuning.latenessMs,
    coldLatenessMs: tuning.coldLatenessMs,
    pace: tuning.pace,
    ...(tuning.leaseSize !== null && { leaseSize: tuning.leaseSize }),
    log,
  });
}
