import type { Priority } from './job.ts';

/** Running jobs of a command get its calls in these proportions. */
export const WEIGHT: Record<Priority, number> = { high: 16, normal: 4, low: 1 };

/** One who shares: how much of it is his, and how much he can use. */
export interface Sharer {
  weight: number;
  wants: number;
}

/**
 * Divides `amount` by weight: nobody gets more than he wants, and what one does not want goes to the others, by weight
 * again. Everybody who wants all of his part has the same amount per weight, and nobody has more.
 */
export function divide(amount: number, sharers: readonly Sharer[]): number[] {
  const parts = sharers.map(() => 0);
  // Those who want least for their weight first: what they leave is known before the others take.
  const order = sharers.map((_, n) => n).toSorted((a, b) => perWeight(sharers[a]!) - perWeight(sharers[b]!));
  let left = amount;
  let weight = sharers.reduce((sum, sharer) => sum + sharer.weight, 0);
  for (const n of order) {
    const sharer = sharers[n]!;
    const part = Math.min(sharer.wants, (left * sharer.weight) / weight);
    parts[n] = part;
    left -= part;
    weight -= sharer.weight;
  }
  return parts;
}

const perWeight = ({ wants, weight }: Sharer): number => wants / weight;

/** Which share of the calls of their command running jobs have now: 0 to 1, 0 where none is left to make. */
export function sharesOf(jobs: readonly { priority: Priority; callsLeft: number }[]): number[] {
  return divide(
    1,
    jobs.map(({ priority, callsLeft }) => ({ weight: WEIGHT[priority], wants: callsLeft > 0 ? 1 : 0 })),
  );
}

/** A job as its chunks stand in the ready window of its command. */
export interface Standing {
  weight: number;
  /** In the queue or in hand: each takes its call in its turn, first come first served. */
  ready: number;
  /** Open too, but waiting for another try. */
  delayed: number;
  /** Not open yet. */
  left: number;
}

/** Parts of the window that a job may have open: what waits for another try comes on top of what is ready. */
const OPEN_PARTS = 2;
/**
 * How much of what a job is fed when it begins stands before all others: what its share is until the next feed. So it
 * need not wait until the window has passed that jobs before it have filled.
 */
export const FIRST_PART = 1 / 4;

/**
 * How many chunks more each job may have ready. A line that is served first come first served gives each job calls in
 * proportion to its chunks in it, so these stand in proportion to the weights; and no chunk waits longer than the window
 * takes, whatever its job's weight.
 */
export function topUps(window: number, jobs: readonly Standing[]): number[] {
  const all = jobs.map(({ weight, ready, left }) => ({ weight, wants: ready + left }));
  const full = divide(window, all);
  // A job most of whose chunks wait for another try cannot use its part: the others have it meanwhile.
  const able = all.map(({ weight, wants }, n) => {
    const can = jobs[n]!.ready + mayOpen(jobs[n]!, full[n]!);
    return { weight, wants: can < full[n]! ? can : wants };
  });
  return divide(window, able).map((exact, n) => {
    const job = jobs[n]!;
    const part = exact === 0 ? 0 : Math.max(1, Math.round(exact));
    return Math.max(0, Math.min(part - job.ready, mayOpen(job, part)));
  });
}

/** How many chunks more a job with this part of the window may have open. */
function mayOpen({ ready, delayed, left }: Standing, part: number): number {
  return Math.max(0, Math.min(left, OPEN_PARTS * part - ready - delayed));
}
