import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { type BackoffCurve, DEFAULT_CURVES, delayBefore, plainDelay } from '../../src/domain/backoff.ts';

const curve: fc.Arbitrary<BackoffCurve> = fc.record({
  baseMs: fc.integer({ min: 1, max: 10_000 }),
  factor: fc.double({ min: 1, max: 5, noNaN: true }),
  capMs: fc.integer({ min: 1, max: 60_000 }),
  jitter: fc.double({ min: 0, max: 1, noNaN: true }),
});
const attempts = fc.integer({ min: 1, max: 200 });
const drawn = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

const delays = (name: 'internal' | 'conflict') =>
  [1, 2, 3, 5, 6, 200].map((n) => delayBefore(DEFAULT_CURVES[name], n, () => 0.5));

test('without jitter a delay never falls with the attempts, and never passes its cap', () => {
  fc.assert(
    fc.property(curve, attempts, (of, n) => {
      expect(plainDelay(of, n)).toBeLessThanOrEqual(of.capMs);
      expect(plainDelay(of, n + 1)).toBeGreaterThanOrEqual(plainDelay(of, n));
    }),
  );
});

test('jitter moves a delay by its fraction at most; the result is whole milliseconds, never negative', () => {
  fc.assert(
    fc.property(curve, attempts, drawn, (of, n, value) => {
      const plain = plainDelay(of, n);
      const delay = delayBefore(of, n, () => value);
      expect(Number.isInteger(delay) && delay >= 0).toBe(true);
      expect(Math.abs(delay - plain)).toBeLessThanOrEqual(plain * of.jitter + 0.5);
    }),
  );
});

test('internal errors wait 0.5 s × 2^n up to 10 s; write conflicts 0.2 to 1 s whatever the attempt', () => {
  expect(delays('internal')).toEqual([500, 1000, 2000, 8000, 10_000, 10_000]);
  expect(new Set(delays('conflict')).size).toBe(1);
  fc.assert(
    fc.property(attempts, drawn, (n, value) => {
      const delay = delayBefore(DEFAULT_CURVES.conflict, n, () => value);
      expect(delay).toBeGreaterThanOrEqual(200);
      expect(delay).toBeLessThanOrEqual(1000);
    }),
  );
});
