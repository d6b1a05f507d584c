import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Priority } from '../../src/domain/job.ts';
import { divide, type Sharer, sharesOf } from '../../src/domain/shares.ts';

const sharers = fc.array(fc.record({ weight: fc.constantFrom(1, 4, 16), wants: fc.nat(2000) }), { maxLength: 8 });
const sum = (numbers: readonly number[]): number => numbers.reduce((all, n) => all + n, 0);

test('nobody gets more than he wants, and nothing is left while somebody wants it', () => {
  fc.assert(
    fc.property(fc.nat(1000), sharers, (amount, all) => {
      const parts = divide(amount, all);
      const wanted = sum(all.map(({ wants }) => wants));
      expect(sum(parts)).toBeCloseTo(Math.min(amount, wanted), 6);
      for (const [n, { wants }] of all.entries()) {
        expect(parts[n]).toBeGreaterThanOrEqual(0);
        expect(parts[n]).toBeLessThanOrEqual(wants);
      }
    }),
  );
});

test('whoever wants more than he gets has as much per weight as anybody, and at least his own part', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1000 }), sharers, (amount, all) => {
      const parts = divide(amount, all);
      const weight = sum(all.map((sharer) => sharer.weight));
      const per = (n: number): number => parts[n]! / all[n]!.weight;
      for (const [n, { wants, weight: own }] of all.entries()) {
        if (wants - parts[n]! < 1e-6) continue;
        expect(parts[n]).toBeGreaterThanOrEqual((amount * own) / weight - 1e-6);
        for (const other of all.keys()) expect(per(n)).toBeGreaterThanOrEqual(per(other) - 1e-6);
      }
    }),
  );
});

test.each<[string, number, Sharer[], number[]]>([
  ['one alone has all', 400, [{ weight: 1, wants: 900 }], [400]],
  [
    'a night job beside an import',
    400,
    [
      { weight: 1, wants: 900 },
      { weight: 4, wants: 900 },
    ],
    [80, 320],
  ],
  [
    'what the import leaves is of the night job',
    400,
    [
      { weight: 1, wants: 900 },
      { weight: 4, wants: 20 },
    ],
    [380, 20],
  ],
  ['nobody', 400, [], []],
])('%s', (_, amount, all, parts) => {
  expect(divide(amount, all)).toEqual(parts);
});

test('the share at present', () => {
  const job = (priority: Priority, callsLeft = 10) => ({ priority, callsLeft });
  expect(sharesOf([job('low')])).toEqual([1]);
  expect(sharesOf([job('high'), job('normal'), job('high', 0)]).map((share) => share.toFixed(3))).toEqual([
    '0.800',
    '0.200',
    '0.000',
  ]);
  expect(sharesOf([job('low', 0)])).toEqual([0]);
});
