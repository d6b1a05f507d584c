import type { Arrival } from './arrivals.ts';

/**
 * Reads a log of arrivals. A window is half open: two calls exactly one window apart do not share one.
 * Every figure exists twice: by the stamps, and what is certain although the meter itself may have been late
 * (a call reached the kernel somewhere in [lo, at]).
 */
export interface MeterReading {
  calls: number;
  /** Most arrivals in any window, by the stamps. */
  mostInWindow: number;
  /** Most arrivals that lie in one window wherever in [lo, at] each of them truly was. */
  certainMax: number;
  /** Mean arrivals per window between the first and the last, divided by the limit. 0 with fewer than two calls. */
  use: number;
  /** Shortest span that holds limit + 1 arrivals, by the stamps, microseconds. Null with fewer calls. */
  spanOfNPlus1: number | null;
  /** The longest that this span can truly have been. The window holds for certain unless it is shorter than it. */
  certainSpanOfNPlus1: number | null;
  /** The meter's own delay, at − lo, microseconds. */
  meterDelay: { mean: number; max: number };
}

export function readMeter(arrivals: readonly Arrival[], windowUs: number, limit: number): MeterReading {
  const delays = arrivals.map(({ lo, at }) => at - lo);
  return {
    calls: arrivals.length,
    mostInWindow: mostInWindow(arrivals, windowUs),
    certainMax: certainMax(arrivals, windowUs),
    use: use(arrivals, windowUs, limit),
    spanOfNPlus1: shortestSpan(arrivals, limit + 1),
    certainSpanOfNPlus1: certainSpan(arrivals, limit + 1),
    meterDelay: {
      mean: delays.length === 0 ? 0 : delays.reduce((sum, delay) => sum + delay, 0) / delays.length,
      max: delays.reduce((most, delay) => Math.max(most, delay), 0),
    },
  };
}

function stampsOf(arrivals: readonly Arrival[]): Float64Array {
  return Float64Array.from(arrivals, ({ at }) => at).toSorted();
}

/** Most arrivals in any window by their stamps. */
export function mostInWindow(arrivals: readonly Arrival[], windowUs: number): number {
  const stamps = stampsOf(arrivals);
  let most = 0;
  let first = 0;
  for (let last = 0; last < stamps.length; last++) {
    while ((stamps[last] as number) - (stamps[first] as number) >= windowUs) first++;
    most = Math.max(most, last - first + 1);
  }
  return most;
}

/** Shortest time between the first and last of any `count` arrivals by their stamps; null with fewer. */
export function shortestSpan(arrivals: readonly Arrival[], count: number): number | null {
  const stamps = stampsOf(arrivals);
  let shortest: number | null = null;
  for (let first = 0; first + count <= stamps.length; first++) {
    const span = (stamps[first + count - 1] as number) - (stamps[first] as number);
    if (shortest === null || span < shortest) shortest = span;
  }
  return shortest;
}

export function use(arrivals: readonly Arrival[], windowUs: number, limit: number): number {
  const stamps = stampsOf(arrivals);
  if (stamps.length < 2) return 0;
  const span = (stamps.at(-1) as number) - (stamps[0] as number);
  return span === 0 ? Infinity : ((stamps.length - 1) * windowUs) / span / limit;
}

/**
 * The largest set of arrivals with max(at) − min(lo) < window: whatever their true instants, they share a window.
 * One of them has the least lo, so for each arrival k the set is: every arrival with lo ≥ lo(k) and at < lo(k) + window.
 */
export function certainMax(arrivals: readonly Arrival[], windowUs: number): number {
  // One arrival alone is in some window for certain, however late its stamp may be.
  let most = Math.min(arrivals.length, 1);
  fromLatestLo(arrivals, (lo, later) => {
    most = Math.max(most, later.countBelow(lo + windowUs));
  });
  return most;
}

/** The least max(at) − min(lo) over all sets of `count` arrivals: no such set is certain to be closer. */
export function certainSpan(arrivals: readonly Arrival[], count: number): number | null {
  let shortest: number | null = null;
  fromLatestLo(arrivals, (lo, later) => {
    const at = later.atOf(count);
    if (at !== null && (shortest === null || at - lo < shortest)) shortest = at - lo;
  });
  return shortest;
}

/** Walks the arrivals by falling lo, handing out each lo with all arrivals whose lo is not less. O(n log n) in all. */
function fromLatestLo(arrivals: readonly Arrival[], visit: (lo: number, later: Ranked) => void): void {
  const later = new Ranked(stampsOf(arrivals));
  const falling = arrivals.toSorted((a, b) => b.lo - a.lo);
  falling.forEach(({ lo, at }, n) => {
    later.add(at);
    if (falling[n + 1]?.lo !== lo) visit(lo, later);
  });
}

/** A growing subset of known stamps, counted by rank (a Fenwick tree). */
class Ranked {
  readonly #stamps: Float64Array;
  readonly #tree: Int32Array;
  #size = 0;

  constructor(stamps: Float64Array) {
    this.#stamps = stamps;
    this.#tree = new Int32Array(stamps.length + 1);
  }

  /** Equal stamps may share a rank: it only matters how many lie below a bound. */
  add(at: number): void {
    this.#size++;
    for (let i = this.#firstNotBelow(at) + 1; i < this.#tree.length; i += i & -i) (this.#tree[i] as number)++;
  }

  countBelow(bound: number): number {
    let count = 0;
    for (let i = this.#firstNotBelow(bound); i > 0; i -= i & -i) count += this.#tree[i] as number;
    return count;
  }

  /** The n-th smallest stamp (from 1); null while there are fewer. */
  atOf(n: number): number | null {
    if (n > this.#size) return null;
    let place = 0;
    let left = n;
    for (let step = 2 ** Math.floor(Math.log2(this.#tree.length)); step >= 1; step /= 2) {
      const next = place + step;
      if (next < this.#tree.length && (this.#tree[next] as number) < left) {
        place = next;
        left -= this.#tree[next] as number;
      }
    }
    return this.#stamps[place] as number;
  }

  #firstNotBelow(bound: number): number {
    let low = 0;
    let high = this.#stamps.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#stamps[middle] as number) < bound) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
