import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Factors, pairwise } from './pairwise.ts';

const factors: fc.Arbitrary<Factors> = fc.dictionary(
  fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'd'), minLength: 1, maxLength: 3 }),
  fc.uniqueArray(fc.constantFrom('1', '2', '3'), { minLength: 1 }),
  { minKeys: 2, maxKeys: 8 },
);

test('every value of every factor meets every value of every other one', () => {
  fc.assert(
    fc.property(factors, (all) => {
      const runs = pairwise(all);
      for (const run of runs) expect(Object.keys(run).toSorted()).toEqual(Object.keys(all).toSorted());
      for (const [a, values] of Object.entries(all)) {
        for (const [b, others] of Object.entries(all)) {
          if (a === b) continue;
          for (const x of values)
            for (const y of others) expect(runs.some((run) => run[a] === x && run[b] === y)).toBe(true);
        }
      }
    }),
  );
});
