import pRetry from 'p-retry';
import type { Connection } from '../transport/agent.ts';
import type { ChatClient } from '../chat/client.ts';
import { type CallResult, classify } from '../chat/classify.ts';
import { limitOfCode } from '../chat/codes.ts';
import { type Page, wholeList } from '../chat/page.ts';
import type { Limiter } from '../limiter/limiter.ts';
import type { Slot } from '../limiter/slot.ts';
import type { NextCall } from './next-call.ts';

/** What came of sending a call: its result, or null when nothing left this process. */
export interface Sent {
  result: CallResult | null;
  /** Requests that were answered or may have arrived. */
  calls: number;
}

export interface SendParts {
  chat: ChatClient;
  limiter: Pick<Limiter, 'take'>;
  /** Of the first request, where it came already; null: the limiter gives one. */
  slot: Slot | null;
  /** False when the claim may be another's before the answer is in, or nobody may call: then nothing is sent. */
  mayCall: () => boolean;
  /** Aborted when the caller stops: ends a call in flight. */
  signal: AbortSignal;
  /** Aborted when the job runs no more: ends a wait for a slot, and lets a call in flight be answered. */
  halted: AbortSignal;
  /** Longest wait for a slot, ms: the locks of the claim outlive it and a call. */
  waitMs: number;
  now: () => number;
}

/** A blip is over in a moment; everything longer goes back to the queue and holds no worker. */
const BLIP_MS = 500;
const TRIES = 2;

/** Tells p-retry that another try is worth it. */
class Blip extends Error {}

/** Sends a call, and where its answer is one page of several, the calls for the others. */
export async function send(call: NextCall, parts: SendParts): Promise<Sent> {
  const first = await sendPage(call, 0, parts);
  if (first.result?.page === undefined) return first;
  const pages: Page[] = [first.result.page];
  let { calls } = first;
  let start = 0;
  for (let page = first.result.page; !page.complete; page = pages.at(-1) as Page) {
    if (page.next <= start) return { result: broken(first.result, 'NextStartIndex does not move'), calls };
    if (page.friends.length === 0) return { result: broken(first.result, 'a page before the last is empty'), calls };
    start = page.next;
    const sent = await sendPage(call, start, { ...parts, slot: null });
    calls += sent.calls;
    if (sent.result?.page === undefined) return { result: sent.result, calls };
    pages.push(sent.result.page);
  }
  return { result: { ...first.result, verdicts: [wholeList(pages)] }, calls };
}

function broken(result: CallResult, info: string): CallResult {
  return { ...result, verdicts: [{ fault: { kind: 'unreadable', info } }] };
}

/**
 * Slot, check, send: once, and once more for a blip or a UserSig that could be renewed. Each try takes its own slot.
 * A wait that is given up is no try: the chunk goes back, its place in the line goes to another one.
 */
async function sendPage(call: NextCall, start: number, parts: SendParts): Promise<Sent> {
  const waiting = deadline(parts.waitMs, [parts.signal, parts.halted]);
  let calls = 0;
  let last: Sent | null = null;
  let { slot } = parts;
  const once = async (): Promise<Sent> => {
    const startedAt = parts.now();
    const given = slot;
    slot = null;
    const result = await sendOnce(call, start, given, waiting.signal, parts);
    if (result !== null && !nothingSent(result)) calls += 1;
    const sent: Sent = { result, calls };
    last = sent;
    const { writes } = call.operation;
    if (result === null || isBlip(result, writes, parts.now() - startedAt) || renewed(result, parts.chat)) {
      throw new Blip('blip');
    }
    return sent;
  };
  try {
    return await pRetry(once, {
      retries: TRIES - 1,
      minTimeout: 20,
      maxTimeout: 100,
      randomize: true,
      shouldRetry: ({ error }) => error instanceof Blip && !waiting.signal.aborted,
    });
  } catch (error) {
    if (!(error instanceof Blip) && !waiting.signal.aborted) throw error;
    // Also where the wait for the second try was given up: the first one counts.
    return last ?? { result: null, calls };
  } finally {
    waiting.release();
  }
}

async function sendOnce(
  { operation, from, items, options }: NextCall,
  start: number,
  given: Slot | null,
  waiting: AbortSignal,
  { chat, limiter, mayCall, signal }: SendParts,
): Promise<CallResult | null> {
  const prepared = chat.prepare(operation, from, items, options, start);
  // Connected first: a slot is an instant, and connecting takes longer.
  let connection: Connection;
  try {
    connection = await chat.ready(waiting);
  } catch (error) {
    given?.giveUp();
    if (waiting.aborted) throw error;
    return classify(operation, items, { kind: 'error', error });
  }
  try {
    const slot = given ?? (await limiter.take(waiting));
    const beforeWrite = () => !waiting.aborted && mayCall() && slot.mayWrite();
    const onAnswer = () => slot.answered();
    const answer = await chat.send(prepared, { beforeWrite, onAnswer, signal, connection });
    if (answer.kind === 'not-sent') {
      slot.giveUp();
      return null;
    }
    const result = classify(operation, items, answer);
    if (result.fault?.kind === 'throttled') slot.throttled(limitOfCode(result.fault.code));
    slot.settled(answer.kind === 'response', result.fault === null);
    return result;
  } finally {
    connection.release();
  }
}

/** A fault of the network without a byte sent, e.g. a refused connection. */
function nothingSent({ fault }: CallResult): boolean {
  return fault?.kind === 'transient' && fault.code === null && fault.answered;
}

/** A write goes again at once only if nothing of it was sent: else it might meet itself at the service. */
function isBlip(result: CallResult, writes: boolean, tookMs: number): boolean {
  if (tookMs > BLIP_MS) return false;
  if (nothingSent(result)) return true;
  return !writes && result.fault?.kind === 'transient' && result.fault.curve === 'network';
}

function renewed({ fault }: CallResult, chat: ChatClient): boolean {
  return fault?.kind === 'credentials' && fault.renewable && chat.renewUserSig();
}

/** A signal that is aborted after `ms`, or with one of the others. */
function deadline(ms: number, others: readonly AbortSignal[]): { signal: AbortSignal; release: () => void } {
  const over = new AbortController();
  const end = () => over.abort(new Error('waited too long for a slot'));
  const timer = setTimeout(end, ms);
  for (const other of others) other.addEventListener('abort', end, { once: true });
  if (others.some(({ aborted }) => aborted)) end();
  return {
    signal: over.signal,
    release: () => {
      clearTimeout(timer);
      for (const other of others) other.removeEventListener('abort', end);
    },
  };
}
