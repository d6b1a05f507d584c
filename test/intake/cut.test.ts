import * as fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import type { Chunk, Fields } from '../../src/domain/chunk.ts';
import { OPERATIONS } from '../../src/domain/operation.ts';
import { Cutter } from '../../src/intake/cut.ts';
import { makeFolder, takeFile } from './support.ts';

const folder = makeFolder();
afterAll(folder.remove);

const text = fc.string({ unit: fc.constantFrom('a', 'é', '"', '\\', '用', '\n'), minLength: 1, maxLength: 8 });
const fields: fc.Arbitrary<Fields | null> = fc.option(
  fc.record(
    { remark: text, groups: fc.array(text, { minLength: 1, maxLength: 3 }), custom: fc.constant({ Ext: 'x', N: 7 }) },
    { requiredKeys: [] },
  ),
);

it('cuts chunks within both limits that joined give the rows back', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ from: fc.constantFrom('a', 'b', 'c'), to: text, fields }), { maxLength: 60 }),
      fc.integer({ min: 1, max: 7 }),
      fc.integer({ min: 100, max: 2000 }),
      fc.constantFrom('check', 'import', 'add'),
      (given, itemsPerCall, bodyCapBytes, name) => {
        const operation = { ...OPERATIONS[name as 'check'], itemsPerCall };
        const chunks: { chunk: Chunk; round: number }[] = [];
        const duplicates: number[] = [];
        const cutter = new Cutter(
          { operation, options: {}, bodyCapBytes },
          {
            chunk: (chunk, round) => chunks.push({ chunk, round }),
            duplicate: (line) => duplicates.push(line),
          },
        );
        const rows = given
          .map((row, line) => ({ ...row, line }))
          .toSorted((a, b) => compare(a.from, b.from) || compare(a.to, b.to) || a.line - b.line);
        for (const row of rows) cutter.row(row.line, row.from, row.to, row.fields);
        cutter.end();

        const joined = chunks.flatMap(({ chunk }) => chunk.items.map((item) => ({ from: chunk.from, ...item })));
        const wanted = rows
          .filter(({ line }) => !duplicates.includes(line))
          .map(({ from, to, fields: extra }) => ({ from, to, rows: 'forward', ...(extra && { fields: extra }) }));
        expect(joined).toEqual(wanted);
        expect(cutter.accepted + duplicates.length).toBe(given.length);
        const seen = new Map<string | null, number>();
        for (const { chunk, round } of chunks) {
          expect(round).toBe(seen.get(chunk.from) ?? 0);
          seen.set(chunk.from, round + 1);
          expect(chunk.items.length).toBeGreaterThan(0);
          expect(chunk.items.length).toBeLessThanOrEqual(itemsPerCall);
          const body = Buffer.byteLength(JSON.stringify(operation.request(chunk.from as string, chunk.items, {})));
          expect(chunk.items.length === 1 || body <= bodyCapBytes).toBe(true);
        }
        expect(cutter.accounts).toBe(seen.size);
      },
    ),
    { numRuns: 300 },
  );
});

it('orders calls round by round, so that chunks of one account are apart', async () => {
  const rows = ['hub', 'mid', 'one'].flatMap((from, i) =>
    Array.from({ length: [2500, 1001, 1][i] as number }, (_, n) => `${from},t${n}`),
  );
  const taken = await takeFile(folder.next(), rows.join('\n'));
  expect(taken.chunks.map(({ from, items }) => `${from} ${items.length}`)).toEqual([
    'hub 1000',
    'mid 1000',
    'one 1',
    'hub 1000',
    'mid 1',
    'hub 500',
  ]);
  expect(taken.prepared).toMatchObject({ chunks: 6, accounts: 3 });
  expect(new Set(taken.pairs).size).toBe(3502);
});

it('keeps loose ids and fields intact through sort and spool', async () => {
  const lines = ['\ufeffx', '"', '\\', "it's", 'tab-less', '用户', 'a,b', '\\N', 'NULL', '#x'].map((to, i) =>
    JSON.stringify({ from: '"', to: `${to}${i}`, remark: '\t\n\u0001"\\,\'' }),
  );
  const taken = await takeFile(folder.next(), lines.join('\n'), {
    name: 'in.jsonl',
    operation: 'import',
    looseIds: true,
  });
  expect(taken.rejects).toEqual([]);
  expect(new Set(taken.rows.map(({ to }) => to))).toEqual(
    new Set(lines.map((line) => (JSON.parse(line) as { to: string }).to)),
  );
  for (const { from, fields: extra } of taken.rows) {
    expect(from).toBe('"');
    expect(extra).toEqual({ remark: '\t\n\u0001"\\,\'' });
  }
});

function compare(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
