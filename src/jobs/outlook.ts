import type { Redis } from 'ioredis';
import { callsLeft } from '../domain/forecast.ts';
import type { JobStatus } from '../domain/job.ts';
import { type OperationName, OPERATIONS } from '../domain/operation.ts';
import { shareInForce } from '../limiter/in-force.ts';
import type { Keys } from './keys.ts';
import type { Ledger } from './ledger.ts';
import { lastDelayMs } from './queue.ts';
import { rateOf } from './rate.ts';
import { troubleOf } from './trouble.ts';

/** What the calls of one operation can expect now. */
export interface Outlook {
  /** The documented or configured limit of its command, calls a second. */
  ceiling: number;
  /** The limit in force: below the ceiling for a while after the service said "too fast". */
  limit: number;
  /** The running jobs that share it. */
  jobs: { id: string; callsLeft: number; made: number }[];
  /** In how many ms the last chunk that waits for another try comes back; 0 when none waits. */
  lastDelayMs: number;
  /** Why calls of this command fail now, all of them; null when nothing is known to be wrong. */
  trouble: string | null;
}

export interface OutlookParts {
  redis: Redis;
  keys: Keys;
  ledger: Ledger;
  sdkAppId: number;
  tuning: { callsPerSecond: number; windowMs: number };
  /** Milliseconds since 1970. */
  wallClock: () => number;
}

/** Looks at the ledger, the limiter and what callers say; changes nothing. */
export async function outlookOf(
  operation: OperationName,
  { redis, keys, ledger, sdkAppId, tuning, wallClock }: OutlookParts,
): Promise<Outlook> {
  const { command } = OPERATIONS[operation];
  const ceiling = (rateOf(command, tuning.callsPerSecond) * 1000) / tuning.windowMs;
  const [share, delayMs, trouble, active] = await Promise.all([
    shareInForce(redis, sdkAppId, command),
    lastDelayMs(redis, keys, command, wallClock()),
    troubleOf(redis, keys, command),
    ledger.active().then((ids) => Promise.all(ids.map((id) => ledger.status(id)))),
  ]);
  const jobs = active
    .filter((job): job is JobStatus => job?.state === 'running' && OPERATIONS[job.operation].command === command)
    .map(({ id, calls, closed }) => ({ id, callsLeft: callsLeft({ ...calls, closed }), made: calls.made }));
  return { ceiling, limit: ceiling * share, jobs, lastDelayMs: delayMs, trouble };
}
