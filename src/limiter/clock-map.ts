/** Two clocks drift apart by less than this: crystals by 100 ppm, NTP slews by at most 500. ms per ms. */
const DRIFT = 0.0005;
/** A smaller step of Redis' clock is taken as it comes; the margin covers it. */
const STEP_MS = 2;
/** TIME cuts off below the microsecond. */
const TICK_MS = 0.001;

/**
 * Where Redis' clock (µs) stands against this process's monotonic clock (ms), as bounds that are never wrong: a script
 * that said `now` ran after it was asked for and before it was answered. The tightest of the recent bounds hold, each
 * loosened by the drift since.
 */
export class ClockMap {
  /** Redis minus local, ms: at least `low`, at most `high`. */
  private low = -Infinity;
  private high = Infinity;
  private at = 0;

  /**
   * Takes one sample in. False when it cannot be true together with the earlier ones: Redis' clock was set. The map
   * then starts again from this sample.
   */
  observe(askedMs: number, answeredMs: number, redisMicros: number): boolean {
    const redis = redisMicros / 1000;
    const slack = (answeredMs - askedMs) * DRIFT + TICK_MS;
    const low = redis - answeredMs - slack;
    const high = redis - askedMs + slack;
    const drift = Math.max(0, answeredMs - this.at) * DRIFT;
    const oldLow = this.low - drift;
    const oldHigh = this.high + drift;
    this.at = Math.max(this.at, answeredMs);
    const agrees = low <= oldHigh && high >= oldLow;
    this.low = agrees ? Math.max(low, oldLow) : low;
    this.high = agrees ? Math.min(high, oldHigh) : high;
    return low <= oldHigh + STEP_MS && high >= oldLow - STEP_MS;
  }

  /** The earliest local time at which Redis' clock has surely reached `redisMicros`. */
  localAfter(redisMicros: number): number {
    return redisMicros / 1000 - this.low;
  }

  /** What Redis' clock shows at a local time at least, µs: a time up to this is no later than `localMs` in `localAfter`. */
  redisAfter(localMs: number): number {
    const drift = Math.max(0, localMs - this.at) * DRIFT;
    return Math.floor((localMs + this.low - drift) * 1000);
  }

  /** The latest that Redis' clock can show at a local time, µs. */
  redisBefore(localMs: number): number {
    const drift = Math.max(0, localMs - this.at) * DRIFT;
    return Math.ceil((localMs + this.high + drift) * 1000);
  }
}
