const SAMPLES = 256;
const RENEW_EVERY = 16;
/** As good as the lowest, but a few answers from the service's door don't make all others look late. */
const QUANTILE = 0.02;

/**
 * How much later than usual a call can have arrived, judged by its answer: what an answer took beyond the quick ones
 * bounds the delay on the way there. So a call that a network blip held back is noticed although it was sent in time.
 */
export class Answers {
  private readonly durations: number[] = [];
  private seen = 0;
  private quick = Infinity;

  /** How much longer than a quick answer's a call's time from sending to answer was (ms). `typical`: it counts itself. */
  excessOf(durationMs: number, typical = true): number {
    if (typical) this.learn(durationMs);
    return this.seen === 0 ? durationMs : Math.max(0, durationMs - this.quick);
  }

  private learn(durationMs: number): void {
    this.durations[this.seen % SAMPLES] = durationMs;
    this.seen += 1;
    if (this.seen < RENEW_EVERY) this.quick = Math.min(this.quick, durationMs);
    else if (this.seen % RENEW_EVERY === 0) this.quick = quantile(this.durations, QUANTILE);
  }
}

function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(q * sorted.length)] as number;
}
