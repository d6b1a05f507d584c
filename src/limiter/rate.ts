/** At most `calls` calls in any window of `windowMs` milliseconds. */
export interface Rate {
  calls: number;
  windowMs: number;
}

const MOST_CALLS = 1_000_000;
const LONGEST_WINDOW_MS = 86_400_000;

/**
 * The rate itself, when it makes sense.
 * @throws RangeError for anything but 1 … 1,000,000 whole calls per 10 ms … 1 day
 */
export function checkRate(rate: Rate): Rate {
  const { calls, windowMs } = rate;
  if (!Number.isInteger(calls) || calls < 1 || calls > MOST_CALLS) {
    throw new RangeError(`rate: calls must be a whole number from 1 to ${MOST_CALLS}, got ${calls}`);
  }
  if (!(windowMs >= 10 && windowMs <= LONGEST_WINDOW_MS)) {
    throw new RangeError(`rate: windowMs must be from 10 to ${LONGEST_WINDOW_MS}, got ${windowMs}`);
  }
  return rate;
}

export function perSecond(rate: Rate): number {
  return (rate.calls / rate.windowMs) * 1000;
}
