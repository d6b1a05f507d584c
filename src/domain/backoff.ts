import type { Curve } from './fault.ts';

/** One backoff curve: delay = base × factor^(n−1), at most `cap`, spread by ± `jitter` (a fraction). Milliseconds. */
export interface BackoffCurve {
  baseMs: number;
  factor: number;
  capMs: number;
  jitter: number;
}

/** Delay before attempt n+1 without jitter. `attempts` is how many calls have carried the item, from 1. */
export function plainDelay(curve: BackoffCurve, attempts: number): number {
  return Math.min(curve.capMs, curve.baseMs * curve.factor ** (attempts - 1));
}

/** Delay before attempt n+1, in whole milliseconds. `random` gives [0, 1). */
export function delayBefore(curve: BackoffCurve, attempts: number, random: () => number): number {
  return Math.round(plainDelay(curve, attempts) * (1 + curve.jitter * (2 * random() - 1)));
}

export type BackoffCurves = Record<Curve, BackoffCurve>;

/**
 * The defaults. Internal errors: 0.5 s × 2^n to 10 s. Write conflicts: 0.2–1 s at random, since only the other
 * writer's end matters. Network: as internal errors; the service's own limit of 3 s is added for writes in
 * `jobs/settle.ts`, because an unanswered write may still be running. Security policy: minutes (Chat API 1047/34902
 * gives no number).
 */
export const DEFAULT_CURVES: BackoffCurves = {
  internal: { baseMs: 500, factor: 2, capMs: 10_000, jitter: 0.2 },
  conflict: { baseMs: 600, factor: 1, capMs: 600, jitter: 0.66 },
  network: { baseMs: 500, factor: 2, capMs: 10_000, jitter: 0.2 },
  security: { baseMs: 120_000, factor: 2, capMs: 480_000, jitter: 0.2 },
};
