import { OPERATIONS } from './operation.ts';

/** Documented for the friend commands, calls per second per app (Chat API 1047/34902 and others, row "frequency"). */
export const FRIEND_CALLS_PER_SECOND = 200;

/** The limits of a deployment, the same in every process that calls the app. */
export interface Limits {
  /** Most calls in a window of each friend command; other commands may a share of it, as documented. */
  callsPerSecond: number;
  /** Most calls in a window of all commands of the app together; null: not known. */
  appCallsPerSecond: number | null;
  windowMs: number;
}

/**
 * The limit of a command, as befriend's own callers have it.
 *
 * @throws RangeError for a command that befriend does not call: its documented frequency is not known here
 */
export function rateOf(
  command: string,
  { callsPerSecond, windowMs }: Pick<Limits, 'callsPerSecond' | 'windowMs'>,
): { calls: number; windowMs: number } {
  const operation = Object.values(OPERATIONS).find((known) => known.command === command);
  if (operation === undefined) {
    const known = [...new Set(Object.values(OPERATIONS).map((each) => each.command))].join(', ');
    throw new RangeError(`the limit of ${command} is not known here, only of ${known}: give its rate yourself`);
  }
  const share = operation.callsPerSecond / FRIEND_CALLS_PER_SECOND;
  return { calls: Math.max(1, Math.floor(callsPerSecond * share)), windowMs };
}

/** Most calls a second of a command: its limit, or the app's where that is less. */
export function ceilingOf(command: string, limits: Limits): number {
  const { calls, windowMs } = rateOf(command, limits);
  return (Math.min(calls, limits.appCallsPerSecond ?? Infinity) * 1000) / windowMs;
}
