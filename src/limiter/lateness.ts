import { createHistogram } from 'node:perf_hooks';

/** Milliseconds from slot to write. */
export interface LatenessFigures {
  p50: number;
  p999: number;
  max: number;
}

/** How late calls leave: what the margin is spent on. */
export class Lateness {
  private readonly histogram = createHistogram();

  record(ms: number): void {
    this.histogram.record(Math.max(1, Math.round(ms * 1000)));
  }

  get figures(): LatenessFigures {
    const { histogram } = this;
    if (histogram.count === 0) return { p50: 0, p999: 0, max: 0 };
    return { p50: histogram.percentile(50) / 1000, p999: histogram.percentile(99.9) / 1000, max: histogram.max / 1000 };
  }
}
