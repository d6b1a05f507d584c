import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { rowsIn, rowsOf } from '../../src/domain/chunk.ts';
import { STATUSES, type Status } from '../../src/domain/outcome.ts';
import { totalsOf } from '../../src/domain/totals.ts';
import { items } from './arbitraries.ts';

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

test('a chunk answers one row an item, two where the item goes both ways', () => {
  fc.assert(
    fc.property(items, (all) => {
      const both = all.filter(({ rows }) => rows === 'both');
      expect(rowsIn(all)).toBe(all.length + both.length);
      expect(both.every((item) => rowsOf(item) === 2)).toBe(true);
    }),
  );
});
