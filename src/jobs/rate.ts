import { OPERATIONS } from '../domain/operation.ts';
import type { Tuning } from './roles.ts';

/** Documented for the friend commands, calls per second per app (Chat API 1047/34902 and others, row "frequency"). */
export const FRIEND_CALLS_PER_SECOND = 200;

/**
 * Most calls of a command in a window, when `callsPerSecond` is the limit of the friend commands: other commands may a
 * share of it, as documented.
 */
export function rateOf(command: string, callsPerSecond: number): number {
  const documented = Object.values(OPERATIONS).find((operation) => operation.command === command)?.callsPerSecond;
  return Math.max(1, Math.floor((callsPerSecond * (documented ?? FRIEND_CALLS_PER_SECOND)) / FRIEND_CALLS_PER_SECOND));
}

/** The limits of a deployment. */
export type Limits = Pick<Tuning, 'callsPerSecond' | 'appCallsPerSecond' | 'windowMs'>;

/** Most calls a second of a command: its limit, or the app's where that is less. */
export function ceilingOf(command: string, { callsPerSecond, appCallsPerSecond, windowMs }: Limits): number {
  return (Math.min(rateOf(command, callsPerSecond), appCallsPerSecond ?? Infinity) * 1000) / windowMs;
}
