import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mostInWindow } from '../../src/simulator/meter.ts';
import { makeRateWindow, type RateShape, type RateWindow } from '../../src/simulator/rate.ts';

const shape = (changes: Partial<RateShape> = {}): RateShape => ({
  limit: 2,
  windowUs: 1000,
  countRejected: false,
  ...changes,
});
const gaps = fc.array(fc.integer({ min: 0, max: 700 }), { maxLength: 60 });
const stampsOf = (steps: readonly number[]) => steps.map((_, n) => steps.slice(0, n + 1).reduce((a, b) => a + b, 0));

const walk = (countRejected: boolean) => {
  const window = makeRateWindow('sliding', shape({ countRejected }));
  return [0, 400, 500, 999, 1000, 1399, 1400].map((at) => window.take(at));
};

describe('sliding window', () => {
  test('rejected calls leave no trace, unless they count', () => {
    expect(walk(false)).toEqual([true, true, false, false, true, false, true]);
    // The rejected ones at 500, 999 fill the window of 1000, and so on.
    expect(walk(true)).toEqual([true, true, false, false, false, false, false]);
  });

  test('no window ever holds more than the limit, and a call is only refused when one would', () => {
    fc.assert(
      fc.property(gaps, fc.integer({ min: 1, max: 5 }), (steps, limit) => {
        const window = makeRateWindow('sliding', shape({ limit }));
        const accepted: { lo: number; at: number }[] = [];
        for (const at of stampsOf(steps)) {
          const fits = mostInWindow([...accepted, { lo: at, at }], 1000) <= limit;
          expect(window.take(at)).toBe(fits);
          if (fits) accepted.push({ lo: at, at });
        }
      }),
    );
  });

  test('the same holds when stamps come out of order', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 5000 }), { maxLength: 40 }), (stamps) => {
        const window = makeRateWindow('sliding', shape());
        const accepted: { lo: number; at: number }[] = [];
        for (const at of stamps) {
          const fits = mostInWindow([...accepted, { lo: at, at }], 1000) <= 2;
          expect(window.take(at)).toBe(fits);
          if (fits) accepted.push({ lo: at, at });
        }
      }),
    );
  });

  test('old stamps are forgotten, the limit is not', () => {
    const window = makeRateWindow('sliding', shape({ limit: 10, windowUs: 10 }));
    const accepted = Array.from({ length: 20_000 }, (_, n) => window.take(n)).filter(Boolean).length;
    expect(accepted).toBe(20_000);
    expect(window.take(19_999)).toBe(false);
  });
});

describe('fixed second', () => {
  test('counts between ticks: twice the limit passes around one', () => {
    const window = makeRateWindow('fixed', shape());
    expect([900, 950, 999, 1000, 1001, 1002, 2000].map((at) => window.take(at))).toEqual([
      true,
      true,
      false,
      true,
      true,
      false,
      true,
    ]);
  });
});

describe('bucket', () => {
  test('a rested bucket lets a burst and the refill through', () => {
    const window = makeRateWindow('bucket', shape());
    expect([0, 0, 0, 500, 501, 1000, 5000, 5000, 5000].map((at) => window.take(at))).toEqual([
      true,
      true,
      false,
      true,
      false,
      true,
      true,
      true,
      false,
    ]);
  });

  test('rejected calls that count push the next one away', () => {
    const window = makeRateWindow('bucket', shape({ countRejected: true }));
    expect([0, 0, 0, 0, 500, 1000, 3000].map((at) => window.take(at))).toEqual([
      true,
      true,
      false,
      false,
      false,
      false,
      true,
    ]);
  });
});

test.each(['sliding', 'fixed', 'bucket'] as const)('%s: a call that was given back leaves no trace', (kind) => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.integer({ min: 0, max: 700 }), fc.boolean()), { maxLength: 60 }), (steps) => {
      // A power of two, so that the bucket's shares of tokens are exact.
      const [window, without] = [1, 2].map(() => makeRateWindow(kind, shape({ windowUs: 1024 }))) as [
        RateWindow,
        RateWindow,
      ];
      const calls = stampsOf(steps.map(([gap]) => gap)).map((at, n) => ({ at, givenBack: steps[n]?.[1] === true }));
      const answers = calls.map(({ at, givenBack }) => {
        const within = window.take(at);
        if (givenBack && within) window.giveBack(at);
        return within;
      });
      const kept = answers.filter((_, n) => !calls[n]?.givenBack);
      expect(kept).toEqual(calls.filter(({ givenBack }) => !givenBack).map(({ at }) => without.take(at)));
    }),
  );
});
