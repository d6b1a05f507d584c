import type { CallResult } from '../chat/classify.ts';
import { maySplit } from '../chat/codes.ts';
import type { Verdict } from '../chat/items.ts';
import { type BackoffCurves, delayBefore } from '../domain/backoff.ts';
import type { Item } from '../domain/chunk.ts';
import { codeOf, type Fault, mayHold } from '../domain/fault.ts';
import type { Operation, OperationOptions } from '../domain/operation.ts';
import type { Settlement } from '../domain/outcome.ts';
import { type Bar, barredBy, barsOf } from './bar.ts';
import { lastWord } from './last-word.ts';
import type { Lessons, OpenItem, Step } from './open-items.ts';
import { isSmaller, type Reply, sizeAfter } from './size.ts';

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
  /** What was found by this call that keeps other rows of this From_Account from being sent. */
  bars: Bar[];
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
  const reply = replyOf(callFault, context.outage);
  const lessons = learned(context.lessons, 'send', reply, carried.length, context.operation.itemsPerCall);
  // A smaller call is another one: what made the old one smaller is not held against its items.
  const spared = isSmaller(lessons.sizes.send, carried.length);
  if (callFault !== null && reply === 'refused' && spared) {
    return unsettled(carried, waiting, 'send', callFault, lessons);
  }
  const settled: Settled = { ...nothing(), lessons };
  suspected(carried, reply).forEach((open, place) =>
    settleItem(open, verdicts[place] as Verdict, { callFault, spared }, settled, context),
  );
  settled.open.push(...waiting);
  if (settled.open.length === 0) settled.delayMs = 0;
  settled.bars = barsOf(carried, verdicts);
  return applyBars(settled, settled.bars, context);
}

/** What a chunk begins with, some of whose rows cannot pass by what another chunk of its From_Account was answered. */
export function settleBarred(open: readonly OpenItem[], bars: readonly Bar[], context: SettleContext): Settled {
  return applyBars({ ...nothing(), lessons: context.lessons, open: [...open] }, bars, context);
}

/** What a cancelled job's open items end with: nothing is called for them any more. */
export function settleWithoutCall(items: readonly OpenItem[]): SettledItem[] {
  return items.map((open) => settledItem(open, lastWord(open)));
}

export function nothing(): Omit<Settled, 'lessons'> {
  return { settled: [], open: [], delayMs: 0, holdFromMs: 0, credentials: null, bars: [] };
}

export function settledItem({ index, item, attempts }: OpenItem, settlement: Settlement): SettledItem {
  return { index, item, attempts, settlement };
}

/** A whole call that failed for an account it does not name: From_Account, or any of the items (Chat API 1047/34907). */
const OF_SOME_ACCOUNT: ReadonlySet<number> = new Set([30002, 30003]);

export function isOfSomeAccount(fault: Fault): boolean {
  const code = codeOf(fault);
  return code !== null && OF_SOME_ACCOUNT.has(code);
}

function needsLookup(fault: Fault, carried: readonly OpenItem[], { operation, lessons }: SettleContext): boolean {
  if (operation.rows !== 'pairs' || !isOfSomeAccount(fault)) return false;
  // 30002 stops the job if it is about the app; whether it is about From_Account is worth a call also for one item.
  if (codeOf(fault) === 30002) return !lessons.fromExists;
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
  const open = carried.map((item) => ({ ...item, step, fault, times: 0, suspect: false }));
  return { ...nothing(), lessons, open: [...open, ...waiting] };
}

/** What a call that ended with this fault, or none, tells of its size. */
export function replyOf(fault: Fault | null, outage: boolean): Reply {
  if (fault === null) return 'answered';
  if (fault.kind === 'malformed' && maySplit(fault.code)) return 'refused';
  return mayHold(fault) && !outage ? 'unanswered' : 'no-word';
}

/** The lessons after a call of `count` items, of a command that takes `most`. */
export function learned(lessons: Lessons, step: Step, reply: Reply, count: number, most: number): Lessons {
  const size = sizeAfter(lessons.sizes[step], reply, count, most);
  // Where nothing is learned, nothing need be noted.
  return size === lessons.sizes[step] ? lessons : { ...lessons, sizes: { ...lessons.sizes, [step]: size } };
}

/** What a call carried: one alone that was not answered may spoil others. */
export function suspected(carried: readonly OpenItem[], reply: Reply): readonly OpenItem[] {
  return reply === 'unanswered' && carried.length === 1 ? carried.map((open) => ({ ...open, suspect: true })) : carried;
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
    end(open, open.attempts + 1, verdict.settlement, into, context);
    return;
  }
  const { fault } = verdict;
  if (fault.kind === 'credentials') into.credentials ??= fault;
  const spends = spendsAttempt(fault, outage) && !spared;
  const attempts = open.attempts + (spends ? 1 : 0);
  const times = (isSame(fault, open.fault) ? open.times : 0) + (spends ? 1 : 0);
  const unanswered = open.unanswered || (operation.writes && mayHold(fault));
  const next: OpenItem = { ...open, attempts, unanswered, fault, times };
  const tooOften = spends && times >= mostTimes(fault, policy);
  if (tooOften && fault.kind === 'unknown-code' && callFault?.kind === 'unknown-code') {
    // Nobody knows what the service says of the whole call: a person must look before more rows are tried.
    into.credentials ??= { kind: 'credentials', code: fault.code, info: fault.info, renewable: false };
    into.open.push({ ...next, attempts: open.attempts });
  } else if (tooOften || (spends && attempts >= policy.attempts)) {
    end(next, attempts, next.answer, into, context);
    // It may still run: what is open of the chunk writes the same list.
    if (operation.writes && mayHold(fault)) into.delayMs = Math.max(into.delayMs, policy.serviceLimitMs);
  } else {
    into.open.push(next);
    const delay = delayAfter(next, operation.writes, policy);
    into.delayMs = Math.max(into.delayMs, delay);
    if (fault.kind === 'transient' && fault.curve === 'security') into.holdFromMs = Math.max(into.holdFromMs, delay);
  }
}

/** No further call of the operation for this item: its last word, or a read that finds it. */
function end(open: OpenItem, attempts: number, answer: Settlement | null, into: Settled, context: SettleContext): void {
  const { operation, options, policy } = context;
  const { unanswered } = open;
  // A refusal may be the answer to what an unanswered write has done already. What no read tells of (update, delete-all)
  // would be answered 0 again.
  const refusedLater = unanswered && answer?.status === 'failed' && operation.verification(options) !== null;
  const inDoubt = answer === null ? unanswered : refusedLater || operation.doubts(answer, options);
  if (inDoubt && !options.noVerify && operation.verification(options) !== null) {
    into.open.push({ ...open, attempts, answer, step: 'verify', suspect: false });
    into.delayMs = Math.max(into.delayMs, verifyDelay(answer, policy));
  } else {
    const word = answer === null || refusedLater ? lastWord({ ...open, attempts, answer }) : answer;
    into.settled.push({ index: open.index, item: open.item, attempts, settlement: word });
  }
}

/**
 * When a read tells what a write has done: it may lag behind a write (Chat API: nothing is documented), so it is given
 * the service's own time limit. An unanswered write may itself run for so long before.
 */
function verifyDelay(answer: Settlement | null, { serviceLimitMs }: Policy): number {
  return answer === null ? 2 * serviceLimitMs : serviceLimitMs;
}

/** Settles the items that wait for a call of the operation which another row's answer has made pointless. */
function applyBars(settled: Settled, bars: readonly Bar[], context: SettleContext): Settled {
  if (bars.length === 0) return settled;
  const after: Settled = { ...settled, open: [] };
  for (const item of settled.open) {
    const settlement = item.step === 'verify' ? undefined : barredBy(bars, item.item);
    if (settlement === undefined) after.open.push(item);
    else if (item.unanswered) end(item, item.attempts, item.answer, after, context);
    else after.settled.push(settledItem(item, { ...settlement, fault: notSent(item) }));
  }
  return after;
}

/** Why a row of a barred From_Account ends. It may have been sent before, beside the one whose answer is the bar. */
function notSent({ attempts, fault }: OpenItem): string {
  const again = attempts > 0 || (fault !== null && !neverSent(fault));
  return `not sent${again ? ' again' : ''}: another row of the same From_Account was answered this`;
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

/** How often in a row an item may be failed by a fault. */
function mostTimes(fault: Fault, policy: Policy): number {
  const bound = 'maxAttempts' in fault ? fault.maxAttempts : undefined;
  return Math.min(policy.attempts, bound ?? policy.attempts);
}

function isSame(fault: Fault, other: Fault | null): boolean {
  return other !== null && fault.kind === other.kind && codeOf(fault) === codeOf(other);
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
