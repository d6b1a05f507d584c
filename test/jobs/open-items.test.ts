import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Chunk } from '../../src/domain/chunk.ts';
import { SETTLED } from '../../src/jobs/ledger.ts';
import { notesOf, openItems, statesAfter } from '../../src/jobs/open-items.ts';
import type { OpenItem, SettledItem } from '../../src/jobs/settle.ts';
import { items } from '../domain/arbitraries.ts';
import { fault } from './arbitraries.ts';

/** A chunk whose items are partly open, with any past, and partly settled. */
const chunkAndStates = items.chain((all) =>
  fc.record({
    all: fc.constant(all),
    states: fc.tuple(
      ...all.map(() =>
        fc.record({
          open: fc.boolean(),
          attempts: fc.integer({ min: 0, max: 100 }),
          unanswered: fc.boolean(),
          fault: fc.option(fault, { nil: null }),
        }),
      ),
    ),
  }),
);

test('what a record keeps of open items, the next claim finds again', () => {
  fc.assert(
    fc.property(chunkAndStates, ({ all, states }) => {
      const chunk: Chunk = { from: 'a', items: all };
      const open: OpenItem[] = [];
      const settled: SettledItem[] = [];
      all.forEach((item, index) => {
        const { open: isOpen, ...state } = states[index] as (typeof states)[number];
        if (isOpen) open.push({ index, item, ...state });
        else settled.push({ index, item, attempts: 1, settlement: { status: 'ok', code: 0, info: '' } });
      });
      const bytes = statesAfter(Buffer.alloc(all.length), settled, open);
      const again = openItems(chunk, bytes, notesOf(open), { abandoned: false, writes: true });
      expect(again).toEqual(open);
      for (const { index } of settled) expect(bytes[index]).toBe(SETTLED);
    }),
    { numRuns: 200 },
  );
});

const chunk: Chunk = { from: 'a', items: ['b', 'c', 'd'].map((to) => ({ to, rows: 'forward' })) };
const FRESH = Buffer.alloc(3);

test('a fresh chunk is open as a whole, and there is nothing to note about it', () => {
  const open = openItems(chunk, FRESH, '', { abandoned: false, writes: true });
  expect(open).toEqual(
    chunk.items.map((item, index) => ({ index, item, attempts: 0, unanswered: false, fault: null })),
  );
  expect(notesOf(open)).toBe('');
});

test('an abandoned claim of a write may have sent every open item; of a read it matters to nobody', () => {
  const unanswered = (writes: boolean) =>
    openItems(chunk, Buffer.from([0, SETTLED, 2]), '', { abandoned: true, writes }).map((item) => item.unanswered);
  expect(unanswered(true)).toEqual([true, true]);
  expect(unanswered(false)).toEqual([false, false]);
});

test('states of items that the call did not touch stay, and the given bytes are not changed', () => {
  const before = Buffer.from([SETTLED, 1, 2]);
  const item = chunk.items[2] as Chunk['items'][number];
  const after = statesAfter(before, [], [{ index: 2, item, attempts: 3, unanswered: false, fault: null }]);
  expect([...after]).toEqual([SETTLED, 1, 3]);
  expect([...before]).toEqual([SETTLED, 1, 2]);
});

test('attempts beyond what a byte can say are never taken for settled', () => {
  const item = chunk.items[0] as Chunk['items'][number];
  const [state] = statesAfter(FRESH, [], [{ index: 0, item, attempts: 255, unanswered: false, fault: null }]);
  expect(state).toBeLessThan(SETTLED);
});

test('faults that items share are noted once', () => {
  const shared = { kind: 'throttled' as const, code: 60007, info: 'x'.repeat(100) };
  const open = chunk.items.map((item, index) => ({ index, item, attempts: 0, unanswered: false, fault: shared }));
  expect(notesOf(open).split(shared.info)).toHaveLength(2);
});
