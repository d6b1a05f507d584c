import { describe, expect, test } from 'vitest';
import { CODE_ROWS, faultOfCall, faultOfItem, limitOfCode, rowOfCode } from '../../src/chat/codes.ts';
import type { Fault } from '../../src/domain/fault.ts';
import { TOO_FAST } from '../../src/domain/throttling.ts';

type Expected = Fault['kind'];

/** Every listed code with its fault as the whole call's code and as an item's, written down apart from the table. */
const EXPECTED: [call: Expected, item: Expected, codes: number[]][] = [
  ['malformed', 'malformed', [60002, 60003, 60015, 70206, 70402, 70404]],
  // Wrong in every call: the job stops.
  ['credentials', 'malformed', [60009, 60012]],
  ['malformed', 'malformed', [30001, 30005, 30614, 31804]],
  ['unknown-code', 'unknown-code', [60004, 60005, 70017, 30520]],
  ['throttled', 'throttled', [60007, 60011, 60018, 60019]],
  ['transient', 'transient', [60008, 60013, 60014, 70169, 70202, 70500, 30006, 30007, 30008]],
  ['transient', 'transient', [30540, 31707, 72010]],
  ['credentials', 'credentials', [60006, 60010, 60016, 60017, 60020, 60021, 60025, 60026, 60027, 60028, 30004]],
  ['credentials', 'credentials', [70001, 70002, 70003, 70004, 70005, 70006, 70007, 70008, 70009, 70010, 70013, 70014]],
  ['credentials', 'credentials', [70015, 70016, 70018, 70019, 70020, 70050, 70051, 70052, 70114, 70346, 70347, 70398]],
  ['credentials', 'credentials', [70403, 71000, 72000, 72001, 72002, 72011, 72012, 80005]],
  ['credentials', 'account', [30002, 70107]],
  // Of From_Account; or of an account that a lookup finds.
  ['account', 'account', [30003, 30009, 30010, 30013]],
  // Of one item, which spoils a call that is refused as a whole.
  ['malformed', 'account', [30011, 30012, 30014, 30515, 30516, 30525, 31211, 32216, 70399]],
  ['malformed', 'account', [30539, 31704]],
  ['malformed', 'account', range(38000, 39000)],
  ['unknown-code', 'unknown-code', range(30015, 30028)],
];

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

describe('the table', () => {
  test('holds exactly the codes of the vendor’s pages, each once, each explained', () => {
    const listed = CODE_ROWS.flatMap((row) =>
      row.codes.flatMap((entry) => (typeof entry === 'number' ? [entry] : range(...entry))),
    );
    expect(listed.toSorted((a, b) => a - b)).toEqual(
      EXPECTED.flatMap(([, , codes]) => codes).toSorted((a, b) => a - b),
    );
    expect(new Set(listed).size).toBe(listed.length);
    for (const row of CODE_ROWS) {
      expect(row.meaning.length, `${row.codes}`).toBeGreaterThan(10);
      expect(row.advice.length, `${row.codes}`).toBeGreaterThan(10);
    }
  });

  test.each(EXPECTED)('gives %s to a call and %s to an item: %j', (call, item, codes) => {
    for (const code of codes) {
      expect(faultOfCall(code, 'text'), `call ${code}`).toMatchObject({ kind: call, code, info: 'text' });
      expect(faultOfItem(code, 'text'), `item ${code}`).toMatchObject({ kind: item, code, info: 'text' });
    }
  });

  test('a UserSig is worth renewing for its expiry and invalidation only', () => {
    const renewable = EXPECTED.flatMap(([, , codes]) => codes).filter((code) => {
      const fault = faultOfCall(code, '');
      return fault.kind === 'credentials' && fault.renewable;
    });
    expect(renewable.toSorted()).toEqual([70001, 70052]);
  });

  test('a write may hold after the codes by which the service gave up on itself, and after no other', () => {
    const unsure = EXPECTED.flatMap(([, , codes]) => codes).filter((code) => {
      const fault = faultOfItem(code, '');
      return fault.kind === 'transient' && !fault.answered;
    });
    expect(unsure.toSorted()).toEqual([30007, 60008, 60013, 70169, 70202]);
  });

  test('write conflicts have a curve of their own', () => {
    expect(faultOfItem(30008, '')).toMatchObject({ kind: 'transient', curve: 'conflict', answered: true });
    expect(faultOfItem(30006, '')).toMatchObject({ kind: 'transient', curve: 'internal', answered: true });
  });

  test.each([
    [60004, 3],
    [60008, 3],
    [70017, 2],
    [30540, 3],
    [30020, 2],
    [30520, 2],
  ])('%i is tried %i times in all', (code, maxAttempts) => {
    expect(faultOfCall(code, '')).toMatchObject({ maxAttempts });
  });
});

test.each([
  [39999, 2],
  [30999, 2],
  [31000, 2],
  [37999, 2],
  [60001, 3],
  [65535, 3],
  [79999, 3],
  [91000, 3],
  [10018, 3],
  [-1, 3],
])('%i is on no page: tried %i times', (code, maxAttempts) => {
  expect(faultOfCall(code, 'x')).toEqual({ kind: 'unknown-code', code, info: 'x', maxAttempts });
  expect(faultOfItem(code, 'x')).toEqual({ kind: 'unknown-code', code, info: 'x', maxAttempts });
  expect(rowOfCode(code).meaning).toContain('no page');
});

test.each([
  [60007, 'command'],
  [60011, 'app'],
  [60018, 'command'],
  [60019, 'command'],
])('too fast, %d: the limit of the %s', (code, limit) => expect(limitOfCode(code)).toBe(limit));

test('every code that slows the limiter of befriend slows it in other programs', () => {
  const slows = CODE_ROWS.filter((row) => row.class === 'throttle' && row.scope === 'job').flatMap(
    ({ codes }) => codes,
  );
  expect(slows.toSorted()).toEqual(Object.keys(TOO_FAST).map(Number));
});
