/** When a call arrived, microseconds on the gate's clock: stamped `at`, in the kernel no earlier than `lo`. */
export interface Arrival {
  lo: number;
  at: number;
}

/** The arrivals of one command, 16 bytes each: a meter must not slow down what it measures. */
export class ArrivalLog {
  #pairs = new Float64Array(2048);
  #length = 0;

  add({ lo, at }: Arrival): void {
    if (this.#length + 2 > this.#pairs.length) {
      const wider = new Float64Array(this.#pairs.length * 2);
      wider.set(this.#pairs);
      this.#pairs = wider;
    }
    this.#pairs[this.#length++] = lo;
    this.#pairs[this.#length++] = at;
  }

  /** lo, at, lo, at, … in the order in which the calls came to the service. */
  pairs(): Float64Array<ArrayBuffer> {
    return this.#pairs.slice(0, this.#length);
  }
}

/** The arrivals of several logs, by their stamps. */
export function mergedPairs(logs: Iterable<ArrivalLog>): Float64Array<ArrayBuffer> {
  const arrivals = [...logs].flatMap((log) => arrivalsOf(log.pairs())).toSorted((a, b) => a.at - b.at);
  return Float64Array.from(arrivals.flatMap(({ lo, at }) => [lo, at]));
}

export function arrivalsOf(pairs: Float64Array): Arrival[] {
  return Array.from({ length: pairs.length / 2 }, (_, n) => ({
    lo: pairs[2 * n] as number,
    at: pairs[2 * n + 1] as number,
  }));
}
