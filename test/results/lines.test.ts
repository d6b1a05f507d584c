import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Outcome, outcomesOf, type ResultEntry } from '../../src/domain/outcome.ts';
import { linesOf } from '../../src/results/lines.ts';
import { entry, id } from '../domain/arbitraries.ts';

const job = fc.oneof(
  fc.record({ id, operation: fc.constant('import') }),
  fc.record({ id, operation: fc.constant('check'), type: fc.constantFrom('both' as const, 'single' as const) }),
);

const split = (lines: string): string[] => lines.split('\n').slice(0, -1);

test('the lines of an entry are its outcomes, one a row, in their order, each ended by a newline', () => {
  fc.assert(
    fc.property(job, entry, (of, given) => {
      const lines = linesOf(of, given);
      expect(lines.at(-1)).toBe('\n');
      const outcomes = [...outcomesOf(of, given)].map((outcome) => JSON.parse(JSON.stringify(outcome)) as Outcome);
      expect(split(lines).map((line) => JSON.parse(line) as Outcome)).toEqual(outcomes);
    }),
    { numRuns: 300 },
  );
});

test('the same entry gives the same bytes', () => {
  fc.assert(
    fc.property(job, entry, (of, given) => {
      expect(linesOf(of, structuredClone(given))).toBe(linesOf({ ...of }, given));
    }),
  );
});

const entryOf = (from: string | null, outcomes: ResultEntry['outcomes']): ResultEntry => ({
  chunk: 7,
  from,
  attempt: 2,
  at: '2026-11-21T10:00:00.000Z',
  outcomes,
});

test('ids stay what they are: quotes, newlines, other planes, names of object members', () => {
  const ids = ['a"b', 'a\\', 'a\nb', '\u2028', 'é😀', '__proto__', 'constructor'];
  const outcomes = [{ status: 'ok' as const, code: 0, info: '', attempts: 1, to: ids }];
  const lines = split(linesOf({ id: 'j', operation: 'import' }, entryOf('__proto__', outcomes)));
  const rows = lines.map((line) => JSON.parse(line) as Outcome);
  expect(rows.map(({ to }) => to)).toEqual(ids);
  expect(rows.every(({ from }) => from === '__proto__')).toBe(true);
});

test('a line of the contract, to the byte', () => {
  const outcomes = [{ status: 'ok' as const, code: 0, info: '', attempts: 1, to: ['b'] }];
  expect(linesOf({ id: 'j', operation: 'import' }, entryOf('a', outcomes))).toBe(
    '{"job":"j","operation":"import","from":"a","to":"b","status":"ok","code":0,"info":"","attempts":1,' +
      '"at":"2026-11-21T10:00:00.000Z"}\n',
  );
});

test('a row that was asked from its other end stands in its own direction, with relation and mode of the check', () => {
  const relation = 'CheckResult_Type_AWithB' as const;
  const outcomes = [
    { status: 'ok' as const, code: 0, info: '', relation, reverse: true as const, attempts: 1, to: ['b'] },
  ];
  expect(JSON.parse(linesOf({ id: 'j', operation: 'check', type: 'both' }, entryOf('a', outcomes)))).toMatchObject({
    from: 'b',
    to: 'a',
    relation,
    type: 'both',
  });
});

test('rows of accounts have null as From', () => {
  const outcomes = [{ status: 'ok' as const, code: 0, info: '', attempts: 1, to: ['a'] }];
  expect(JSON.parse(linesOf({ id: 'j', operation: 'import' }, entryOf(null, outcomes)))).toMatchObject({
    from: null,
    to: 'a',
  });
});

test('an entry or a group without rows has no lines', () => {
  const group = { status: 'ok' as const, code: 0, info: '', attempts: 1, to: [] };
  expect(linesOf({ id: 'j', operation: 'import' }, entryOf('a', []))).toBe('');
  expect(linesOf({ id: 'j', operation: 'import' }, entryOf('a', [group]))).toBe('');
});
