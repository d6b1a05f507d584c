import type { Switches } from './switches.ts';

/** Judges the arrivals of one command, or of all commands together. Times are the gate's stamps, microseconds. */
export interface RateWindow {
  /**
   * Takes a call that was stamped at `at` and may have arrived as early as `lo`, where the gate itself was late. False:
   * over the limit (60007, of all commands together 60011).
   */
  take(at: number, lo?: number): boolean;
  /** A call that was taken at `at` is refused for another reason and does not use up the rate. */
  giveBack(at: number): void;
}

/** `countRejected`: a rejected call uses up the rate as an accepted one does. */
export interface RateShape {
  limit: number;
  windowUs: number;
  countRejected: boolean;
}

/**
 * At most `limit` calls in any window, wherever it begins. Two calls exactly one window apart do not share one. Only
 * what is certain counts: a gate that woke up late stamps calls closer together than they came.
 * Stamps may come slightly out of order (a large body is read to its end after a later small one), so a late one is
 * put where it belongs and every window that holds it is looked at.
 */
function slidingWindow({ limit, windowUs, countRejected }: RateShape): RateWindow {
  /** Accepted calls in the order of their stamps, at least the last two windows of them. */
  let calls: { at: number; lo: number }[] = [];
  const span = (first: number): number =>
    (calls[first + limit] as { at: number }).at - (calls[first] as { lo: number }).lo;
  return {
    take(at, lo = at) {
      let place = calls.length;
      while (place > 0 && (calls[place - 1] as { at: number }).at > at) place--;
      calls.splice(place, 0, { at, lo });
      let within = true;
      for (let first = Math.max(0, place - limit); first <= place && first + limit < calls.length; first++) {
        if (span(first) < windowUs) within = false;
      }
      if (!within && !countRejected) calls.splice(place, 1);
      if (calls.length > 4 * limit + 1024) {
        const newest = (calls.at(-1) as { at: number }).at;
        calls = calls.filter((call, index) => index >= calls.length - limit || newest - call.at < 2 * windowUs);
      }
      return within;
    },
    giveBack(at) {
      const place = calls.findLastIndex((call) => call.at === at);
      if (place >= 0) calls.splice(place, 1);
    },
  };
}

/** At most `limit` calls between two ticks of a clock with the window's period. Lets 2 × limit through around a tick. */
function fixedWindow({ limit, windowUs, countRejected }: RateShape): RateWindow {
  const counts = new Map<number, number>();
  return {
    take(at) {
      const tick = Math.floor(at / windowUs);
      const count = counts.get(tick) ?? 0;
      const within = count < limit;
      if (within || countRejected) counts.set(tick, count + 1);
      for (const old of counts.keys()) if (old < tick - 1) counts.delete(old);
      return within;
    },
    giveBack(at) {
      const tick = Math.floor(at / windowUs);
      counts.set(tick, (counts.get(tick) ?? 1) - 1);
    },
  };
}

/** A bucket of `limit` tokens, refilled evenly over a window. A rested bucket lets almost 2 × limit through. */
function tokenBucket({ limit, windowUs, countRejected }: RateShape): RateWindow {
  let tokens = limit;
  let filledAt = -Infinity;
  return {
    take(at) {
      if (at > filledAt) {
        tokens = Math.min(limit, tokens + ((at - filledAt) / windowUs) * limit);
        filledAt = at;
      }
      const within = tokens >= 1;
      if (within) tokens -= 1;
      // A rejected call that counts pushes the next token away by one, to a whole bucket at most.
      else if (countRejected) tokens = Math.max(-limit, tokens - 1);
      return within;
    },
    giveBack() {
      tokens = Math.min(limit, tokens + 1);
    },
  };
}

const WINDOWS: Record<Switches['rate-window'], (shape: RateShape) => RateWindow> = {
  sliding: slidingWindow,
  fixed: fixedWindow,
  bucket: tokenBucket,
};

export function makeRateWindow(kind: Switches['rate-window'], shape: RateShape): RateWindow {
  return WINDOWS[kind](shape);
}
