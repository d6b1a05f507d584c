import { randomBytes } from 'node:crypto';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { chunkJson, decodeChunk, encodeChunk } from '../../src/domain/block.ts';
import type { Chunk } from '../../src/domain/chunk.ts';
import { id, items as anyItems } from './arbitraries.ts';

const of = (count: number): Chunk => ({
  from: 'alice',
  items: Array.from({ length: count }, (_, n) => ({ to: `user-${1_000_000 + n}`, rows: 'forward' as const })),
});

/** As intake lets them through: ids hold no control characters. */
const items = anyItems.filter((all) => all.every(({ to }) => !/\p{Cc}/u.test(to)));
const chunk: fc.Arbitrary<Chunk> = fc.record(
  { from: fc.option(id, { nil: null }), items, several: fc.constant(true as const) },
  { requiredKeys: ['from', 'items'] },
);

test('a chunk comes back out of its block, whether small and stored or compressed', () => {
  fc.assert(
    fc.property(chunk, (given) => {
      expect(decodeChunk(encodeChunk(given))).toEqual(given);
    }),
  );
});

test('both ways of writing a block come up, and a full chunk is well under its size as JSON', () => {
  expect(encodeChunk(of(1)).length).toBe(chunkJson(of(1)).length + 5);
  expect(chunkJson(of(1000)).length).toBeLessThan(JSON.stringify(of(1000)).length / 2);
  expect(encodeChunk(of(1000)).length).toBeLessThan(JSON.stringify(of(1000)).length / 3);
  expect(decodeChunk(encodeChunk(of(1000)))).toEqual(of(1000));
});

test('a damaged block is an error that says so, not a chunk', () => {
  const block = encodeChunk({ from: 'a', items: [{ to: randomBytes(600).toString('hex'), rows: 'both' }] });
  expect(() => decodeChunk(block.subarray(0, block.length - 10))).toThrow(/block of \d+ bytes is damaged/);
});
