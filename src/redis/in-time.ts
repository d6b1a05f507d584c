import type { Redis } from 'ioredis';
import { type RedisAddress, unusable } from './connection.ts';

/** How long a command waits for an answer of Redis without which it cannot begin, ms. */
export const ANSWER_MS = 5000;

export interface Patience {
  redis: Redis;
  /** Where it is, for the words of the error. */
  address: RedisAddress;
  timeoutMs?: number;
  signal?: AbortSignal;
}

/**
 * The answer to what was asked of Redis, if it comes in time: a client of ours waits for ever, since a job outlives a
 * restart of Redis, and a command that only begins must not.
 * @throws RedisError when it does not come; what `asked` rejects with; the signal's reason
 */
export async function inTime<T>(asked: Promise<T>, patience: Patience): Promise<T> {
  const { redis, address, timeoutMs = ANSWER_MS, signal } = patience;
  const answer = await within(unlessAborted(asked, signal), timeoutMs);
  if (answer !== null) return answer.value;
  const seconds = `${timeoutMs / 1000} s`;
  throw redis.status === 'ready'
    ? unusable(address, `it took the connection and then gave no answer for ${seconds}`, HANGS)
    : unusable(address, `the connection broke and did not come back for ${seconds}`, ENDED);
}

const HANGS = 'See whether the server hangs (its log, the load of its machine), and run the command again';
const ENDED = 'See whether the server still runs, and its log, and run the command again';

/** What `promise` gives, wrapped, or null when it does not come within `ms`. */
export async function within<T>(promise: Promise<T>, ms: number): Promise<{ value: T } | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), ms);
  });
  try {
    return await Promise.race([promise.then((value) => ({ value })), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** `promise`, or the signal's reason as soon as it is aborted: for what cannot be stopped itself. */
export async function unlessAborted<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (signal === undefined) return promise;
  let onAbort = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
