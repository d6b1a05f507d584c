import { mayHold } from '../domain/fault.ts';
import { groupOutcomes, type OutcomeGroup } from '../domain/outcome.ts';
import { barsIn, mergeBars } from './bar.ts';
import type { CallParts, Next, Work } from './call.ts';
import { freeLists } from './claim-chunk.ts';
import type { NextCall } from './next-call.ts';
import { notesOf, type OpenItem, statesAfter } from './open-items.ts';
import type { ChunkRef } from './queue.ts';
import type { Sent } from './send.ts';
import type { Settled } from './settle.ts';

/** A call that was made or tried, and what came of it. */
export interface Made {
  call: NextCall;
  sent: Sent;
}

/** Writes what became of a claim into the ledger: outcomes, item states, counts, locks. Then its lists are free. */
export async function recordChunk(
  ref: ChunkRef,
  work: Work,
  { settled, open: left, lessons, delayMs, holdFromMs, bars }: Settled,
  parts: CallParts,
  made: Made | null,
): Promise<Next> {
  const { ledger, at, policy, brake, log } = parts;
  const { claim, chunk, items, job } = work;
  const outcomes = groupOutcomes(settled);
  const recording = ledger.record(ref.job, ref.chunk, {
    epoch: claim.epoch,
    items: statesAfter(claim.items, settled, left),
    notes: notesOf(left, lessons),
    close: left.length === 0,
    keepLocksMs: mayStillRun(made, work) || mayHaveRun(claim, items) ? policy.serviceLimitMs : 0,
    holdFromMs,
    onlyReads: left.every(({ step }) => step === 'verify'),
    knownBars: claim.bars,
    bars: bars.length > 0 && chunk.several ? JSON.stringify(mergeBars(barsIn(claim.bars), bars)) : '',
    brake,
    entry: {
      from: chunk.from,
      attempt: Math.max(0, ...settled.map((item) => item.attempts)),
      at: at(),
      rows: outcomes.reduce((sum, group) => sum + group.to.length, 0),
      outcomes,
    },
    counts: { ...countsOf(outcomes), ...(made && callCounts(made)) },
  });
  // Before the reply: what claims now is behind the record on the same connection, and finds the lists free.
  freeLists(job, chunk, parts);
  if (!(await recording)) {
    log.info({ epoch: claim.epoch }, 'stale: the chunk was claimed again or is closed; nothing recorded');
    return { kind: 'done' };
  }
  return left.length === 0 ? { kind: 'done' } : { kind: 'again', afterMs: delayMs };
}

/** A cancelled chunk is settled without a call, maybe right behind one that was never answered. */
function mayHaveRun({ kind }: Work['claim'], items: readonly OpenItem[]): boolean {
  return kind === 'cancelled' && items.some((item) => item.unanswered);
}

/** An unanswered write holds its lists for a while yet, also where it was the last try. */
function mayStillRun(made: Made | null, { writes }: Work): boolean {
  if (made === null || made.call.step !== 'send' || !writes) return false;
  return made.sent.result?.verdicts.some((verdict) => 'fault' in verdict && mayHold(verdict.fault)) ?? false;
}

/** The job's counts that these outcomes raise, one a row. */
function countsOf(outcomes: readonly OutcomeGroup[]): Record<string, number> {
  const counts: Record<string, number> = {};
  const raise = (name: string, by: number) => {
    counts[name] = (counts[name] ?? 0) + by;
  };
  for (const { status, code, relation, account, to } of outcomes) {
    raise(`status:${status}`, to.length);
    if (code) raise(`code:${code}`, to.length);
    if (relation !== undefined) raise(`relation:${relation.replace('CheckResult_Type_', '')}`, to.length);
    if (account !== undefined) raise(`account:${account}`, to.length);
  }
  return counts;
}

function callCounts({ call, sent: { calls, result } }: Made): Record<string, number> {
  if (calls === 0) return {};
  const throttled = result?.fault?.kind === 'throttled' && { 'calls:throttled': 1 };
  if (call.step !== 'send') return { 'calls:lookups': calls, ...throttled };
  // An item whose earlier call never left (refused, waited too long for a slot) is not carried again.
  const again = call.carried.some(
    ({ attempts, fault, unanswered }) => attempts > 0 || unanswered || fault?.kind === 'throttled',
  );
  return { 'calls:made': calls, ...throttled, ...retriedCount(again, calls, call) };
}

/** Pages of one list are no retries. */
function retriedCount(again: boolean, calls: number, { operation }: NextCall): Record<string, number> {
  if (again) return { 'calls:retried': calls };
  return calls > 1 && operation.answers !== 'pages' ? { 'calls:retried': calls - 1 } : {};
}
