/** Lines too long for the engine: sorted by their keys, whatever they hold and however the reads fall. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { sortLong } from '../../src/intake/sort-long.ts';
import { makeFolder } from './support.ts';

const folder = makeFolder();
afterAll(() => folder.remove());

const linesIn = (path: string) => readFileSync(path, 'utf8').split('\n').slice(0, -1);
const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

async function sortShort(input: string, output: string): Promise<void> {
  writeFileSync(
    output,
    linesIn(input)
      .toSorted(byBytes)
      .map((line) => `${line}\n`)
      .join(''),
  );
}

const cell = fc.string({ unit: fc.constantFrom('a', 'é', '用', '7', '-'), minLength: 1, maxLength: 5 });
const end = fc.oneof(
  fc.constant(''),
  fc.string({ unit: fc.constantFrom('x', 'é', '用', '\t', '"'), maxLength: 20 }),
  fc.nat(60_000).map((length) => 'y'.repeat(length)),
);

it.each([
  { keyTabs: 3, keepsKey: true },
  { keyTabs: 1, keepsKey: false },
])('$keyTabs: the lines of all files in the order of their keys', async (order) => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(cell, cell, end, fc.nat(2)), { maxLength: 60 }), async (given) => {
      const base = folder.next();
      mkdirSync(base);
      const inputs = ['0', '1', '2'].map((name) => join(base, name));
      const files: string[][] = [[], [], []];
      const wanted = given.map(([from, to, text, file], n) => {
        const key = order.keyTabs === 3 ? `${from}\t${to}\tb${n + 10}` : `b${n + 10}${from}`;
        files[file]!.push(`${key}\t${text}\n`);
        return { key: `${key}\t`, line: order.keepsKey ? `${key}\t${text}` : text };
      });
      inputs.forEach((path, n) => writeFileSync(path, files[n]!.join('')));
      await sortLong(inputs, join(base, 'out'), order, sortShort);
      expect(linesIn(join(base, 'out'))).toEqual(
        wanted.toSorted((a, b) => byBytes(a.key, b.key)).map(({ line }) => line),
      );
      expect(readdirSync(base).toSorted()).toEqual(['0', '1', '2', 'out']);
    }),
    { numRuns: 40 },
  );
});
