import { checkRate, perSecond, type Rate } from './rate.ts';

/** What can be tuned. Milliseconds; network and scheduling take as long as they take, whatever the window. */
export interface Tuning {
  /** Added to the window before a token counts as back: covers the spread of delay from slot to arrival. */
  marginMs: number;
  /** A slot older than this is given up instead of used. Tokens are booked this much later until reported. */
  latenessMs: number;
  /** The same for the first slots of a process: code that was never run leaves 20–50 ms late. */
  coldLatenessMs: number;
  /** Shortest time from grant to slot: the answer must reach the process before the slot comes. */
  leadMs: number;
  coldLeadMs: number;
  /** How many sends make a process warm. */
  coldSlots: number;
  /** Slots further away aren't granted, so that nobody hoards, and a lost state is waited out quickly. */
  horizonMs: number;
  /** The same for bulk callers while an interactive one is attached: about how long that one waits at most. */
  reachMs: number;
  /** The next lease is asked for when the last leased slot is this near. */
  refillMs: number;
  /** Reports that found no lease to ride on are sent after this time. */
  flushMs: number;
  /** Most slots of one lease, 1 to 1000: what Redis is busy with at once grows faster than it. */
  leaseSize: number;
  /**
   * Once tokens come back, slots stand this fraction of even spacing apart on average, at least, but for 20 ms of lost time
   * that are caught up at half of it: a late call holds up nobody, and bursts do not come back in every window.
   */
  pace: number;
  /** A token comes back a window and a margin after its call's answer, whenever the call arrived: for bad networks. */
  holdUntilAnswered: boolean;
}

/**
 * Use = W ÷ (W + margin + mean lateness). Each figure was measured with 1 and 4 processes at 200 calls per 1000 ms.
 * `horizonMs`, `reachMs`, `refillMs`, `flushMs` and `leaseSize` are further bounded by the rate (see `timingOf`).
 */
export const DEFAULT_TUNING: Tuning = {
  marginMs: 4,
  latenessMs: 20,
  coldLatenessMs: 100,
  leadMs: 5,
  coldLeadMs: 50,
  coldSlots: 10,
  horizonMs: 250,
  reachMs: 25,
  refillMs: 25,
  flushMs: 250,
  leaseSize: 10,
  pace: 0.95,
  holdUntilAnswered: false,
};

/** At most, where none is given. */
const LEASE_SIZE = 200;
/** A lease is of the slots of so many seconds; under a limit of the app of less, so that no command takes it all. */
const LEASE_SECONDS = 0.25;
const LEASE_SECONDS_OF_APP = 0.05;
const MOST_SLOTS = 1000;
/** Node's timers know no longer time. */
const LONGEST_MS = 2 ** 31 - 1;
const LONGEST_LEAD_MS = 60_000;

/** Everything of a limiter that follows from its rate and tuning, fixed for its life. */
export interface Timing extends Tuning {
  rate: Rate;
  /** Most calls of all commands of the app in a window; 0: not known. */
  appCalls: number;
  /** The longest life of a call, from writing to abort. */
  callTimeoutMs: number;
  /** What the command may call at most: its limit, or the app's where that is less. */
  ceilingPerSecond: number;
  /** Counted of a call that was sent and not answered: its longest life where tokens are held until the answer, else 0. */
  bookedMs: number;
  /** A call without an answer for this long keeps its token until it has one. */
  heldAfterMs: number;
  /** How often unanswered calls are looked at. */
  heldEveryMs: number;
  /** After a loss of state: every slot that may have been granted before is past, and its window too. */
  lossMs: number;
}

/**
 * Where the window is short, horizon, flush and the clock of unanswered calls are fractions of it: whatever is known of
 * a call must reach Redis before the slot that could reuse its token is granted. Answers come within `heldAfter` and are
 * said within `flush` (0.65 W), held calls are found within `heldEvery` more and said at once (0.5 W); the slot is
 * granted a horizon ahead (0.75 W). Under about 50 ms of window that cannot hold, since leads, timers and the way to Redis
 * are no fractions of it: a call that is delayed there beyond the margin may be noticed too late.
 */
export function timingOf(
  rate: Rate,
  tuning: Partial<Tuning> = {},
  { appCalls = null, callTimeoutMs = 10_000 }: { appCalls?: number | null; callTimeoutMs?: number } = {},
): Timing {
  checkRate(rate);
  checkTuning({ ...definedOf(tuning), callTimeoutMs });
  if (appCalls !== null) checkRate({ ...rate, calls: appCalls });
  const given = { ...DEFAULT_TUNING, ...definedOf(tuning) };
  const { windowMs } = rate;
  const horizonMs = Math.min(given.horizonMs, windowMs / 4);
  const bookedMs = given.holdUntilAnswered ? callTimeoutMs : 0;
  const leased = Math.round(perSecond(rate) * (appCalls === null ? LEASE_SECONDS : LEASE_SECONDS_OF_APP));
  const farthestMs = Math.max(horizonMs, given.leadMs, given.coldLeadMs);
  return {
    ...given,
    rate,
    appCalls: appCalls ?? 0,
    callTimeoutMs,
    bookedMs,
    ceilingPerSecond: perSecond({ ...rate, calls: Math.min(rate.calls, appCalls ?? Infinity) }),
    horizonMs,
    reachMs: Math.max(2 * given.leadMs, Math.min(given.reachMs, horizonMs / 2)),
    refillMs: Math.min(given.refillMs, horizonMs / 4),
    flushMs: Math.min(given.flushMs, windowMs / 4),
    leaseSize: tuning.leaseSize ?? Math.max(given.leaseSize, Math.min(LEASE_SIZE, leased)),
    heldAfterMs: windowMs * 0.4,
    heldEveryMs: Math.max(1, windowMs / 10),
    lossMs: windowMs + given.marginMs + farthestMs + Math.max(given.latenessMs, given.coldLatenessMs) + bookedMs,
  };
}

/** From the least to the most of each number. */
const RANGES: Readonly<
  Record<Exclude<keyof Tuning, 'holdUntilAnswered'> | 'callTimeoutMs', readonly [number, number]>
> = {
  marginMs: [0, LONGEST_LEAD_MS],
  latenessMs: [0, LONGEST_LEAD_MS],
  coldLatenessMs: [0, LONGEST_LEAD_MS],
  leadMs: [0, LONGEST_LEAD_MS],
  coldLeadMs: [0, LONGEST_LEAD_MS],
  coldSlots: [0, Number.MAX_SAFE_INTEGER],
  horizonMs: [1, LONGEST_LEAD_MS],
  reachMs: [1, LONGEST_LEAD_MS],
  refillMs: [0, LONGEST_LEAD_MS],
  flushMs: [0, LONGEST_LEAD_MS],
  leaseSize: [1, MOST_SLOTS],
  pace: [0.01, 1],
  callTimeoutMs: [1, LONGEST_MS],
};

/** @throws RangeError naming the first number that makes no sense */
function checkTuning(tuning: Partial<Tuning> & { callTimeoutMs: number }): void {
  for (const [name, [least, most]] of Object.entries(RANGES)) {
    const value = tuning[name as keyof typeof RANGES];
    if (value !== undefined && !(value >= least && value <= most)) {
      throw new RangeError(`${name} must be from ${least} to ${most}, got ${value}`);
    }
  }
  const { leaseSize = 1 } = tuning;
  if (!Number.isInteger(leaseSize)) throw new RangeError(`leaseSize must be a whole number, got ${leaseSize}`);
}

function definedOf<T extends object>(object: T): Partial<T> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as Partial<T>;
}
