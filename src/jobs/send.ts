import pRetry from 'p-retry';
import type { Connection } from '../chat/agent.ts';
import type { ChatClient, PreparedCall } from '../chat/client.ts';
import { type CallResult, classify } from '../chat/classify.ts';
import type { Item } from '../domain/chunk.ts';
import type { Operation } from '../domain/operation.ts';
import type { Limiter } from '../limiter/limiter.ts';

/** What came of sending a call: its result, or null when nothing left this process. */
export interface Sent {
  result: CallResult | null;
  /** Requests that were answered or may have arrived. */
  calls: number;
}

export interface SendParts {
  chat: ChatClient;
  limiter: Limiter;
  /** False when the claim's locks may be over before the answer is in: then nothing is sent. */
  stillClaimed: () => boolean;
  /** Aborted when the caller stops: ends a call in flight. */
  signal: AbortSignal;
  /** Aborted when the wait for a slot has lasted too long for the claim, or the caller stops. */
  waiting: AbortSignal;
  now: () => number;
}

/** A blip is over in a moment; everything longer goes back to the queue and holds no worker. */
const BLIP_MS = 500;
const TRIES = 2;

/** Tells p-retry that another try is worth it. */
class Blip extends Error {}

/**
 * Slot, check, send: once, and once more for a blip or a UserSig that could be renewed. Each try takes its own slot.
 * A wait that is given up is no try: the chunk goes back, its place in the line goes to another one.
 */
export async function send(
  operation: Operation,
  items: readonly Item[],
  prepared: PreparedCall,
  writes: boolean,
  parts: SendParts,
): Promise<Sent> {
  let calls = 0;
  let last: Sent | null = null;
  const once = async (): Promise<Sent> => {
    const startedAt = parts.now();
    const result = await sendOnce(operation, items, prepared, parts);
    if (result !== null && !nothingSent(result)) calls += 1;
    const sent: Sent = { result, calls };
    last = sent;
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
      shouldRetry: ({ error }) => error instanceof Blip && !parts.waiting.aborted,
    });
  } catch (error) {
    if (!(error instanceof Blip) && !parts.waiting.aborted) throw error;
    // Also where the wait for the second try was given up: the first one counts.
    return last ?? { result: null, calls };
  }
}

async function sendOnce(
  operation: Operation,
  items: readonly Item[],
  prepared: PreparedCall,
  { chat, limiter, stillClaimed, signal, waiting }: SendParts,
): Promise<CallResult | null> {
  // Connected first: a slot is an instant, and connecting takes longer.
  let connection: Connection;
  try {
    connection = await chat.ready(waiting);
  } catch (error) {
    if (waiting.aborted) throw error;
    return classify(operation, items, { kind: 'error', error });
  }
  try {
    const slot = await limiter.take(waiting);
    const beforeWrite = () => stillClaimed() && slot.mayWrite();
    const answer = await chat.send(prepared, { beforeWrite, signal, connection });
    if (answer.kind === 'not-sent') {
      slot.giveUp();
      return null;
    }
    const result = classify(operation, items, answer);
    if (result.fault?.kind === 'throttled') slot.throttled();
    slot.settled(answer.kind === 'response');
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
