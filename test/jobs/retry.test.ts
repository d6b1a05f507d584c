/** Which rows a retry takes: over the whole table of codes, and by status. */
import { describe, expect, test } from 'vitest';
import { CODE_ROWS, mayPass } from '../../src/chat/codes.ts';
import { type RetryRows, takesRow } from '../../src/jobs/retry.ts';

/** Written down apart from the table: what an item may be run again for without anything of it changed. */
const MAY_PASS = [
  60004, 60005, 60006, 60007, 60008, 60010, 60011, 60013, 60014, 60016, 60017, 60018, 60019, 60020, 60021, 60025, 60026,
  60027, 60028, 70001, 70002, 70003, 70004, 70005, 70006, 70007, 70008, 70009, 70010, 70013, 70014, 70015, 70016, 70017,
  70018, 70019, 70020, 70050, 70051, 70052, 70114, 70169, 70202, 70346, 70347, 70398, 70403, 70500, 71000, 72000, 72001,
  72002, 72010, 72011, 72012, 80005, 30004, 30006, 30007, 30008, 30015, 30016, 30017, 30018, 30019, 30020, 30021, 30022,
  30023, 30024, 30025, 30026, 30027, 30028, 30520, 30540, 31707,
];

const LISTED = CODE_ROWS.flatMap(({ codes }) =>
  codes.flatMap((entry) =>
    typeof entry === 'number' ? [entry] : Array.from({ length: entry[1] - entry[0] + 1 }, (_, n) => entry[0] + n),
  ),
);

test('of the listed codes just these may pass', () => {
  expect(LISTED.filter(mayPass).toSorted()).toEqual(MAY_PASS.toSorted());
});

test.each([30003, 30002, 70107, 30010, 30516, 30001, 38123, 70399, 30539])('%i is for good', (code) => {
  expect(mayPass(code)).toBe(false);
});

test.each([39999, 60001, 91000, 404, 502])('%i, which no page lists, may pass', (code) => {
  expect(mayPass(code)).toBe(true);
});

describe('a retry', () => {
  const taken = (status: Parameters<typeof takesRow>[1]['status'], code: number | null) =>
    (['may-pass', 'permanent', 'all'] satisfies RetryRows[]).filter((rows) => takesRow(rows, { status, code }));

  test.each([
    ['ok', 0],
    ['satisfied', 30001],
    ['pending', 30539],
  ] as const)('never takes %s', (status, code) => {
    expect(taken(status, code)).toEqual([]);
  });

  test.each([
    ['unknown', null],
    // The first answer never came, a later one failed for good: the row may hold, and running it again tells.
    ['unknown', 30003],
    ['skipped', null],
    ['skipped', 70009],
    ['failed', null],
    ['failed', 30006],
    ['failed', 60008],
    ['failed', 70009],
    ['failed', 30540],
  ] as const)('takes %s with %s', (status, code) => {
    expect(taken(status, code)).toEqual(['may-pass', 'all']);
  });

  test.each([30003, 30516, 30001, 70107])('takes failed with %i only with --all', (code) => {
    expect(taken('failed', code)).toEqual(['permanent', 'all']);
  });
});
