import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { ClockMap } from '../../src/limiter/clock-map.ts';

/** Redis' clock runs `offset` ms ahead of the local one and drifts by `ppm`. */
const redisAt = (local: number, offset: number, ppm: number): number => local * (1 + ppm / 1e6) + offset;

const sample = fc.record({
  waitMs: fc.integer({ min: 0, max: 60_000 }),
  there: fc.double({ min: 0, max: 200, noNaN: true }),
  back: fc.double({ min: 0, max: 200, noNaN: true }),
});

test('bounds are never wrong: whatever the delays and the drift', () => {
  fc.assert(
    fc.property(
      fc.array(sample, { minLength: 1, maxLength: 30 }),
      fc.integer({ min: -1e9, max: 1e12 }),
      fc.integer({ min: -400, max: 400 }),
      (samples, offset, ppm) => {
        const map = new ClockMap();
        let local = 1000;
        for (const { waitMs, there, back } of samples) {
          local += waitMs;
          const until = local + there + back + 50;
          const latest = map.redisAfter(until);
          const redis = Math.floor(redisAt(local + there, offset, ppm) * 1000);
          expect(map.observe(local, local + there + back, redis)).toBe(true);
          local += there + back;
          const now = redisAt(local, offset, ppm) * 1000;
          // 1 µs: rounding at these magnitudes.
          expect(map.redisBefore(local)).toBeGreaterThanOrEqual(now - 1);
          expect(map.redisAfter(local)).toBeLessThanOrEqual(now + 1);
          // What was said before the answer holds after it.
          expect(map.localAfter(latest)).toBeLessThanOrEqual(until + 0.001);
          expect(redisAt(map.localAfter(now), offset, ppm) * 1000).toBeGreaterThanOrEqual(now - 1);
        }
      },
    ),
  );
});

test('a quick answer makes both bounds tight, and a slow one after it does not loosen them', () => {
  const map = new ClockMap();
  map.observe(0, 0.2, 1_000_100);
  map.observe(10, 60, 1_040_000);
  expect(map.redisBefore(60)).toBeLessThanOrEqual(1_060_000 + 300);
  expect(map.localAfter(1_060_000)).toBeLessThanOrEqual(60 + 0.3);
});

test.each([-3_600_000, -10, 10, 3_600_000])("Redis' clock set by %d ms is noticed, and the map follows", (step) => {
  const map = new ClockMap();
  expect(map.observe(0, 0.2, 9e9)).toBe(true);
  const set = 9e9 + (100 + step) * 1000;
  expect(map.observe(100, 100.2, set)).toBe(false);
  expect(Math.abs(map.redisBefore(100.2) - set)).toBeLessThan(500);
  expect(map.observe(200, 200.2, set + 100_000)).toBe(true);
});

test("a small step of Redis' clock is followed without an alarm", () => {
  const map = new ClockMap();
  map.observe(0, 0.2, 9e9);
  expect(map.observe(100, 100.2, 9e9 + 101_000)).toBe(true);
  expect(map.localAfter(9e9 + 101_000)).toBeGreaterThan(100);
});
