import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { ArrivalLog, arrivalsOf, type Arrival } from '../../src/simulator/arrivals.ts';
import { certainMax, certainSpan, mostInWindow, readMeter, shortestSpan, use } from '../../src/simulator/meter.ts';

const arrivals = fc.array(
  fc
    .record({ at: fc.integer({ min: 0, max: 60 }), late: fc.integer({ min: 0, max: 25 }) })
    .map(({ at, late }): Arrival => ({ lo: at - late, at })),
  { maxLength: 9 },
);
const window = fc.integer({ min: 1, max: 40 });
const at = (...stamps: number[]): Arrival[] => stamps.map((stamp) => ({ lo: stamp, at: stamp }));

function subsets(all: readonly Arrival[]): Arrival[][] {
  return all.reduce<Arrival[][]>((sets, one) => sets.concat(sets.map((set) => [...set, one])), [[]]);
}
const span = (set: readonly Arrival[]) => Math.max(...set.map((one) => one.at)) - Math.min(...set.map((one) => one.lo));

test('certainMax is the largest set that fits a window wherever its members were, of all sets there are', () => {
  fc.assert(
    fc.property(arrivals, window, (all, width) => {
      const fitting = subsets(all).filter((set) => set.length <= 1 || span(set) < width);
      expect(certainMax(all, width)).toBe(Math.max(...fitting.map((set) => set.length)));
    }),
  );
});

test('certainSpan is the least span of all sets of that size', () => {
  fc.assert(
    fc.property(arrivals, fc.integer({ min: 1, max: 6 }), (all, size) => {
      const spans = subsets(all).flatMap((set) => (set.length === size ? [span(set)] : []));
      expect(certainSpan(all, size)).toBe(spans.length === 0 ? null : Math.min(...spans));
    }),
  );
});

test('by the stamps alone, both figures are those of arrivals without any delay', () => {
  fc.assert(
    fc.property(arrivals, window, fc.integer({ min: 1, max: 6 }), (all, width, size) => {
      const exact = at(...all.map((one) => one.at));
      expect(mostInWindow(all, width)).toBe(certainMax(exact, width));
      expect(shortestSpan(all, size)).toBe(certainSpan(exact, size));
    }),
  );
});

test('what is certain never exceeds what was stamped, and the certain span is never shorter', () => {
  fc.assert(
    fc.property(arrivals, window, (all, width) => {
      expect(certainMax(all, width)).toBeLessThanOrEqual(mostInWindow(all, width));
      expect(certainSpan(all, 3) ?? Infinity).toBeGreaterThanOrEqual(shortestSpan(all, 3) ?? Infinity);
    }),
  );
});

test('two calls exactly one window apart do not share one', () => {
  expect(mostInWindow(at(0, 1000), 1000)).toBe(1);
  expect(mostInWindow(at(0, 999), 1000)).toBe(2);
  expect(certainMax(at(0, 1000), 1000)).toBe(1);
});

test('a burst that the meter itself may have bunched is not certain', () => {
  // 3 calls stamped at 50 while the gate was busy since 0: they may be 40 apart.
  const bunched = [10, 20, 30].map((lo) => ({ lo, at: 50 }));
  expect(mostInWindow(bunched, 25)).toBe(3);
  expect(certainMax(bunched, 25)).toBe(1);
  expect(certainMax(bunched, 41)).toBe(3);
});

test('use is arrivals per window between first and last, as a share of the limit', () => {
  expect(use(at(0, 250, 500, 750, 1000), 1000, 4)).toBe(1);
  expect(use(at(0, 500, 1000), 1000, 4)).toBe(0.5);
  expect(use(at(7), 1000, 4)).toBe(0);
});

test('a reading tells calls, both maxima, both spans and the meter’s own delay', () => {
  const log = new ArrivalLog();
  log.add({ lo: 0, at: 10 });
  log.add({ lo: 90, at: 110 });
  log.add({ lo: 300, at: 300 });
  expect(readMeter(arrivalsOf(log.pairs()), 150, 2)).toEqual({
    calls: 3,
    mostInWindow: 2,
    certainMax: 2,
    use: (2 * 150) / 290 / 2,
    spanOfNPlus1: 290,
    certainSpanOfNPlus1: 300,
    meterDelay: { mean: 10, max: 20 },
  });
});

test('the log keeps any number of arrivals, in order', () => {
  const log = new ArrivalLog();
  for (let n = 0; n < 5000; n++) log.add({ lo: n, at: n + 1 });
  expect(arrivalsOf(log.pairs())).toEqual(Array.from({ length: 5000 }, (_, n) => ({ lo: n, at: n + 1 })));
});
