import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Bar, barredBy, barsOf, mergeBars } from '../../src/jobs/bar.ts';

const settlement = { status: 'failed', code: 30011, info: 'too many' } as const;
const itemWith = (groups: string[] | undefined) => ({
  item: { to: 'b', rows: 'forward' as const, ...(groups && { fields: { groups } }) },
});
const lists = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { maxLength: 4 });
const bars = fc.array(
  fc.record<Bar>({ settlement: fc.constant(settlement), lists: lists.filter(({ length }) => length > 0) }),
  { maxLength: 6 },
);

test('merged bars bar the same rows as all of them, and none is there twice', () => {
  fc.assert(
    fc.property(bars, bars, lists, (known, more, groups) => {
      const merged = mergeBars(mergeBars([], known), more);
      const { item } = itemWith(groups);
      const byAll = barredBy([...known, ...more], item);
      // Of more than eight the last ones are not kept: a row that they bar may be sent, and is answered.
      const right = known.length + more.length <= 8 ? [byAll] : [byAll, undefined];
      expect(right).toContainEqual(barredBy(merged, item));
      const sets = merged.map((bar) => [...(bar.lists ?? [])].toSorted().join());
      expect(new Set(sets).size).toBe(sets.length);
    }),
  );
});

test('what bars every row makes the rest superfluous', () => {
  const full: Bar = { settlement: { status: 'failed', code: 30010, info: 'full' } };
  expect(mergeBars([{ settlement, lists: ['a'] }], [full])).toEqual([full]);
  expect(mergeBars([full], [{ settlement, lists: ['a'] }])).toEqual([full]);
  expect(barredBy([full], itemWith(undefined).item)).toEqual(full.settlement);
});

// Whatever was refused before: an account of the service has 32 lists, and rows are refused that would make more.
test('no row is barred that would have passed', () => {
  fc.assert(
    fc.property(fc.array(lists, { maxLength: 20 }), fc.integer({ min: 0, max: 4 }), (rows, room) => {
      const there = new Set<string>();
      let known: Bar[] = [];
      for (const groups of rows) {
        const passes = new Set([...there, ...groups]).size <= room;
        const carried = itemWith(groups);
        const barred = barredBy(known, carried.item) !== undefined;
        expect(barred && passes).toBe(false);
        if (barred) continue;
        if (passes) for (const list of groups) there.add(list);
        else known = mergeBars(known, barsOf([carried], [{ settlement }]));
      }
    }),
  );
});

test('of an account whose rows name ever other lists, so much is kept and no more', () => {
  const many = Array.from({ length: 1000 }, (_, n): Bar => ({ settlement, lists: [`list-${n}`] }));
  expect(mergeBars([], many)).toEqual(many.slice(0, 8));
  const names = (n: number) => Array.from({ length: 32 }, (_, m) => `${n}-${m}`.padEnd(30, 'x'));
  const long = Array.from({ length: 8 }, (_, n): Bar => ({ settlement, lists: names(n) }));
  expect(mergeBars([], long)).toEqual(long.slice(0, 1));
});
