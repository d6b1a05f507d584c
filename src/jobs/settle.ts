import type { CallResult } from '../chat/classify.ts';
import { maySplit } from '../chat/codes.ts';
import type { Verdict } from '../chat/items.ts';
import { type BackoffCurves, delayBefore } from '../domain/backoff.ts';
import type { Item } from '../domain/chunk.ts';
import { type Fault, mayHold } from '../domain/fault.ts';
import type { Operation, OperationOptions } from '../domain/operation.ts';
import type { Settlement } from '../domain/outcome.ts';
import { type Bar, barOf } from './bar.ts';
import { lastWord } from './last-word.ts';
import type { Lessons, OpenItem } from './open-items.ts';

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

/** What became of a chunk's open items by one call. */
export interface Settled {
  settled: SettledItem[];
  open: OpenItem[];
  lessons: Lessons;
  /** How long the open items wait; 0 when none is open. */
  delayMs: number;
  /** From_Account's list is left alone by every chunk until then: a policy of the service holds the account back. */
  holdFromMs: number;
  /** A fault that stops the job. */
  credentials: CredentialsFault | null;
  /** What keeps the other rows of this From_Account from being sent. */
  bar: Bar | null;
}

/** What is being settled, and by which rules. */
export interface SettleContext {
  operation: Operation;
  options: OperationOptions;
  lessons: Lessons;
  policy: Policy;
  /** Nothing reaches the API now: a call that failed on the way says nothing of its items, and spends no attempt. */
  outage: boolean;
}

/** Calls in a row without an answer after which a smaller one is tried. */
const UNANSWERED_BEFORE_SPLIT = 2;
/** After so many items in a row that were refused alone, the request itself is at fault. */
const REFUSED_ALONE = 8;

/**
 * Decides for every item that a call of the operation carried: settled, or open with another attempt behind it; and for
 * those it did not carry, where the answer tells of them. The only place that knows when a fault is tried again.
 */
export function settleCall(
  carried: readonly OpenItem[],
  waiting: readonly OpenItem[],
  result: CallResult,
  context: SettleContext,
): Settled {
  const { fault: callFault, verdicts } = result;
  if (callFault !== null && needsLookup(callFault, carried, context)) {
    return unsettled(carried, waiting, 'accounts', callFault, context.lessons);
  }
  if (callFault?.kind === 'malformed' && maySplit(callFault.code) && carried.length > 1) {
    const atMost = Math.ceil(carried.length / 2);
    return unsettled(carried, waiting, 'send', callFault, { ...context.lessons, atMost });
  }
  const lessons = lessonsOf(carried, result, context);
  const settled: Settled = { ...nothing(), lessons };
  // A smaller body is another one: what made the old one smaller is not held against its items.
  const spared = callFault !== null && mayHold(callFault) && isSmaller(lessons, context.lessons);
  carried.forEach((open, place) =>
    settleItem(open, verdicts[place] as Verdict, { callFault, spared }, settled, context),
  );
  settled.open.push(...waiting);
  settled.bar = barOf(verdicts);
  if (settled.bar !== null) return endAll(settled, settled.bar.settlement, notSent, context);
  const sameForAll = settled.lessons.refusedAlone >= REFUSED_ALONE ? ofAllAlone(verdicts, context) : null;
  return sameForAll === null ? settled : endAll(settled, sameForAll, () => NOT_TRIED, context);
}

/** What a chunk ends with whose From_Account was barred by another chunk: nothing more is sent. */
export function settleBarred(open: readonly OpenItem[], bar: Bar, context: SettleContext): Settled {
  return endAll({ ...nothing(), lessons: context.lessons, open: [...open] }, bar.settlement, notSent, context);
}

/** What a cancelled job's open items end with: nothing is called for them any more. */
export function settleWithoutCall(items: readonly OpenItem[]): SettledItem[] {
  return items.map((open) => settledItem(open, lastWord(open)));
}

export function nothing(): Omit<Settled, 'lessons'> {
  return { settled: [], open: [], delayMs: 0, holdFromMs: 0, credentials: null, bar: null };
}

export function settledItem({ index, item, attempts }: OpenItem, settlement: Settlement): SettledItem {
  return { index, item, attempts, settlement };
}

/** A whole call that failed for an account it does not name: From_Account, or any of the items (Chat API 1047/34907). */
const OF_SOME_ACCOUNT: ReadonlySet<number> = new Set([30002, 30003]);

function needsLookup(fault: Fault, carried: readonly OpenItem[], { operation, lessons }: SettleContext): boolean {
  if (operation.rows !== 'pairs' || !('code' in fault) || fault.code === null) return false;
  if (!OF_SOME_ACCOUNT.has(fault.code)) return false;
  // 30002 stops the job if it is about the app; whether it is about From_Account is worth a call also for one item.
  if (fault.code === 30002) return !lessons.fromExists;
  return carried.length > 1 && !(lessons.fromExists && carried.every(({ exists }) => exists));
}

/** The call as a whole told nothing of its items: they go on with `step`, and no attempt is spent. */
function unsettled(
  carried: readonly OpenItem[],
  waiting: readonly OpenItem[],
  step: OpenItem['step'],
  fault: Fault,
  lessons: Lessons,
): Settled {
  const open = carried.map((item) => ({ ...item, step, fault }));
  return { ...nothing(), lessons, open: [...open, ...waiting] };
}

function isSmaller({ atMost }: Lessons, before: Lessons): boolean {
  return atMost !== null && (before.atMost === null || atMost < before.atMost);
}

/** Smaller after calls that were never answered, larger again after one that was. */
function lessonsOf(carried: readonly OpenItem[], { fault, verdicts }: CallResult, context: SettleContext): Lessons {
  const { operation, lessons, outage } = context;
  if (fault === null) {
    const refusedAlone = verdicts.some((verdict) => 'settlement' in verdict && verdict.settlement.status !== 'failed')
      ? 0
      : lessons.refusedAlone;
    const doubled = lessons.atMost === null ? null : lessons.atMost * 2;
    const atMost = doubled !== null && doubled < operation.itemsPerCall ? doubled : null;
    return { ...lessons, unansweredCalls: 0, sizeIsNoCause: false, refusedAlone, atMost };
  }
  if (fault.kind === 'malformed' && carried.length === 1) {
    return { ...lessons, refusedAlone: lessons.refusedAlone + 1, atMost: lessons.atMost && 2 };
  }
  if (!mayHold(fault) || outage) return lessons;
  const unansweredCalls = lessons.unansweredCalls + 1;
  // One alone was not answered either: whole calls again, which spend their attempts.
  if (carried.length === 1 && lessons.atMost !== null) {
    return { ...lessons, unansweredCalls, sizeIsNoCause: true, atMost: null };
  }
  const split = unansweredCalls >= UNANSWERED_BEFORE_SPLIT && carried.length > 1 && !lessons.sizeIsNoCause;
  return { ...lessons, unansweredCalls, ...(split && { atMost: Math.ceil(carried.length / 2) }) };
}

function settleItem(
  open: OpenItem,
  verdict: Verdict,
  { callFault, spared }: { callFault: Fault | null; spared: boolean },
  into: Settled,
  context: SettleContext,
): void {
  const { operation, policy, outage } = context;
  if ('settlement' in verdict) {
    const answered = { ...open, attempts: open.attempts + 1 };
    end({ ...answered, answer: verdict.settlement }, into, context);
    return;
  }
  const { fault } = verdict;
  if (fault.kind === 'credentials') into.credentials ??= fault;
  const spends = spendsAttempt(fault, outage) && !spared;
  const attempts = open.attempts + (spends ? 1 : 0);
  const unanswered = open.unanswered || (operation.writes && mayHold(fault));
  const next: OpenItem = { ...open, attempts, unanswered, fault };
  const usedUp = spends && attempts >= mostAttempts(fault, policy);
  if (usedUp && fault.kind === 'unknown-code' && callFault?.kind === 'unknown-code') {
    // Nobody knows what the service says of the whole call: a person must look before more rows are tried.
    into.credentials ??= { kind: 'credentials', code: fault.code, info: fault.info, renewable: false };
    into.open.push({ ...next, attempts: open.attempts });
  } else if (usedUp) {
    end(next, into, context);
  } else {
    into.open.push(next);
    const delay = delayAfter(next, operation.writes, policy);
    into.delayMs = Math.max(into.delayMs, delay);
    if (fault.kind === 'transient' && fault.curve === 'security') into.holdFromMs = Math.max(into.holdFromMs, delay);
  }
}

/** No further call of the operation for this item: its last word, or a read that finds it. */
function end(open: OpenItem, into: Settled, context: SettleContext): void {
  const { operation, options } = context;
  const { answer, unanswered } = open;
  // A refusal may be the answer to what an unanswered write has done already. What no read tells of (update, delete-all)
  // would be answered 0 again.
  const refusedLater = unanswered && answer?.status === 'failed' && operation.verification(options) !== null;
  const inDoubt = answer === null ? unanswered : refusedLater || operation.doubts(answer, options);
  if (inDoubt && verifies(context)) verify(open, into, context);
  else into.settled.push(settledItem(open, answer === null || refusedLater ? lastWord(open) : answer));
}

const verifies = ({ operation, options }: SettleContext): boolean =>
  !options.noVerify && operation.verification(options) !== null;

function verify(open: OpenItem, into: Settled, { policy }: SettleContext): void {
  into.open.push({ ...open, step: 'verify' });
  into.delayMs = Math.max(into.delayMs, verifyDelay(open, policy));
}

/**
 * When a read tells what a write has done: it may lag behind a write (Chat API: nothing is documented), so it is given
 * the service's own time limit. An unanswered write may itself run for so long before.
 */
function verifyDelay({ answer }: OpenItem, { serviceLimitMs }: Policy): number {
  return answer === null ? 2 * serviceLimitMs : serviceLimitMs;
}

/**
 * Settles every item that waits for a call of the operation: what others were answered makes that pointless. An answer
 * that says of one row that its state holds, or may hold, says so of no other: a read tells.
 */
function endAll(settled: Settled, said: Settlement, why: (item: OpenItem) => string, context: SettleContext): Settled {
  const after: Settled = { ...settled, open: [] };
  const doubted = !isRefusal(said, context);
  for (const item of settled.open) {
    if (item.step === 'verify') after.open.push(item);
    else if (item.unanswered) end(item, after, context);
    else if (doubted) verify({ ...item, answer: said }, after, context);
    else after.settled.push(settledItem(item, { ...said, fault: why(item) }));
  }
  return after;
}

const isRefusal = (said: Settlement, { operation, options }: SettleContext): boolean =>
  said.status === 'failed' && !operation.doubts(said, options);

/** Why a row of a barred From_Account ends. It may have been sent before, beside the one whose answer is the bar. */
function notSent({ attempts, fault }: OpenItem): string {
  const again = attempts > 0 || (fault !== null && !neverSent(fault));
  return `not sent${again ? ' again' : ''}: another row of the same From_Account was answered this`;
}

const NOT_TRIED = 'refused in one call with others, and not tried alone: those that were tried so were refused too';

/** One item after the other is refused alone, none passes: what the last one was answered is meant for the rest too. */
function ofAllAlone([verdict]: readonly Verdict[], context: SettleContext): Settlement | null {
  if (verdict === undefined || !('settlement' in verdict)) return null;
  const said = verdict.settlement;
  // No read tells whose request waits for its peer.
  return isRefusal(said, context) || (said.status !== 'pending' && verifies(context)) ? said : null;
}

/** Waiting is not failing: a call that was throttled, refused or never left spends no attempt. */
export function spendsAttempt(fault: Fault, outage: boolean): boolean {
  if (fault.kind === 'throttled' || fault.kind === 'credentials' || neverSent(fault)) return false;
  return !(outage && (fault.kind === 'unreadable' || (fault.kind === 'transient' && fault.curve === 'network')));
}

/** Where on its curve an API is asked again that cannot be reached: about every 2 s a chunk. */
const UNREACHABLE_STEP = 3;

/** An API that cannot be reached: the chunk waits for it, however long. */
function neverSent(fault: Fault): boolean {
  return fault.kind === 'transient' && fault.code === null && fault.answered;
}

function mostAttempts(fault: Fault, policy: Policy): number {
  const bound = 'maxAttempts' in fault ? fault.maxAttempts : undefined;
  return Math.min(policy.attempts, bound ?? policy.attempts);
}

/** How long an item waits with this fault behind it. */
export function delayAfter(
  { fault, attempts }: Pick<OpenItem, 'fault' | 'attempts'>,
  writes: boolean,
  policy: Policy,
): number {
  if (fault?.kind === 'throttled') return policy.throttledMs;
  if (fault === null || fault.kind === 'credentials') return 0;
  const curve = policy.curves[fault.kind === 'transient' ? fault.curve : 'internal'];
  const step = neverSent(fault) ? UNREACHABLE_STEP : Math.max(1, attempts);
  const delay = delayBefore(curve, step, policy.random) * policy.backoffScale;
  // An unanswered write may still be running: another one of the same list would collide with it (30008).
  return Math.round(writes && mayHold(fault) ? Math.max(delay, policy.serviceLimitMs) : delay);
}
