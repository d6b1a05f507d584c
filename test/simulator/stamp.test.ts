import { expect, test } from 'vitest';
import { Stamper } from '../../src/simulator/stamp.ts';

/** Clocks that a test sets: now, idle so far, waited for a CPU so far. */
function clocks() {
  const read = { now: 1000, idle: 0, waited: 0 };
  const stamper = new Stamper({ now: () => read.now, idle: () => read.idle, waited: () => read.waited });
  return {
    at(now: number, idle: number, waited = 0) {
      Object.assign(read, { now, idle, waited });
      return stamper.stamp();
    },
  };
}

test('after a rest, the bytes came no earlier than the work since then', () => {
  const clock = clocks();
  // 500 µs have passed, of which the loop rested 480.
  expect(clock.at(1500, 480)).toEqual({ lo: 1480, at: 1500 });
});

test('without a rest, they may have waited since the busy stretch began', () => {
  const clock = clocks();
  clock.at(1500, 480);
  expect(clock.at(1700, 480)).toEqual({ lo: 1480, at: 1700 });
  expect(clock.at(1900, 480)).toEqual({ lo: 1480, at: 1900 });
  expect(clock.at(2100, 670)).toEqual({ lo: 2090, at: 2100 });
});

test('time without a CPU looks like rest and is no rest', () => {
  const clock = clocks();
  expect(clock.at(1500, 480, 300)).toEqual({ lo: 1180, at: 1500 });
});

test('bytes that were there before the rest would have ended it: lo is never before the last look', () => {
  const clock = clocks();
  expect(clock.at(1500, 480, 5000)).toEqual({ lo: 1000, at: 1500 });
});
