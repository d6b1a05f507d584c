import { type Limits, rateOf } from '../domain/frequency.ts';
import type { LimiterOptions } from './limiter.ts';

/** Settings of a deployment that every process must have alike. */
export interface SharedTuning extends Limits {
  /** Null: the limiter's own choice. */
  marginMs: number | null;
  holdTokens: boolean;
  callTimeoutMs: number;
}

type Shared = Pick<LimiterOptions, 'rate' | 'appCalls' | 'marginMs' | 'holdUntilAnswered' | 'callTimeoutMs'>;

/**
 * What all limiters of a command must be made with alike, from befriend's settings.
 * @throws RangeError for a command that befriend does not call
 */
export function sharedOptions(command: string, tuning: SharedTuning): Shared {
  return {
    rate: rateOf(command, tuning),
    appCalls: tuning.appCallsPerSecond,
    ...(tuning.marginMs !== null && { marginMs: tuning.marginMs }),
    holdUntilAnswered: tuning.holdTokens,
    callTimeoutMs: tuning.callTimeoutMs,
  };
}
