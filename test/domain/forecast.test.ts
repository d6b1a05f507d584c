import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { callsLeft, secondsBeside } from '../../src/domain/forecast.ts';

test('calls left are the open chunks, and more of them where calls had to be made again', () => {
  expect(callsLeft({ planned: 100, closed: 40, made: 40, retried: 0 })).toBe(60);
  expect(callsLeft({ planned: 100, closed: 40, made: 60, retried: 15 })).toBe(80);
  expect(callsLeft({ planned: 100, closed: 100, made: 130, retried: 30 })).toBe(0);
  expect(callsLeft({ planned: 100, closed: 0, made: 0, retried: 0 })).toBe(100);
  // Nothing passed yet: no forecast is endless.
  expect(callsLeft({ planned: 100, closed: 0, made: 50, retried: 50 })).toBe(1000);
});

/** Jobs that take turns, one call each: what equal shares of one limit come to. */
function callsUntilDone(mine: number, others: readonly number[]): number {
  const left = [...others];
  let calls = 0;
  for (let own = mine; own > 0; own -= 1) {
    for (const [n, rest] of left.entries()) {
      if (rest === 0) continue;
      left[n] = rest - 1;
      calls += 1;
    }
    calls += 1;
  }
  return calls;
}

test('beside others a job takes as long as turns with each of them take', () => {
  fc.assert(
    fc.property(fc.nat(300), fc.array(fc.nat(300), { maxLength: 6 }), (mine, others) => {
      expect(secondsBeside(mine, others, 1)).toBe(callsUntilDone(mine, others));
    }),
  );
  expect(secondsBeside(400, [], 200)).toBe(2);
});
