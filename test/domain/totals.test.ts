import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { STATUSES, type Status } from '../../src/domain/outcome.ts';
import { totalsOf, totalsWithRetries } from '../../src/domain/totals.ts';

const count = fc.nat(2 ** 40);

test('totals add up, whatever was settled so far (G4)', () => {
  const settled = fc.record(
    Object.fromEntries(STATUSES.map((status) => [status, count])) as Record<Status, fc.Arbitrary<number>>,
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(settled, count, count, count, (counts, open, invalid, duplicate) => {
      const done = Object.values(counts).reduce((sum, one) => sum + one, 0);
      const accepted = done + open;
      const totals = totalsOf({ rows: accepted + invalid + duplicate, invalid, duplicate, accepted }, counts);
      expect(totals.open).toBe(open);
      expect(totals.rows).toBe(totals.accepted + totals.invalid + totals.duplicate);
      const { ok, satisfied, pending, failed, unknown, skipped } = totals;
      expect(totals.accepted).toBe(ok + satisfied + pending + failed + unknown + skipped + totals.open);
      for (const status of STATUSES) expect(totals[status]).toBe(counts[status] ?? 0);
    }),
  );
});

test('rows that were run again count once, as they ended there (G4)', () => {
  const statuses = fc.record(
    Object.fromEntries(STATUSES.map((status) => [status, fc.nat(1000)])) as Record<Status, fc.Arbitrary<number>>,
  );
  const sumOf = (counts: Partial<Record<Status, number>>) => Object.values(counts).reduce((sum, n) => sum + n, 0);
  fc.assert(
    fc.property(
      statuses,
      fc.nat(100),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.nat(9),
      (counts, invalid, part, open) => {
        const accepted = sumOf(counts);
        const own = totalsOf({ rows: accepted + invalid, invalid, duplicate: 0, accepted }, counts);
        const passing = Math.floor(part * counts.failed);
        const taken = counts.skipped + counts.unknown + passing;
        const again = (rows: number, ok: number) =>
          totalsOf({ rows, invalid: 0, duplicate: 0, accepted: rows }, { ok });
        const first = again(taken, Math.max(0, taken - open));
        const rest = again(counts.failed - passing, 0);
        for (const all of [totalsWithRetries(own, first, null), totalsWithRetries(own, first, rest)]) {
          expect(sumOf(Object.fromEntries(STATUSES.map((status) => [status, all[status]]))) + all.open).toBe(accepted);
          expect({ ok: all.ok, skipped: all.skipped, unknown: all.unknown }).toEqual({
            ok: counts.ok + first.ok,
            skipped: 0,
            unknown: 0,
          });
        }
        expect(totalsWithRetries(own, first, null).failed).toBe(counts.failed - passing);
        expect(totalsWithRetries(own, first, rest)).toMatchObject({ failed: 0, open: first.open + rest.open });
      },
    ),
  );
});
