/** Parquet and zstd: the same rows as plain text has, in order, with their lines; what is damaged is said. */
import { mkdirSync, readFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeFolder, reasons, take } from './support.ts';

const folder = makeFolder();
let instance: DuckDBInstance;
beforeAll(async () => {
  instance = await DuckDBInstance.create(':memory:');
});
afterAll(() => {
  instance.closeSync();
  folder.remove();
});

/** Writes what a query finds. */
async function written(query: string, name: string, options: string): Promise<string> {
  const path = `${folder.next()}-${name}`;
  const connection = await instance.connect();
  await connection.run(`COPY (${query}) TO '${path}' (${options})`);
  connection.closeSync();
  return path;
}

const PARQUET = 'FORMAT parquet, ROW_GROUP_SIZE 4096';
const ZSTD = 'FORMAT csv, HEADER true, COMPRESSION zstd';

/** Rows over several row groups and blocks, a bad one among them; the ids are numbers. */
const MANY = `SELECT i % 100 AS "from", i AS "to", if(i = 19000, repeat('x', 97), 'no. ' || i) AS remark FROM range(100, 20100) t(i)`;

describe('Parquet', () => {
  it('is read in its order, with rows for lines; numbers are good ids', async () => {
    const taken = await take(
      folder.next(),
      { kind: 'file', path: await written(MANY, 'a.parquet', PARQUET) },
      {
        operation: 'import',
      },
    );
    expect(taken.prepared.totals).toEqual({ rows: 20_000, invalid: 1, duplicate: 0, accepted: 19_999 });
    expect(taken.pairs).toContain('0>100');
    expect(taken.pairs).toContain('99>20099');
    expect(reasons(taken)).toEqual(['18901 remark: longer than 96 bytes']);
  });

  it('has text that its writer did not mark as such', async () => {
    const query = `SELECT encode('a') AS "from", encode('b') AS "to", encode('张三') AS remark`;
    const path = await written(query, 'unmarked.parquet', PARQUET);
    const taken = await take(folder.next(), { kind: 'file', path }, { operation: 'import' });
    expect(taken.rejects).toEqual([]);
    expect(taken.rows).toEqual([{ from: 'a', to: 'b', fields: { remark: '张三' } }]);
  });

  it('is the file of its very name, whatever stands in the path', async () => {
    const inner = `${folder.next()}/from=legacy/group=vip`;
    mkdirSync(inner, { recursive: true });
    const query = (from: string) => `SELECT '${from}' AS "from", 'b' AS "to", 'inner' AS "group"`;
    const [named, other] = [`${inner}/part-[1].parquet`, `${inner}/part-1.parquet`];
    renameSync(await written(query('named'), 'n.parquet', PARQUET), named);
    renameSync(await written(query('other'), 'o.parquet', PARQUET), other);
    for (const [path, from] of [
      [named, 'named'],
      [other, 'other'],
    ] as const) {
      const taken = await take(folder.next(), { kind: 'file', path }, { operation: 'import' });
      expect(taken.rows).toEqual([{ from, to: 'b', fields: { groups: ['inner'] } }]);
    }
  });

  it('columns that mean nothing are named, and what is in them harms no row', async () => {
    const query = `SELECT 'a' AS "from", 'b' AS "to", 'nan'::DOUBLE AS score, 'inf'::DOUBLE AS "odd ""name"""`;
    const path = await written(query, 'nan.parquet', PARQUET);
    const taken = await take(folder.next(), { kind: 'file', path }, { operation: 'import' });
    expect(taken.pairs).toEqual(['a>b']);
    expect(taken.rejects).toEqual([]);
    expect(taken.prepared.warnings).toEqual(['unknown columns are ignored: "score", "odd \\"name\\""']);
  });

  it('may have lists, absent values and columns of other names', async () => {
    const query = `SELECT * FROM (VALUES ('a', 'b', ['x', 'y'], NULL), ('a', 'c', NULL, 'hello')) t(From_Account, "to", groups, remark)`;
    const taken = await take(
      folder.next(),
      { kind: 'file', path: await written(query, 'b.parquet', PARQUET) },
      {
        operation: 'import',
      },
    );
    expect(taken.rejects).toEqual([]);
    expect(taken.chunks.flatMap(({ items }) => items)).toEqual([
      { to: 'b', rows: 'forward', fields: { groups: ['x', 'y'] } },
      { to: 'c', rows: 'forward', fields: { remark: 'hello' } },
    ]);
  });

  it.each([
    ['cut short', 'unreadable', (path: string) => truncateSync(path, 10_000)],
    ['no Parquet at all', 'format', (path: string) => writeFileSync(path, 'from,to\na,b\n')],
  ])('that is %s is refused', async (_, code, damage) => {
    const path = await written(MANY, 'c.parquet', PARQUET);
    damage(path);
    await expect(take(folder.next(), { kind: 'file', path })).rejects.toMatchObject({
      code,
      message: expect.stringContaining(path),
    });
  });

  it('without a column of ids is refused with the columns it has', async () => {
    const path = await written(`SELECT 1 AS a, 2 AS b`, 'd.parquet', PARQUET);
    await expect(take(folder.next(), { kind: 'file', path })).rejects.toMatchObject({
      code: 'no-columns',
      message: expect.stringContaining('it has "a", "b"'),
    });
  });

  it('is not read from stdin', async () => {
    const path = await written(MANY, 'e.parquet', PARQUET);
    const stream = Readable.from([readFileSync(path)]);
    await expect(take(folder.next(), { kind: 'stdin', stream })).rejects.toMatchObject({ code: 'format' });
  });
});

describe('zstd', () => {
  it('is unpacked, one frame after the other', async () => {
    const path = await written(MANY, 'a.csv.zst', ZSTD);
    writeFileSync(path, Buffer.concat([readFileSync(path), readFileSync(path)]));
    const taken = await take(folder.next(), { kind: 'file', path }, { operation: 'import' });
    // The second header is no good row, and the bad row is there twice.
    expect(taken.prepared.totals).toEqual({ rows: 40_001, invalid: 3, duplicate: 19_999, accepted: 19_999 });
    expect(reasons(taken)[0]).toBe('18902 remark: longer than 96 bytes');
  });

  it('that is cut short or damaged is refused', async () => {
    const path = await written(MANY, 'b.csv.zst', ZSTD);
    const bytes = readFileSync(path);
    for (const damaged of [bytes.subarray(0, bytes.length / 2), Buffer.concat([bytes, Buffer.from('rubbish')])]) {
      writeFileSync(path, damaged);
      await expect(take(folder.next(), { kind: 'file', path })).rejects.toMatchObject({
        code: 'corrupt-zstd',
        message: expect.stringContaining(path),
      });
    }
  });
});
