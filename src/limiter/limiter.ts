/**
 * A strict limiter: no window of W milliseconds sees more than N calls, however many processes share it.
 *
 * The arithmetic. N tokens; each is back one window plus a margin after its call *arrived*. Redis knows an upper bound
 * s of every arrival, and grants no slot before s_N + W + margin, s_N being the N-th largest bound. Take any N + 1 calls:
 * when the one granted last was granted, the others had bounds, so s_N was no less than the earliest arrival among
 * them; it was sent after s_N + W + margin; so it arrived more than W after that one. Order, pace and processes do not
 * matter, only that bounds are bounds:
 *
 * - A new slot counts from its latest use (`latenessMs` after it), until its process says when the call was written.
 *   A process that dies says nothing, and the token stays where it is.
 * - On the way a call can be held back: what its answer took beyond quick answers is added (`answers.ts`); while it has
 *   none, after half a window, the token stays as long as a call can live (`calls.ts`).
 * - Slots are compared with Redis' clock through bounds (`clock-map.ts`): sent not before, reported not too early.
 * - If the state is lost (another run_id, a missing key, an older state, a clock that was set), the next slot is W + margin after the
 *   last one that anybody could still use.
 *
 * The limit of the app, where it is known, is a second bucket of the same script: a slot is the first instant that both
 * allow. There slots of several commands come in any order, so a call that a new slot would come before is counted from
 * its slot, which it cannot leave earlier (docs/decisions/0023).
 *
 * Callers are of two classes: while an interactive limiter is open, bulk ones lease only a short reach ahead, so that the
 * next slot of the line is near. That changes who gets a slot and says nothing of its time: the arithmetic is the same.
 *
 * On bad networks tokens can be held until the answer (`holdUntilAnswered`): the bound is the time of the answer.
 *
 * Its price: a token's round is W + margin + mean lateness, so use = W ÷ (W + margin + lateness), about 0.994 with the
 * defaults at 1000 ms. Half the margin takes the everyday spread of answers, the other half what cannot be measured.
 */
import { performance } from 'node:perf_hooks';
import type { Redis } from 'ioredis';
import { Agreement } from './agreement.ts';
import { keysOf } from './bucket.ts';
import type { LatenessFigures } from './lateness.ts';
import type { Rate } from './rate.ts';
import { SharedLimiter, type Timer } from './shared-limiter.ts';
import type { Slot } from './slot.ts';
import { redisStore } from './store.ts';
import { timingOf, type Tuning } from './timing.ts';

export type { Rate } from './rate.ts';
export type { Slot, Throttled } from './slot.ts';

export interface Limiter {
  /**
   * Waits for the next slot, first come first served, and resolves when its time has come. Waits as long as Redis is
   * away. Rejects with the signal's reason, or when the limiter is closed.
   */
  take(signal?: AbortSignal): Promise<Slot>;
  /**
   * A slot if one comes within `withinMs` from now, else null; then nothing of the asking is left in the line, and no slot
   * is spent on it. Null comes as soon as it is known, mostly after one round trip to Redis and at the latest after
   * `withinMs`: the line is full for longer, other takers of this process are before it, or Redis is away.
   * @throws RangeError when `withinMs` is not above 50, for that long before its time a new process is granted a slot, or
   *   longer than a timer can run (2^31 - 1)
   */
  tryTake(options?: TryOptions): Promise<Slot | null>;
  /** The longest life of a call, from writing to abort, ms: whoever calls must have given it up by then. */
  readonly callTimeoutMs: number;
  readonly state: LimiterState;
  /** Gives unused slots back and says what is left to say; waiting takers are rejected. Never takes over 1 s. */
  close(): Promise<void>;
}

export interface TryOptions {
  /** How far ahead a slot may be, ms, more than 50 and finite. Default 100. */
  withinMs?: number;
}

export interface LimiterState {
  /** False: Redis is away, nobody calls. */
  connected: boolean;
  /** Why Redis refused the last lease; null when it granted one since. */
  failure: Error | null;
  /** Takers without a slot in hand. */
  waiting: number;
  /** Slots granted to this process whose time has not come. */
  leased: number;
  /** Calls sent and not settled, and how many of these are so late that their tokens are kept. */
  unanswered: number;
  held: number;
  /** The shared rate as last heard: below the ceiling after throttling answers. */
  ratePerSecond: number;
  ceilingPerSecond: number;
  /** Calls sent since the start. */
  sent: number;
  /** Slots given up for their age. */
  tooOld: number;
  /** Calls that a process wrote too late because it froze between check and write (G1). */
  overdue: number;
  /** How often the shared state was found lost (restart, fail-over, deleted key, clock set). */
  losses: number;
  /** From slot to write. */
  lateness: LatenessFigures;
  /** Limits that other processes of the app have instead of these, in words; they are logged too. Empty: all agree. */
  otherLimits: readonly string[];
}

/**
 * Who waits for the slot. While an `interactive` limiter is open, its takers get the next slot of the command (and of the
 * app), about 30 ms away at most, and `bulk` ones get what is left: all of it, or nothing.
 */
export type CallerClass = 'interactive' | 'bulk';

export interface LimiterOptions extends Partial<Tuning> {
  /** May be shared with ordinary commands, not with blocking ones. Without keyPrefix; another `db` is another limit. */
  redis: Redis;
  /** SDKAppID. */
  app: number | string;
  command: string;
  rate: Rate;
  /** Most calls of all commands of the app in a window of the rate, the same for all of them. Default: not known. */
  appCalls?: number | null;
  /** Default: bulk. */
  class?: CallerClass;
  /** The longest life of a call, from writing to abort. */
  callTimeoutMs: number;
  /** Monotonic, ms. */
  clock?: () => number;
  log?: LimiterLog;
}

export interface LimiterLog {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
  /** What a person must mend: limits that do not agree. */
  error(details: object, message: string): void;
}

/**
 * A strict limiter shared by all processes that use the same Redis, app and command; with `appCalls` also over commands.
 * @throws RangeError when the rate or a setting makes no sense; Error for a `redis` with a keyPrefix
 */
export function createLimiter(options: LimiterOptions): Limiter {
  const { redis, app, command, rate, appCalls, callTimeoutMs, log, class: callers = 'bulk', ...rest } = options;
  const { clock = () => performance.now(), ...tuning } = rest;
  checkRedis(redis);
  const timing = timingOf(rate, tuning, { appCalls, callTimeoutMs });
  const agreement = new Agreement({ redis, app, command, timing, log });
  const store = redisStore(redis, keysOf(app, command));
  return new SharedLimiter({ store, timing, class: callers, clock, timer: realTimer, log, agreement });
}

/** Under other names there is another limit, and the service sees the sum. */
function checkRedis({ options: { keyPrefix } }: Redis): void {
  if (!keyPrefix) return;
  throw new Error(
    `redis: its keyPrefix '${keyPrefix}' would make a limit of its own beside the others'; connect without one`,
  );
}

const realTimer: Timer = (run, ms) => {
  const timeout = setTimeout(run, ms);
  return () => clearTimeout(timeout);
};
