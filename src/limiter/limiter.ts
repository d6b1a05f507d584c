import { performance } from 'node:perf_hooks';
import type { Redis } from 'ioredis';
import { keysOf } from './bucket.ts';
import type { LatenessFigures } from './lateness.ts';
import { checkRate, type Rate } from './rate.ts';
import { SharedLimiter } from './shared-limiter.ts';
import type { Slot } from './slot.ts';
import { timingOf, type Tuning } from './timing.ts';

export type { Rate } from './rate.ts';
export type { Slot } from './slot.ts';

export interface Limiter {
  /**
   * Waits for the next slot, first come first served, and resolves when its time has come. Waits as long as Redis is
   * away. Rejects with the signal's reason, or when the limiter is closed.
   */
  take(signal?: AbortSignal): Promise<Slot>;
  readonly state: LimiterState;
  /** Gives unused slots back and says what is left to say; waiting takers are rejected. Never takes over 1 s. */
  close(): Promise<void>;
}

export interface LimiterState {
  /** False: Redis is away, nobody calls. */
  connected: boolean;
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
  /** Since the start: calls sent; slots given up for age; calls that a frozen process wrote too late (G1). */
  sent: number;
  tooOld: number;
  overdue: number;
  /** How often the shared state was found lost (restart, fail-over, deleted key, clock set). */
  losses: number;
  /** From slot to write. */
  lateness: LatenessFigures;
}

export interface LimiterOptions extends Partial<Tuning> {
  /** May be shared with ordinary commands, not with blocking ones. */
  redis: Redis;
  /** SDKAppID. */
  app: number | string;
  command: string;
  rate: Rate;
  /** The longest life of a call, from writing to abort. */
  callTimeoutMs: number;
  /** Monotonic, ms. */
  clock?: () => number;
  log?: LimiterLog;
}

export interface LimiterLog {
  warn(details: object, message: string): void;
}

/**
 * A strict limiter shared by all processes that use the same Redis, app and command.
 * @throws RangeError when the rate makes no sense
 */
export function createLimiter(options: LimiterOptions): Limiter {
  const { redis, app, command, rate, callTimeoutMs, clock = () => performance.now(), log, ...tuning } = options;
  const timing = timingOf(checkRate(rate), tuning);
  return new SharedLimiter({ redis, keys: keysOf(app, command), timing, callTimeoutMs, clock, log });
}
