import type { Verdict } from '../chat/classify.ts';
import { type BackoffCurves, delayBefore } from '../domain/backoff.ts';
import type { Item } from '../domain/chunk.ts';
import { codeOf, type Fault, mayHold } from '../domain/fault.ts';
import type { Settlement } from '../domain/outcome.ts';

/** An item that is not settled yet, with what is known of it. */
export interface OpenItem {
  /** Place in the chunk. */
  index: number;
  item: Item;
  /** Calls that carried it and spent an attempt. */
  attempts: number;
  /** A write of it was sent and never answered: it may hold. */
  unanswered: boolean;
  /** What it failed with last. */
  fault: Fault | null;
}

export interface SettledItem {
  index: number;
  item: Item;
  attempts: number;
  settlement: Settlement;
}

export interface Policy {
  /** Calls that may carry one item. */
  attempts: number;
  curves: BackoffCurves;
  /** Multiplies every delay: 1 in production, less at compressed time. */
  backoffScale: number;
  /** Delay after a throttling answer. */
  throttledMs: number;
  /** The service's own time limit: an unanswered write may run that long, so its list is left alone. */
  serviceLimitMs: number;
  random: () => number;
}

export const THROTTLED_MS = 1000;

export type CredentialsFault = Extract<Fault, { kind: 'credentials' }>;

export interface Settled {
  settled: SettledItem[];
  open: OpenItem[];
  /** How long the open items wait; 0 when none is open. */
  delayMs: number;
  /** A fault that stops the job. */
  credentials: CredentialsFault | null;
}

/**
 * Decides for every item of one call: settled, or open with another attempt behind it. The only place that knows when
 * a fault is tried again. `callFault`: what the call as a whole failed with.
 */
export function settleCall(
  items: readonly OpenItem[],
  verdicts: readonly Verdict[],
  writes: boolean,
  policy: Policy,
  callFault: Fault | null = null,
): Settled {
  const result: Settled = { settled: [], open: [], delayMs: 0, credentials: null };
  items.forEach((open, place) => {
    const verdict = verdicts[place] as Verdict;
    if ('settlement' in verdict) {
      result.settled.push({ ...pickItem(open), attempts: open.attempts + 1, settlement: verdict.settlement });
      return;
    }
    const { fault } = verdict;
    if (fault.kind === 'credentials') result.credentials ??= fault;
    const attempts = open.attempts + (spendsAttempt(fault) ? 1 : 0);
    const unanswered = open.unanswered || (writes && mayHold(fault));
    const next: OpenItem = { ...open, attempts, unanswered, fault };
    const usedUp = attempts >= mostAttempts(fault, policy);
    if (usedUp && fault.kind === 'unknown-code' && callFault?.kind === 'unknown-code') {
      // Nobody knows what the service says of the whole call: a person must look before more rows are tried.
      result.credentials ??= { kind: 'credentials', code: fault.code, info: fault.info, renewable: false };
      result.open.push({ ...next, attempts: open.attempts });
    } else if (usedUp) {
      result.settled.push({ ...pickItem(open), attempts, settlement: lastWord(next) });
    } else {
      result.open.push(next);
      result.delayMs = Math.max(result.delayMs, delayAfter(next, writes, policy));
    }
  });
  return result;
}

/** What a cancelled job's open items end with: nothing is called for them any more. */
export function settleWithoutCall(items: readonly OpenItem[]): SettledItem[] {
  return items.map((open) => ({ ...pickItem(open), attempts: open.attempts, settlement: lastWord(open) }));
}

/** Waiting is not failing: a call that was throttled, refused or never left spends no attempt. */
function spendsAttempt(fault: Fault): boolean {
  return fault.kind !== 'throttled' && fault.kind !== 'credentials' && !neverSent(fault);
}

/** Where on its curve an API is asked again that cannot be reached: about every 2 s a chunk. */
const UNREACHABLE_STEP = 3;

/** An API that cannot be reached: the chunk waits for it, however long. */
function neverSent(fault: Fault): boolean {
  return fault.kind === 'transient' && fault.code === null && fault.answered;
}

function mostAttempts(fault: Fault, policy: Policy): number {
  if (!spendsAttempt(fault)) return Number.POSITIVE_INFINITY;
  const bound = 'maxAttempts' in fault ? fault.maxAttempts : undefined;
  return Math.min(policy.attempts, bound ?? policy.attempts);
}

function delayAfter({ fault, attempts }: OpenItem, writes: boolean, policy: Policy): number {
  if (fault?.kind === 'throttled') return policy.throttledMs;
  if (fault === null || fault.kind === 'credentials') return 0;
  const curve = policy.curves[fault.kind === 'transient' ? fault.curve : 'internal'];
  const step = neverSent(fault) ? UNREACHABLE_STEP : attempts;
  const delay = delayBefore(curve, step, policy.random) * policy.backoffScale;
  // An unanswered write may still be running: another one of the same list would collide with it (30008).
  return Math.round(writes && mayHold(fault) ? Math.max(delay, policy.serviceLimitMs) : delay);
}

/** The settlement of an item that is not called again. */
function lastWord({ attempts, unanswered, fault }: OpenItem): Settlement {
  if (fault === null) {
    return unanswered
      ? { status: 'unknown', code: null, info: '', fault: 'a write was sent, its answer was never recorded' }
      : { status: 'skipped', code: null, info: '', fault: 'never sent: the job was cancelled' };
  }
  const code = codeOf(fault);
  const info = code === null ? '' : fault.info;
  const why = code === null ? { fault: fault.info } : {};
  if (unanswered) return { status: 'unknown', code, info, ...why };
  return attempts === 0
    ? { status: 'skipped', code, info, fault: `never accepted: ${fault.info}` }
    : { status: 'failed', code, info, ...why };
}

const pickItem = ({ index, item }: OpenItem) => ({ index, item });
