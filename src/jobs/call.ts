import type { Logger } from 'pino';
import type { ChatClient } from '../chat/client.ts';
import { explainCode } from '../chat/codes.ts';
import { decodeChunk } from '../domain/block.ts';
import { mayHold } from '../domain/fault.ts';
import type { JobDescriptor } from '../domain/job.ts';
import { groupOutcomes, type OutcomeGroup } from '../domain/outcome.ts';
import { OPERATIONS } from '../domain/operation.ts';
import type { Limiter } from '../limiter/limiter.ts';
import type { Claim, Ledger } from './ledger.ts';
import { notesOf, openItems, statesAfter } from './open-items.ts';
import type { ChunkRef } from './queue.ts';
import { type Sent, send } from './send.ts';
import type { Trouble } from './trouble.ts';
import {
  type CredentialsFault,
  type OpenItem,
  type Policy,
  type Settled,
  settleCall,
  settleWithoutCall,
} from './settle.ts';

/** What becomes of the chunk's BullMQ job. */
export type Next =
  /** Nothing is open, or the chunk is not ours to call now: the BullMQ job goes; feed adds the chunk again if it must. */
  | { kind: 'done' }
  /** Items are open: the BullMQ job comes back after the delay and holds no worker until then. */
  | { kind: 'again'; afterMs: number };

export interface CallParts {
  ledger: Ledger;
  chat: ChatClient;
  limiter: Limiter;
  trouble: Trouble;
  policy: Policy;
  /** Longest life of a request, ms. */
  callTimeoutMs: number;
  /** Longest wait for a slot, ms: the locks of a claim outlive it and a call. Then the chunk claims anew. */
  waitMs: number;
  /** Local monotonic milliseconds. */
  now: () => number;
  /** Milliseconds since 1970, as BullMQ counts delays. */
  wallClock: () => number;
  /** ISO 8601. */
  at: () => string;
  log: Logger;
}

/** The chunk as it lies in this caller's hand. */
export interface Hand {
  /** Aborted when the caller stops. */
  signal: AbortSignal;
  /** False when another caller may have taken the chunk over before the service is done with a call sent now. */
  stillMine: () => boolean;
  /** How often the chunk was taken in hand, this time included. */
  starts: number;
}

/** A list that another chunk writes is free after about one call; where many wait for it, they ask ever less often. */
const BUSY_MS = 100;
const MOST_BUSY = 20;

function busyDelay(starts: number, random: () => number): number {
  return Math.round(BUSY_MS * Math.min(starts, MOST_BUSY) * (1 + random()));
}

/** The data path of a chunk: claim → slot → send → classify → settle → record. */
export async function callChunk(ref: ChunkRef, shared: CallParts, hand: Hand): Promise<Next> {
  const parts = { ...shared, log: shared.log.child({ job: ref.job, chunk: ref.chunk }) };
  const waiting = deadline(parts.waitMs, hand.signal);
  try {
    return await walk(ref, parts, hand, waiting.signal);
  } finally {
    waiting.release();
  }
}

async function walk(ref: ChunkRef, parts: CallParts, hand: Hand, waiting: AbortSignal): Promise<Next> {
  const claim = await parts.ledger.claim(ref.job, ref.chunk, parts.waitMs + parts.callTimeoutMs);
  if (claim.kind === 'gone' || claim.kind === 'held') return { kind: 'done' };
  if (claim.kind === 'busy') return { kind: 'again', afterMs: busyDelay(hand.starts, parts.policy.random) };

  const job = await parts.ledger.descriptor(ref.job);
  if (job === null) return { kind: 'done' };
  const work = open(job, claim);
  if (claim.kind === 'cancelled') {
    return record(
      ref,
      work,
      { settled: settleWithoutCall(work.items), open: [], delayMs: 0, credentials: null },
      parts,
    );
  }

  const sent = await call(job, work, parts, hand, waiting);
  const settled =
    sent.result === null
      ? { settled: [], open: work.items, delayMs: 0, credentials: null }
      : settleCall(work.items, sent.result.verdicts, work.writes, parts.policy, sent.result.fault);
  // Stopped first: the next claim, of this chunk too, is told so and sends nothing.
  if (settled.credentials !== null) await stop(ref, settled.credentials, parts);
  return record(ref, work, settled, parts, sent);
}

interface Work {
  claim: Extract<Claim, { block: Buffer }>;
  from: string | null;
  items: OpenItem[];
  writes: boolean;
}

function open(job: JobDescriptor, claim: Work['claim']): Work {
  const writes = OPERATIONS[job.operation].writeSet(job.options) !== 'none';
  const chunk = decodeChunk(claim.block);
  const items = openItems(chunk, claim.items, claim.notes, { abandoned: claim.abandoned, writes });
  return { claim, from: chunk.from, items, writes };
}

async function call(
  job: JobDescriptor,
  { from, items, writes }: Work,
  { chat, limiter, trouble, now, log }: CallParts,
  { signal, stillMine }: Hand,
  waiting: AbortSignal,
): Promise<Sent> {
  const operation = OPERATIONS[job.operation];
  const carried = items.map(({ item }) => item);
  const prepared = chat.prepare(operation, from, carried, job.options);
  const stillClaimed = () => !waiting.aborted && stillMine();
  const parts = { chat, limiter, stillClaimed, signal, waiting, now };
  const sent = await send(operation, carried, prepared, writes, parts);
  if (sent.result !== null) trouble.heard(sent.result);
  logCall(sent, from, log);
  return sent;
}

/** A signal that is aborted after `ms`, or with `other`. */
function deadline(ms: number, other: AbortSignal): { signal: AbortSignal; release: () => void } {
  const over = new AbortController();
  const end = () => over.abort(new Error('waited too long for a slot'));
  const timer = setTimeout(end, ms);
  other.addEventListener('abort', end, { once: true });
  if (other.aborted) end();
  return {
    signal: over.signal,
    release: () => {
      clearTimeout(timer);
      other.removeEventListener('abort', end);
    },
  };
}

/** With the RequestId, by which the vendor's support finds a call. */
function logCall({ result }: Sent, from: string | null, log: Logger): void {
  if (result === null) return;
  const { fault, anomalies, requestId } = result;
  if (fault !== null) log.debug({ from, fault, requestId }, 'call failed');
  if (anomalies.length > 0) log.warn({ from, anomalies, requestId }, 'odd answer');
}

async function record(
  ref: ChunkRef,
  { claim, from, items, writes }: Work,
  { settled, open: left, delayMs }: Settled,
  { ledger, at, policy, log }: CallParts,
  sent?: Sent,
): Promise<Next> {
  const outcomes = groupOutcomes(settled);
  const recorded = await ledger.record(ref.job, ref.chunk, {
    epoch: claim.epoch,
    items: statesAfter(claim.items, settled, left),
    notes: notesOf(left),
    close: left.length === 0,
    keepLocksMs: writes && (mayStillRun(sent) || mayHaveRun(claim, items)) ? policy.serviceLimitMs : 0,
    entry: {
      from,
      attempt: Math.max(0, ...settled.map((item) => item.attempts)),
      at: at(),
      rows: outcomes.reduce((sum, group) => sum + group.to.length, 0),
      outcomes,
    },
    counts: { ...countsOf(outcomes), ...(sent && callCounts(sent, items)) },
  });
  if (!recorded) {
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
function mayStillRun(sent: Sent | undefined): boolean {
  return sent?.result?.verdicts.some((verdict) => 'fault' in verdict && mayHold(verdict.fault)) ?? false;
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

function callCounts({ calls, result }: Sent, items: readonly OpenItem[]): Record<string, number> {
  // An item whose earlier call never left (refused, waited too long for a slot) is not carried again.
  const again = items.some(
    ({ attempts, fault, unanswered }) => attempts > 0 || unanswered || fault?.kind === 'throttled',
  );
  return {
    ...(calls > 0 && { 'calls:made': calls }),
    ...(calls > 0 && (again || calls > 1) && { 'calls:retried': again ? calls : calls - 1 }),
    ...(result?.fault?.kind === 'throttled' && { 'calls:throttled': 1 }),
  };
}

async function stop(ref: ChunkRef, fault: CredentialsFault, { ledger, log }: CallParts): Promise<void> {
  const stopped = await ledger.steer(ref.job, 'stop', explainCode(fault.code, fault.info));
  if (stopped?.changed) log.error({ code: fault.code, info: fault.info }, 'job stopped: credentials');
}
