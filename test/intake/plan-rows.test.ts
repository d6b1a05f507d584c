/** Planned intake: rows come out of the spool as they went in, each once, whoever is asked; in memory and beyond it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { decodeChunk } from '../../src/domain/block.ts';
import type { Chunk } from '../../src/domain/chunk.ts';
import { OPERATIONS } from '../../src/domain/operation.ts';
import { prepare, type PrepareOptions, type Prepared } from '../../src/intake/prepare.ts';
import { openSpool } from '../../src/intake/spool.ts';

let dir: string;
let spools = 0;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'befriend-plan-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

type Row = readonly [string, string];

async function planned(rows: readonly Row[], given: Partial<PrepareOptions> = {}) {
  const folder = join(dir, `spool${(spools += 1)}`);
  const prepared = await prepare(
    { kind: 'rows', rows: rows.map(([from, to]) => ({ from, to })) },
    {
      operation: { ...OPERATIONS.check, itemsPerCall: 3 },
      options: {},
      dir: folder,
      rejectsPath: `${folder}.rejects`,
      threads: 1,
      ...given,
    },
  );
  const spool = await openSpool(folder);
  const chunks = (await spool.read(0, spool.chunks)).map(decodeChunk);
  await spool.close();
  return { prepared, chunks };
}

const rowsOf = (chunks: readonly Chunk[]): string[] =>
  chunks.flatMap(({ from, items }) =>
    items.flatMap(({ to, rows }) => [
      ...(rows === 'reverse' ? [] : [`${from}>${to}`]),
      ...(rows === 'forward' ? [] : [`${to}>${from}`]),
    ]),
  );

/** Each row once, in its own direction; no pair asked twice, no call too large; and never more calls than unplanned. */
function expectPlan(rows: readonly Row[], { prepared, chunks }: { prepared: Prepared; chunks: Chunk[] }): void {
  const distinct = [...new Set(rows.map(([from, to]) => `${from}>${to}`))];
  expect(rowsOf(chunks).toSorted()).toEqual(distinct.toSorted());
  expect(prepared.totals).toEqual({
    rows: rows.length,
    invalid: 0,
    duplicate: rows.length - distinct.length,
    accepted: distinct.length,
  });
  const pairs = chunks.flatMap(({ from, items }) => items.map(({ to }) => [from as string, to].toSorted().join('~')));
  expect(new Set(pairs).size).toBe(pairs.length);
  expect(Math.max(0, ...chunks.map(({ items }) => items.length))).toBeLessThanOrEqual(3);
  const degrees = new Map<string, number>();
  for (const row of distinct) degrees.set(row.split('>')[0]!, (degrees.get(row.split('>')[0]!) ?? 0) + 1);
  const everyAccount = [...degrees.values()].reduce((sum, degree) => sum + Math.ceil(degree / 3), 0);
  expect(prepared.plan).toMatchObject({ everyAccount });
  expect(prepared.accounts).toBe(degrees.size);
  expect(chunks.length).toBeLessThanOrEqual(everyAccount);
  expect(prepared.plan!.lowerBound).toBeLessThanOrEqual(chunks.length);
}

// Names of other planes, and such as sort otherwise by letters than by bytes.
const names = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'Z', 'é', '友', '😀', 'a1', 'a-1');
const inputs = fc
  .array(fc.tuple(names, names), { maxLength: 60 })
  .map((rows) => rows.filter(([from, to]) => from !== to))
  .filter((rows) => rows.length > 0);

test.each([
  ['in memory', {}],
  ['beyond the memory', { planBytes: 0 }],
])('%s: every row once, in its own direction, and no plan is worse than none', async (_, given) => {
  await fc.assert(
    fc.asyncProperty(inputs, async (rows) => {
      expectPlan(rows, await planned(rows, { ...given, looseIds: true }));
    }),
    { numRuns: 25 },
  );
});

test('a graph that grows beyond the memory is planned all the same', async () => {
  const rows = Array.from({ length: 200 }, (_, n): Row => [`from${n % 20}`, `to${n}`]);
  // Room for the rows, and for some of the accounts.
  expectPlan(rows, await planned(rows, { planBytes: 200 * 36 + 20 * 180 }));
});

test('beyond the memory the better-connected end is asked, and the rows’ own ends where that takes fewer calls', async () => {
  const star = Array.from({ length: 9 }, (_, n): Row => [`a${n}`, 'hub']);
  const turned = await planned([...star, ['hub', 'a3']], { planBytes: 0 });
  expect(turned.chunks.map(({ from, items }) => [from, items.length])).toEqual([
    ['hub', 3],
    ['hub', 3],
    ['hub', 3],
  ]);
  expect(turned.chunks[1]!.items[0]).toEqual({ to: 'a3', rows: 'both' });
  // Each hub has one row more than the end its rows begin at, and would be asked in calls of its own.
  const own = Array.from({ length: 3 }, (_, n): Row => ['from', `hub${n}`]);
  const others = [0, 1, 2].flatMap((n) => [0, 1, 2].map((m): Row => [`hub${n}`, `x${n}${m}`]));
  expect((await planned([...own, ...others], { planBytes: 0 })).chunks.map(({ from }) => from)).toEqual([
    'from',
    'hub0',
    'hub1',
    'hub2',
  ]);
});

test('duplicates are rejects with the line of the first; a row and its opposite are two', async () => {
  const { prepared, chunks } = await planned([
    ['a', 'b'],
    ['b', 'a'],
    ['a', 'b'],
  ]);
  expect(chunks.map(({ items }) => items.map(({ rows }) => rows))).toEqual([['both']]);
  expect(prepared.rejects.byReason.flatMap(({ examples }) => examples)).toEqual([
    { line: 3, text: expect.stringContaining('"a"') },
  ]);
});

test.each([{ type: 'single' as const }, { noPlan: true }])(
  '%j: every from is asked about its own rows',
  async (options) => {
    const { prepared, chunks } = await planned(
      [
        ['a', 'h'],
        ['b', 'h'],
        ['h', 'a'],
      ],
      { options },
    );
    expect(chunks.map(({ from }) => from)).toEqual(['a', 'b', 'h']);
    expect(prepared.plan).toBeNull();
  },
);
