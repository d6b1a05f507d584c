const SAMPLES = 256;
const RENEW_EVERY = 16;
/** Low, but not the lowest: a refusal at the service's door answers faster than any real call. */
const QUANTILE = 0.1;

/**
 * How much later than usual a call can have arrived, judged by its answer: what an answer took beyond the quick ones
 * bounds the delay on the way there. So a call that a network blip held back is noticed although it was sent in time.
 */
export class Answers {
  private readonly durations: number[] = [];
  private seen = 0;
  private quick = Infinity;

  /** Takes a call's time from sending to answer in (ms) and gives its excess over a quick answer's (ms). */
  excessOf(durationMs: number): number {
    this.durations[this.seen % SAMPLES] = durationMs;
    this.seen += 1;
    if (this.seen < RENEW_EVERY) this.quick = Math.min(this.quick, durationMs);
    else if (this.seen % RENEW_EVERY === 0) this.quick = quantile(this.durations, QUANTILE);
    return Math.max(0, durationMs - this.quick);
  }
}

function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(q * sorted.length)] as number;
}
