import { expect, test } from 'vitest';
import { checkRate, perSecond } from '../../src/limiter/rate.ts';
import { DEFAULT_TUNING, timingOf } from '../../src/limiter/timing.ts';

test.each([
  { calls: 0, windowMs: 1000 },
  { calls: -5, windowMs: 1000 },
  { calls: 1.5, windowMs: 1000 },
  { calls: Number.NaN, windowMs: 1000 },
  { calls: 10, windowMs: 0 },
  { calls: 10, windowMs: Number.POSITIVE_INFINITY },
  { calls: 10, windowMs: Number.NaN },
])('refuses nonsense: %o', (rate) => {
  expect(() => checkRate(rate)).toThrow(RangeError);
});

test('calls per second', () => {
  expect(perSecond(checkRate({ calls: 20, windowMs: 100 }))).toBe(200);
});

test('what is known of a call reaches Redis before the slot that could reuse its token is granted', () => {
  for (const windowMs of [10, 100, 1000, 60_000]) {
    const timing = timingOf({ calls: 10, windowMs });
    expect(timing.heldAfterMs + timing.heldEveryMs).toBeLessThan(windowMs - timing.horizonMs);
    expect(timing.heldAfterMs + timing.flushMs).toBeLessThan(windowMs - timing.horizonMs);
  }
});

test('a loss is waited out: every slot granted before it is past, and a window on top', () => {
  const timing = timingOf({ calls: 200, windowMs: 1000 });
  const { horizonMs, coldLatenessMs, marginMs } = DEFAULT_TUNING;
  expect(timing.lossMs).toBeGreaterThanOrEqual(1000 + marginMs + horizonMs + coldLatenessMs);
});

test('an option given as undefined is the default', () => {
  expect(timingOf({ calls: 1, windowMs: 1000 }, { marginMs: undefined }).marginMs).toBe(DEFAULT_TUNING.marginMs);
});

test('where tokens are held until the answer, a loss is waited out for a call’s life longer', () => {
  const rate = { calls: 200, windowMs: 1000 };
  const plain = timingOf(rate, {}, { callTimeoutMs: 7000 });
  const held = timingOf(rate, { holdUntilAnswered: true }, { callTimeoutMs: 7000 });
  expect([plain.bookedMs, held.bookedMs]).toEqual([0, 7000]);
  expect(held.lossMs).toBe(plain.lossMs + 7000);
});

test('bulk callers leave room in windows of 40 ms and more, and never less than two leads', () => {
  for (const windowMs of [40, 100, 200, 1000, 60_000]) {
    const { reachMs, horizonMs, leadMs } = timingOf({ calls: 10, windowMs });
    expect(reachMs).toBeLessThanOrEqual(horizonMs);
    expect(reachMs).toBeGreaterThanOrEqual(2 * leadMs);
  }
});

test.each([
  { leaseSize: 0 },
  { leaseSize: 1.5 },
  { leaseSize: 1001 },
  { marginMs: -5 },
  { latenessMs: Number.NaN },
  { coldLatenessMs: Infinity },
  { horizonMs: 0 },
  { pace: 0 },
  { pace: 1.1 },
])('%o is refused by name', (tuning) => {
  expect(() => timingOf({ calls: 10, windowMs: 1000 }, tuning)).toThrow(RangeError);
  expect(() => timingOf({ calls: 10, windowMs: 1000 }, tuning)).toThrow(Object.keys(tuning)[0]);
});

test.each([0, -1, Number.NaN, Infinity])('a life of calls of %d ms is refused', (callTimeoutMs) => {
  expect(() => timingOf({ calls: 10, windowMs: 1000 }, {}, { callTimeoutMs })).toThrow('callTimeoutMs must be');
});

test.each([
  [10, 10],
  [200, 50],
  [1000, 200],
  [100_000, 200],
  [1_000_000, 200],
])('at %i calls a second a lease is of %i slots', (calls, leaseSize) => {
  expect(timingOf({ calls, windowMs: 1000 }).leaseSize).toBe(leaseSize);
});

test('under a limit of the app a lease is of fewer slots', () => {
  expect(timingOf({ calls: 200, windowMs: 1000 }, {}, { appCalls: 300 }).leaseSize).toBe(10);
});
