const SECOND_US = 1e6;
/** The last calls of a run are cut off by its end. */
const END_US = 300_000;

/**
 * Mean arrivals of a window ÷ limit with a backlog: over whole windows, from a second after the first call until shortly
 * before the end. Null where that is less than a window.
 * @param arrivals stamps, µs, in any order
 */
export function useOf(arrivals, { limit, windowMs }) {
  const stamps = Float64Array.from(arrivals).toSorted();
  const from = stamps[0] + SECOND_US;
  const windows = Math.floor((stamps.at(-1) - END_US - from) / (windowMs * 1000));
  if (!(windows >= 1)) return null;
  const until = from + windows * windowMs * 1000;
  return stamps.filter((at) => at >= from && at < until).length / windows / limit;
}
