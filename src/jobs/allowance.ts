import type { Redis } from 'ioredis';
import { ceilingOf, type Limits } from '../domain/frequency.ts';
import { type OperationName, OPERATIONS } from '../domain/operation.ts';
import { setAllowed } from '../limiter/allowed.ts';
import { sharesInForce } from '../limiter/in-force.ts';
import type { Keys } from './keys.ts';

/** What an operator allows the calls of an operation, in all processes, until it is changed. Null: no less than there is. */
export interface Allowance {
  /** Of whoever takes slots of the command, also programs beside befriend. */
  callsPerSecond: number | null;
  /** Chunks in the hands of callers, so as many calls in flight at most. */
  inFlight: number | null;
}

export interface AllowanceParts {
  redis: Redis;
  keys: Keys;
  sdkAppId: number;
  tuning: Limits;
}

/** A slower job would wait for its slots longer than callers do. */
const LEAST_PER_SECOND = 1;
const MOST_IN_FLIGHT = 100_000;

/** What is wrong with it, for a person; null when nothing is. */
export function allowanceProblem(
  operation: OperationName,
  { callsPerSecond, inFlight }: Partial<Allowance>,
  tuning: Limits,
): string | null {
  const ceiling = ceilingOf(OPERATIONS[operation].command, tuning);
  const rate = callsPerSecond ?? null;
  if (rate !== null && !(rate >= LEAST_PER_SECOND && rate <= ceiling)) {
    return `${rate} calls/s of ${operation}: expected from ${LEAST_PER_SECOND} to ${ceiling}, which the settings give.`;
  }
  const most = inFlight ?? null;
  if (most !== null && !(Number.isInteger(most) && most >= 1 && most <= MOST_IN_FLIGHT)) {
    return `${most} calls in flight: expected a whole number from 1 to ${MOST_IN_FLIGHT}.`;
  }
  return null;
}

/**
 * Changes what is given, at once and for all processes: slots that were granted, and calls in flight, are not taken back.
 * @throws RangeError with what is wrong
 */
export async function allow(
  operation: OperationName,
  asked: Partial<Allowance>,
  { redis, keys, sdkAppId, tuning }: AllowanceParts,
): Promise<void> {
  const problem = allowanceProblem(operation, asked, tuning);
  if (problem !== null) throw new RangeError(problem);
  const { command } = OPERATIONS[operation];
  const { callsPerSecond, inFlight } = asked;
  if (callsPerSecond !== undefined) await setAllowed(redis, sdkAppId, command, callsPerSecond);
  if (inFlight === undefined) return;
  // Loaded on use: BullMQ takes longer to load than the rest of this.
  const { openQueue } = await import('./queue.ts');
  const queue = openQueue(redis, keys, command);
  try {
    // BullMQ counts the chunks that are taken, in the script that takes one.
    await (inFlight === null ? queue.removeGlobalConcurrency() : queue.setGlobalConcurrency(inFlight));
  } finally {
    await queue.close();
  }
}

/** Looks only. */
export async function allowanceOf(
  command: string,
  { redis, keys, sdkAppId }: Pick<AllowanceParts, 'redis' | 'keys' | 'sdkAppId'>,
): Promise<Allowance> {
  const [{ allowedPerSecond }, inFlight] = await Promise.all([
    sharesInForce(redis, sdkAppId, command),
    redis.hget(keys.queueMeta(command), 'concurrency'),
  ]);
  return { callsPerSecond: allowedPerSecond, inFlight: inFlight === null ? null : Number(inFlight) };
}

/** For a person; '' where nothing is set. */
export function allowedText({ callsPerSecond, inFlight }: Allowance): string {
  const rate = callsPerSecond === null ? [] : [`${callsPerSecond} calls/s`];
  return [...rate, ...(inFlight === null ? [] : [`${inFlight} in flight`])].join(', ');
}
