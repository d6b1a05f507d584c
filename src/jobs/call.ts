import type { Logger } from 'pino';
import type { ChatClient } from '../chat/client.ts';
import type { CallResult } from '../chat/classify.ts';
import { explainCode } from '../chat/codes.ts';
import { decodeChunk } from '../domain/block.ts';
import type { Chunk } from '../domain/chunk.ts';
import type { JobDescriptor } from '../domain/job.ts';
import { OPERATIONS } from '../domain/operation.ts';
import type { Limiter } from '../limiter/limiter.ts';
import type { Slot } from '../limiter/slot.ts';
import { barsIn } from './bar.ts';
import type { Breaker } from './breaker.ts';
import { claimChunk } from './claim-chunk.ts';
import type { Halts } from './halts.ts';
import type { Brake, Claim, Ledger } from './ledger.ts';
import { settleLookup, settleVerification } from './lookups.ts';
import { type NextCall, nextCall } from './next-call.ts';
import { type Lessons, NO_LESSONS, type OpenItem, openItems } from './open-items.ts';
import type { ChunkRef } from './queue.ts';
import { recordChunk } from './record-chunk.ts';
import { type Sent, send } from './send.ts';
import {
  type CredentialsFault,
  nothing,
  type Policy,
  type SettleContext,
  type Settled,
  settleBarred,
  settleCall,
  settleWithoutCall,
} from './settle.ts';
import type { Trouble } from './trouble.ts';
import type { Turns } from './turns.ts';

/** What becomes of the chunk's BullMQ job. */
export type Next =
  /** Nothing is open, or the chunk is not ours to call now: the BullMQ job goes; feed adds the chunk again if it must. */
  | { kind: 'done' }
  /** Items are open: the BullMQ job comes back after the delay and holds no worker until then. */
  | { kind: 'again'; afterMs: number };

export interface CallParts {
  ledger: Ledger;
  chat: ChatClient;
  /** The limiter of an API command. */
  limiterOf: (command: string) => Limiter;
  /** Whose turn it is among chunks that write the lists of both ends. */
  turns: Turns;
  /** Tells chunks that wait for their slot that their job was halted. */
  halts: Pick<Halts, 'hold'>;
  trouble: Trouble;
  breaker: Breaker;
  policy: Policy;
  brake: Brake;
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

/** A quiet app may be called again, or a job cancelled, before the quiet's longest end. */
const LOOK_AGAIN_MS = 1000;

function busyDelay(starts: number, random: () => number): number {
  return Math.round(BUSY_MS * Math.min(starts, MOST_BUSY) * (1 + random()));
}

/** The data path of a chunk: claim → slot → send → classify → settle → record. */
export async function callChunk(ref: ChunkRef, shared: CallParts, hand: Hand): Promise<Next> {
  const parts = { ...shared, log: shared.log.child({ job: ref.job, chunk: ref.chunk }) };
  const { ledger, policy } = parts;
  const job = await ledger.descriptor(ref.job);
  if (job === null) return { kind: 'done' };
  const { claim, slot } = await claimChunk(ref, job, parts, hand);
  switch (claim.kind) {
    case 'gone':
    case 'held':
    case 'writes':
      return { kind: 'done' };
    case 'busy':
      return { kind: 'again', afterMs: busyDelay(hand.starts, policy.random) };
    case 'quiet':
      return { kind: 'again', afterMs: Math.min(claim.forMs, LOOK_AGAIN_MS) + busyDelay(1, policy.random) };
    case 'claimed':
    case 'cancelled':
  }
  const work = open(job, claim);
  const known = claim.kind === 'cancelled' ? cancelled(work) : barred(work, parts);
  // What waits for a read must wait: the write may still run, and a read may lag.
  if (known.open.length === 0 || known.delayMs > 0) {
    slot?.giveUp();
    return recordChunk(ref, work, known, parts, null);
  }
  const call = nextCall(job, work.chunk.from, known.open, known.lessons);
  const sent = await sendCall(call, work, slot, parts, hand);
  // Not sent since nobody may call by now: the claim will say when.
  if (sent.result === null && !parts.breaker.calling) known.delayMs = LOOK_AGAIN_MS;
  const settled = sent.result === null ? known : await settle(call, known, sent.result, work, parts);
  // Stopped first: the next claim, of this chunk too, is told so and sends nothing.
  if (settled.credentials !== null) await stop(ref, settled.credentials, settled, parts);
  return recordChunk(ref, work, settled, parts, { call, sent });
}

/** A claimed chunk, opened. */
export interface Work {
  job: JobDescriptor;
  claim: Extract<Claim, { block: Buffer }>;
  chunk: Chunk;
  items: OpenItem[];
  lessons: Lessons;
  writes: boolean;
}

function open(job: JobDescriptor, claim: Work['claim']): Work {
  const { writes } = OPERATIONS[job.operation];
  const chunk = decodeChunk(claim.block);
  const opened = openItems(chunk, claim.items, claim.notes, { abandoned: claim.abandoned, writes });
  return { job, claim, chunk, ...opened, writes };
}

const cancelled = ({ items }: Work): Settled => ({
  ...nothing(),
  lessons: NO_LESSONS,
  settled: settleWithoutCall(items),
});

/** What is open, less what other chunks of the same From_Account have found to be impossible. */
function barred(work: Work, parts: CallParts): Settled {
  const { claim, items } = work;
  return settleBarred(items, barsIn(claim.bars), contextOf(work, parts, false));
}

const contextOf = ({ job, lessons }: Work, { policy }: CallParts, outage: boolean): SettleContext => ({
  operation: OPERATIONS[job.operation],
  options: job.options,
  lessons,
  policy,
  outage,
});

async function sendCall(
  call: NextCall,
  { job, chunk: { from } }: Work,
  slot: Slot | null,
  { chat, limiterOf, halts, trouble, breaker, waitMs, now, log }: CallParts,
  { signal, stillMine }: Hand,
): Promise<Sent> {
  const { command } = call.operation;
  // A slot came with the claim only for the operation's own command, and for one call.
  const mine = call.step === 'send' ? slot : null;
  if (mine === null) slot?.giveUp();
  const mayCall = () => breaker.calling && stillMine();
  const held = halts.hold(job.id);
  const way = { chat, limiter: limiterOf(command), slot: mine, mayCall, signal, halted: held.signal, waitMs, now };
  const sent = await send(call, way).finally(() => held.release());
  if (sent.result === null) return sent;
  trouble.heard(sent.result, command);
  logCall(sent.result, from, log);
  return sent;
}

/** What the answer makes of the open items, beside what was known of them before. */
async function settle(
  call: NextCall,
  known: Settled,
  result: CallResult,
  work: Work,
  parts: CallParts,
): Promise<Settled> {
  const context = { ...contextOf(work, parts, await parts.breaker.heard(result)), lessons: known.lessons };
  const carried = new Set(call.carried);
  const waiting = known.open.filter((item) => !carried.has(item));
  const after = settleStep(call, waiting, result, context);
  return { ...after, settled: [...known.settled, ...after.settled] };
}

function settleStep(call: NextCall, waiting: OpenItem[], result: CallResult, context: SettleContext): Settled {
  switch (call.step) {
    case 'send':
      return settleCall(call.carried, waiting, result, context);
    case 'accounts':
      return settleLookup(call, waiting, result, context);
    case 'verify':
      return settleVerification(call, waiting, result, context);
  }
}

/** With the RequestId, by which the vendor's support finds a call. */
function logCall({ fault, anomalies, requestId }: CallResult, from: string | null, log: Logger): void {
  if (fault !== null) log.debug({ from, fault, requestId }, 'call failed');
  if (anomalies.length > 0) log.warn({ from, anomalies, requestId }, 'odd answer');
}

/** Stops the job, or waits where the service asked for nothing else. */
async function stop(ref: ChunkRef, fault: CredentialsFault, settled: Settled, parts: CallParts): Promise<void> {
  const { ledger, breaker, policy, log } = parts;
  const why = explainCode(fault.code, fault.info);
  if (fault.waitMs !== undefined && (await breaker.wait(fault.waitMs, why))) {
    settled.delayMs = Math.max(settled.delayMs, Math.round(fault.waitMs * policy.backoffScale));
    return;
  }
  const stopped = await ledger.steer(ref.job, 'stop', why);
  if (stopped?.changed) log.error({ code: fault.code, info: fault.info }, 'job stopped: credentials');
}
