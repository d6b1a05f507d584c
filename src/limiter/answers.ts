/** Enough to remember the quick ones while a machine or a way is slow for seconds. */
const SAMPLES = 1024;
/** Before so many are known, none of them is quick: nobody knows yet how quick they can be. */
const ENOUGH = 64;
/**
 * The lowest but two of a thousand. What lies between it and the very lowest is taken from the margin: of a way of 0 to
 * 10 ms at random, and back, 0.8 ms.
 */
const QUANTILE = 0.002;

/**
 * How much later than usual a call can have arrived, judged by its answer: what an answer took beyond the quick ones
 * bounds the delay on the way there. So a call that a network blip held back is noticed although it was sent in time.
 */
export class Answers {
  private readonly durations: number[] = [];
  private seen = 0;
  private quick = 0;

  /**
   * How much longer than a quick answer's a call's time from sending to answer was (ms). `ordinary`: it counts itself.
   * Errors do not: where they come from the service's door, quicker than any work, all others would look late.
   */
  excessOf(durationMs: number, ordinary = true): number {
    if (ordinary) this.learn(durationMs);
    return Math.max(0, durationMs - this.quick);
  }

  private learn(durationMs: number): void {
    this.durations[this.seen % SAMPLES] = durationMs;
    this.seen += 1;
    if (this.seen % ENOUGH === 0) this.quick = quantile(this.durations, QUANTILE);
  }
}

function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(q * sorted.length)] as number;
}
