import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Item } from '../../src/domain/chunk.ts';
import { groupOutcomes, type Outcome, outcomesOf, type Settlement, turn } from '../../src/domain/outcome.ts';
import { id, relation, settled } from './arbitraries.ts';

const AT = '2026-11-21T10:00:00.000Z';
const JOB = { id: 'job-1', operation: 'check', type: 'both' as const };

const ok: Settlement = { status: 'ok', code: 0, info: '' };
const itemTo = (to: string, rows: Item['rows'] = 'forward'): Item => ({ to, rows });

/** What each row must say, worked out row by row. */
function expectedRows(from: string, all: readonly { item: Item; attempts: number; settlement: Settlement }[]) {
  return all.flatMap(({ item, attempts, settlement }) => {
    const row = (turned: boolean) => {
      const { relation: seen, ...rest } = settlement;
      const own = seen && (turned ? turn(seen) : seen);
      return {
        job: JOB.id,
        operation: JOB.operation,
        from: turned ? item.to : from,
        to: turned ? from : item.to,
        ...rest,
        ...(own && { relation: own, type: JOB.type }),
        attempts,
        at: AT,
      };
    };
    if (item.rows === 'forward') return [row(false)];
    return item.rows === 'reverse' ? [row(true)] : [row(false), row(true)];
  });
}

/** Outcomes without their order, which is not promised. Keys are sorted, so that only content counts. */
const sorted = (outcomes: readonly object[]) =>
  outcomes
    .map((outcome) => JSON.stringify(Object.entries(outcome).toSorted(([a], [b]) => (a < b ? -1 : 1))))
    .toSorted();

test('grouped and taken apart again, every row comes once, in its own direction, with its own ending', () => {
  fc.assert(
    fc.property(id, settled, (from, all) => {
      const entry = { chunk: 0, from, attempt: 1, at: AT, outcomes: groupOutcomes(all) };
      expect(sorted([...outcomesOf(JOB, entry)])).toEqual(sorted(expectedRows(from, all)));
    }),
    { numRuns: 500 },
  );
});

test('items that ended alike share a group of their direction; a group names no item twice', () => {
  const groups = groupOutcomes(
    [itemTo('a'), itemTo('b', 'both'), itemTo('c', 'reverse')].map((item) => ({ item, attempts: 1, settlement: ok })),
  );
  expect(groups).toEqual([
    { ...ok, attempts: 1, to: ['a', 'b'] },
    { ...ok, attempts: 1, reverse: true, to: ['b', 'c'] },
  ]);
});

test.each<[string, Partial<Settlement>, number]>([
  ['status', { status: 'satisfied' }, 1],
  ['code', { code: 30003 }, 1],
  ['info', { info: 'Err' }, 1],
  ['fault', { fault: 'no answer' }, 1],
  ['relation', { relation: 'CheckResult_Type_BothWay' }, 1],
  ['account', { account: 'Imported' }, 1],
  ['data', { data: {} }, 1],
  ['attempts', {}, 2],
])('items that differ in their %s are in groups of their own', (_what, differing, attempts) => {
  const groups = groupOutcomes([
    { item: itemTo('a'), attempts: 1, settlement: ok },
    { item: itemTo('b'), attempts, settlement: { ...ok, ...differing } },
  ]);
  expect(groups.map(({ to }) => to)).toEqual([['a'], ['b']]);
});

test.each<[Partial<Settlement>, Partial<Settlement>]>([
  [
    { fault: '|', info: '' },
    { fault: '', info: '|' },
  ],
  [
    { fault: 'a|b', info: 'c' },
    { fault: 'a', info: 'b|c' },
  ],
  [{ fault: 'undefined' }, {}],
])('texts are not taken for one another: %o and %o', (one, other) => {
  const settlements = [one, other].map((given) => ({ ...ok, ...given }));
  const groups = groupOutcomes(
    settlements.map((settlement, n) => ({ item: itemTo(`to-${n}`), attempts: 1, settlement })),
  );
  expect(groups).toEqual(settlements.map((settlement, n) => ({ ...settlement, attempts: 1, to: [`to-${n}`] })));
});

test('a row that runs the other way has From and To changed round and sees the relation from its own end', () => {
  const settlement: Settlement = { ...ok, relation: 'CheckResult_Type_AWithB' };
  const outcomes = groupOutcomes([{ item: itemTo('b', 'both'), attempts: 1, settlement }]);
  const rows = [...outcomesOf(JOB, { chunk: 0, from: 'a', attempt: 1, at: AT, outcomes })];
  expect(rows).toMatchObject([
    { from: 'a', to: 'b', relation: 'CheckResult_Type_AWithB', type: 'both' },
    { from: 'b', to: 'a', relation: 'CheckResult_Type_BWithA', type: 'both' },
  ]);
});

test('accounts have no From', () => {
  const outcomes = groupOutcomes([{ item: itemTo('a'), attempts: 1, settlement: ok }]);
  const rows: Outcome[] = [...outcomesOf(JOB, { chunk: 0, from: null, attempt: 1, at: AT, outcomes })];
  expect(rows).toMatchObject([{ from: null, to: 'a' }]);
});

test('a relation turned twice is itself, and one-sided ones change sides', () => {
  fc.assert(fc.property(relation, (seen) => turn(turn(seen)) === seen));
  expect(turn('CheckResult_Type_AWithB')).toBe('CheckResult_Type_BWithA');
  expect(turn('CheckResult_Type_BothWay')).toBe('CheckResult_Type_BothWay');
  expect(turn('CheckResult_Type_NoRelation')).toBe('CheckResult_Type_NoRelation');
});
