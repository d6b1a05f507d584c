import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { STATUSES, type Status } from '../../src/domain/outcome.ts';
import { totalsOf } from '../../src/domain/totals.ts';

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
