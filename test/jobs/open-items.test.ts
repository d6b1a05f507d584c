import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Chunk } from '../../src/domain/chunk.ts';
import { SETTLED } from '../../src/jobs/ledger.ts';
import { NO_LESSONS, notesOf, type OpenItem, openItems, statesAfter } from '../../src/jobs/open-items.ts';
import { items } from '../domain/arbitraries.ts';
import { anyPast, lessons, openItem } from './arbitraries.ts';

/** A chunk whose items are partly open, with any past, and partly settled. */
const chunkAndStates = items.chain((all) =>
  fc.record({
    all: fc.constant(all),
    states: fc.tuple(...all.map(() => fc.record({ open: fc.boolean(), past: anyPast(100) }))),
  }),
);

test('what a record keeps of open items and of lessons, the next claim finds again', () => {
  fc.assert(
    fc.property(chunkAndStates, lessons, ({ all, states }, learned) => {
      const chunk: Chunk = { from: 'a', items: all };
      const open: OpenItem[] = [];
      const settled: { index: number }[] = [];
      all.forEach((item, index) => {
        const { open: isOpen, past } = states[index] as (typeof states)[number];
        if (isOpen) open.push(openItem(index, item, past));
        else settled.push({ index });
      });
      const bytes = statesAfter(Buffer.alloc(all.length), settled, open);
      const again = openItems(chunk, bytes, notesOf(open, learned), { abandoned: false, writes: true });
      expect(again.items).toEqual(open);
      // Of a chunk without open items nothing is kept: it is closed.
      expect(again.lessons).toEqual(open.length > 0 ? learned : NO_LESSONS);
      for (const { index } of settled) expect(bytes[index]).toBe(SETTLED);
    }),
    { numRuns: 200 },
  );
});

const chunk: Chunk = { from: 'a', items: ['b', 'c', 'd'].map((to) => ({ to, rows: 'forward' })) };
const FRESH = Buffer.alloc(3);

test('a fresh chunk is open as a whole, and there is nothing to note about it', () => {
  const open = openItems(chunk, FRESH, '', { abandoned: false, writes: true });
  expect(open).toEqual({ items: chunk.items.map((item, index) => openItem(index, item)), lessons: NO_LESSONS });
  expect(notesOf(open.items, open.lessons)).toBe('');
});

test('an abandoned claim of a write may have sent every open item; of a read it matters to nobody', () => {
  const unanswered = (writes: boolean) =>
    openItems(chunk, Buffer.from([0, SETTLED, 2]), '', { abandoned: true, writes }).items.map(
      (item) => item.unanswered,
    );
  expect(unanswered(true)).toEqual([true, true]);
  expect(unanswered(false)).toEqual([false, false]);
});

test('a claim that was abandoned while it looked accounts up, or verified, has written nothing', () => {
  const after = (step: OpenItem['step'], other: OpenItem['step']) => {
    const open = chunk.items.map((item, index) => openItem(index, item, { step: index === 0 ? step : other }));
    return openItems(chunk, FRESH, notesOf(open, NO_LESSONS), { abandoned: true, writes: true }).items.map(
      (item) => item.unanswered,
    );
  };
  expect(after('accounts', 'send')).toEqual([false, false, false]);
  expect(after('verify', 'verify')).toEqual([false, false, false]);
  // What waits to be sent goes before what waits to be verified.
  expect(after('verify', 'send')).toEqual([false, true, true]);
});

test('states of items that the call did not touch stay, and the given bytes are not changed', () => {
  const before = Buffer.from([SETTLED, 1, 2]);
  const item = chunk.items[2] as Chunk['items'][number];
  const after = statesAfter(before, [], [openItem(2, item, { attempts: 3 })]);
  expect([...after]).toEqual([SETTLED, 1, 3]);
  expect([...before]).toEqual([SETTLED, 1, 2]);
});

test('attempts beyond what a byte can say are never taken for settled', () => {
  const item = chunk.items[0] as Chunk['items'][number];
  const [state] = statesAfter(FRESH, [], [openItem(0, item, { attempts: 255 })]);
  expect(state).toBeLessThan(SETTLED);
});

test('faults and answers that items share are noted once', () => {
  const fault = { kind: 'throttled' as const, code: 60007, info: 'x'.repeat(100) };
  const answer = { status: 'ok' as const, code: 0, info: 'y'.repeat(100) };
  const open = chunk.items.map((item, index) => openItem(index, item, { fault, answer }));
  for (const { info } of [fault, answer]) expect(notesOf(open, NO_LESSONS).split(info)).toHaveLength(2);
});
