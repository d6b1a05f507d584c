import { type RunningJob, runningJobs } from '../domain/forecast.ts';
import { type OperationName, OPERATIONS } from '../domain/operation.ts';
import { unansweredCalls } from '../limiter/in-force.ts';
import { type Allowance, allowanceOf } from './allowance.ts';
import type { Keys } from './keys.ts';
import type { Ledger } from './ledger.ts';
import { type LimitInForce, limitInForce, type LimitParts } from './limit-in-force.ts';
import { lastDelayMs } from './delayed.ts';
import { quietOf } from './breaker.ts';
import { tooFastCode, troubleOf } from './trouble.ts';

/** What the calls of one operation can expect now. */
export interface Outlook extends Omit<LimitInForce, 'saidMsAgo'> {
  /** What an operator allows of the command. */
  allowed: Allowance;
  /** The last "too fast" of that limit: the service's code, where it is known yet, and how long ago. Null as above. */
  tooFast: { code: number | null; msAgo: number } | null;
  /** The running jobs that share it, by the weights of their priorities (domain/shares.ts). */
  jobs: RunningJob[];
  /** In how many ms the last chunk that waits for another try comes back; 0 when none waits. */
  lastDelayMs: number;
  /** Calls of the command that have waited for their answer for a while. */
  unanswered: number;
  /** Why nothing new is fed, of any command: outcomes wait in Redis, or it is nearly full. Null when it is. */
  heldBack: string | null;
  /** Why calls of this command fail now, all of them; null when nothing is known to be wrong. */
  trouble: string | null;
}

export interface OutlookParts extends LimitParts {
  keys: Keys;
  ledger: Ledger;
  /** Milliseconds since 1970. */
  wallClock: () => number;
}

/** Looks at the ledger, the limiter and what callers say; changes nothing. */
export async function outlookOf(
  operation: OperationName,
  { redis, keys, ledger, sdkAppId, tuning, wallClock }: OutlookParts,
): Promise<Outlook> {
  const { command } = OPERATIONS[operation];
  const [inForce, allowed, delayMs, unanswered, trouble, heldBack, active] = await Promise.all([
    limitInForce(command, { redis, sdkAppId, tuning }),
    allowanceOf(command, { redis, keys, sdkAppId }),
    lastDelayMs(redis, keys, command, wallClock()),
    unansweredCalls(redis, sdkAppId, command),
    quietOf(redis, keys).then((quiet) => quiet ?? troubleOf(redis, keys, command)),
    ledger.heldBack(),
    ledger.active().then((ids) => Promise.all(ids.map((id) => ledger.status(id)))),
  ]);
  const jobs = runningJobs(
    command,
    active.filter((job) => job !== null),
  );
  const { throttled, saidMsAgo, ...limits } = inForce;
  const tooFast = throttled && {
    code: await tooFastCode(redis, keys, throttled === 'app' ? null : command),
    msAgo: saidMsAgo ?? 0,
  };
  return { ...limits, throttled, allowed, tooFast, jobs, lastDelayMs: delayMs, unanswered, heldBack, trouble };
}
