import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { filesIn } from '../../src/intake/partitions.ts';
import { prepare } from '../../src/intake/prepare.ts';
import { lineOf, placeOf, Stage } from '../../src/intake/stage.ts';
import { seededRandom } from '../../src/simulator/graph.ts';
import { makeFolder, optionsFor, readChunks } from './support.ts';

const folder = makeFolder();
afterAll(() => folder.remove());

/** As built: only there a thread packs chunks. */
const built = fileURLToPath(new URL('../../dist/src/intake/prepare.js', import.meta.url));

it('chunks of many batches are packed beside the cutting, in their order, and hold every row', async () => {
  const { prepare: packing } = (await import(built)) as typeof import('../../src/intake/prepare.ts');
  const base = folder.next();
  const path = `${base}.csv`;
  // 150,000 rows, 5 MB of JSON, a hub with many chunks among small accounts; every row once, in no order.
  const rows = Array.from({ length: 150_000 }, (_, n) => {
    const k = (n * 7919) % 150_000;
    return k < 2500 ? `hub,f${k}` : `u${Math.floor(k / 37)},f${k % 37}`;
  });
  writeFileSync(path, `from,to\n${rows.join('\n')}\n`);
  const options = optionsFor(base, { operation: 'import', threads: 2 });
  const { totals } = await packing({ kind: 'file', path }, options);
  expect(totals).toEqual({ rows: 150_000, invalid: 0, duplicate: 0, accepted: 150_000 });
  const chunks = await readChunks(options.dir);
  const found = chunks.flatMap(({ from, items }) => items.map(({ to }) => `${from},${to}`));
  const digest = (lines: string[]) => createHash('sha256').update(lines.toSorted().join('\n')).digest('hex');
  expect(digest(found)).toBe(digest(rows));
  const ofHub = chunks.flatMap(({ from }, n) => (from === 'hub' ? [n] : []));
  expect(ofHub).toHaveLength(Math.ceil(2500 / options.operation.itemsPerCall));
  expect(chunks.slice(ofHub[1]).map(({ from }) => from)).toEqual(ofHub.slice(1).map(() => 'hub'));
});

it('a plan of many pairs, made in a thread, is the one that is made in place', async () => {
  const beside = ((await import(built)) as typeof import('../../src/intake/prepare.ts')).prepare;
  const random = seededRandom(1);
  const id = () => `u${Math.floor(3000 * random() ** 2)}`;
  const pairs = Array.from({ length: 80_000 }, () => [id(), id()]).filter(([from, to]) => from !== to);
  const path = `${folder.next()}.csv`;
  writeFileSync(path, `from,to\n${pairs.join('\n')}\n`);
  const [one, other] = [optionsFor(folder.next()), optionsFor(folder.next())];
  const [inThread, inPlace] = [await beside({ kind: 'file', path }, one), await prepare({ kind: 'file', path }, other)];
  expect(inPlace.plan!.everyAccount).toBeGreaterThan(inPlace.chunks);
  expect({ ...inThread, dir: '' }).toEqual({ ...inPlace, dir: '' });
  expect(await readChunks(one.dir)).toEqual(await readChunks(other.dir));
});

it('places are ordered by their bytes as lines are by number, and give the line back', () => {
  const line = fc.oneof(fc.nat(), fc.maxSafeNat(), fc.constantFrom(9, 10, 99, 100, 2 ** 31 - 1, 2 ** 31, 2 ** 32));
  fc.assert(
    fc.property(line, line, (a, b) => {
      expect(lineOf(placeOf(a))).toBe(a);
      expect(placeOf(a) < placeOf(b)).toBe(a < b);
    }),
  );
});

it('a line is staged under its number whatever that is, counted up or not', async () => {
  const path = folder.next();
  const stage = await Stage.create(path);
  const pair = Buffer.from('a,b');
  const lines = [1, 2, 9, 10, 11, 99, 100, 90_000_000, 99_999_999, 100_000_000, 2 ** 31 - 1, 2 ** 31, 2 ** 32 + 1];
  for (const line of lines) stage.pair(line, pair, 0, 1, 2, 3);
  await stage.close();
  const [file, ...others] = await filesIn(path);
  expect(others).toEqual([]);
  const staged = readFileSync(file as string, 'utf8')
    .trimEnd()
    .split('\n');
  expect(staged.map((text) => lineOf(text.split('\t')[2] as string))).toEqual(lines);
});

it('rows of one account are staged in one file, from bytes and from text alike', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.string({ unit: fc.constantFrom('a', 'é', '7', '用'), minLength: 1 })), async (ids) => {
      const path = folder.next();
      const stage = await Stage.create(path);
      for (const [n, id] of ids.entries()) {
        const bytes = Buffer.from(`${id},x`);
        stage.pair(2 * n, bytes, 0, bytes.length - 2, bytes.length - 1, bytes.length);
        stage.row(2 * n + 1, id, 'y', null);
        stage.row(2 * n + 1, '', id, { nick: 'z' });
      }
      await stage.close();
      const filesOf = new Map<string, Set<string>>();
      let rows = 0;
      for (const file of await filesIn(path)) {
        for (const line of readFileSync(file, 'utf8').trimEnd().split('\n')) {
          const [from, to] = line.split('\t') as [string, string];
          const id = from === '' ? to : from;
          filesOf.set(id, (filesOf.get(id) ?? new Set()).add(file));
          rows += 1;
        }
      }
      expect(rows).toBe(3 * ids.length);
      for (const files of filesOf.values()) expect(files.size).toBe(1);
    }),
    { numRuns: 30 },
  );
});

it('rows and rejects that are too long for the memory of the sort come out as they do of a larger one', async () => {
  const random = seededRandom(2);
  const id = () => `用${Math.floor(15_000 * random())}`;
  const rows = Array.from({ length: 20_000 }, (_, n) => {
    const words = `${n}-${'é'.repeat(Math.floor(200 * random()))}`;
    const bad = n % 2 === 0 ? 'x'.repeat(1000) : undefined;
    return JSON.stringify({ from: id(), to: id(), custom: { A: words, B: words, C: words }, remark: bad });
  });
  const path = `${folder.next()}.jsonl`;
  writeFileSync(path, rows.join('\n'));
  const [small, large] = [
    { ...optionsFor(folder.next(), { operation: 'import', looseIds: true }), memoryLimit: '12MB', groupBytes: 20e6 },
    { ...optionsFor(folder.next(), { operation: 'import', looseIds: true }), memoryLimit: '400MB', groupBytes: 20e6 },
  ];
  const [one, other] = [await prepare({ kind: 'file', path }, small), await prepare({ kind: 'file', path }, large)];
  expect({ ...one, dir: '' }).toEqual({ ...other, dir: '' });
  expect(one.totals.invalid).toBeGreaterThan(4000);
  expect(await readChunks(small.dir)).toEqual(await readChunks(large.dir));
  const rejectsOf = ({ rejectsPath }: { rejectsPath: string }) => readFileSync(rejectsPath, 'utf8');
  expect(rejectsOf(small)).toBe(rejectsOf(large));
});
