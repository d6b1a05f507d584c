import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { digestOf } from '../../src/intake/digest.ts';
import { fileNames } from '../../src/intake/file-names.ts';
import { makeFolder, reasons, take } from './support.ts';

const folder = makeFolder();
afterAll(() => folder.remove());

/** Writes files and gives their paths. */
function filesOf(contents: Record<string, string | Buffer>): string[] {
  const base = folder.next();
  mkdirSync(base);
  return Object.entries(contents).map(([name, content]) => {
    writeFileSync(join(base, name), content);
    return join(base, name);
  });
}

describe('several files', () => {
  it('are read one after the other, each with its own format and header', async () => {
    const paths = filesOf({
      'a.csv': 'from,to\na,b\n',
      'b.tsv': 'to\tfrom\nc\ta\n',
      'c.csv.gz': gzipSync('x,y'),
      'd.jsonl': '{"from":"x","to":"z"}\n',
    });
    const taken = await take(folder.next(), { kind: 'files', paths }, { operation: 'import' });
    expect(taken.pairs).toEqual(['a>b', 'a>c', 'x>y', 'x>z']);
    expect(taken.prepared.totals).toEqual({ rows: 4, invalid: 0, duplicate: 0, accepted: 4 });
    expect(taken.rejects).toEqual([]);
  });

  it('have rejects with file and line, in the order of the files; duplicates name the first', async () => {
    const [first, empty, second, third] = filesOf({
      'a.csv': 'from,to\na,b\na,\nb,c',
      'b.csv': '',
      'c.jsonl': '\n{"from":"a","to":"b"}\nnonsense\n{"from":"c","to":"c"}\n',
      'd.csv': 'from,to\nb,c\n"q\nr",b\na,b\n',
    }) as [string, string, string, string];
    const source = { kind: 'files', paths: [first, empty, second, third] } as const;
    const taken = await take(folder.next(), source, { operation: 'import' });
    expect(taken.pairs).toEqual(['a>b', 'b>c']);
    expect(taken.rejects).toEqual([
      { file: first, line: 3, reason: 'to: empty', row: 'a,' },
      { file: second, line: 2, reason: `duplicate of line 2 of ${first}`, row: '{"from":"a","to":"b"}' },
      { file: second, line: 3, reason: 'row: not valid JSON', row: 'nonsense' },
      { file: second, line: 4, reason: 'to: same as from', row: '{"from":"c","to":"c"}' },
      { file: third, line: 2, reason: `duplicate of line 4 of ${first}`, row: 'b,c' },
      { file: third, line: 3, reason: 'from: characters other than a-z A-Z 0-9 _ -', row: '"q\nr",b' },
      { file: third, line: 5, reason: `duplicate of line 2 of ${first}`, row: 'a,b' },
    ]);
    expect(taken.prepared.rejects.byReason[0]).toMatchObject({
      reason: 'duplicate of an earlier line',
      count: 3,
      examples: [
        { file: second, line: 2 },
        { file: third, line: 2 },
        { file: third, line: 5 },
      ],
    });
  });

  it('of one are as that file alone: no rejects name it', async () => {
    const paths = filesOf({ 'a.csv': 'from,to\na,b\na,b\n' });
    const taken = await take(folder.next(), { kind: 'files', paths });
    expect(reasons(taken)).toEqual(['3 duplicate of line 2']);
    expect(taken.rejects[0]).not.toHaveProperty('file');
    expect(taken.prepared.digest).toBe(createHash('sha256').update('from,to\na,b\na,b\n').digest('hex'));
  });

  it('are told apart by content, order and where one ends', async () => {
    const [a, b, ab, empty] = filesOf({ a: 'x,y\n', b: 'y,z\n', ab: 'x,y\ny,z\n', empty: '' }) as [
      string,
      string,
      string,
      string,
    ];
    const digests = await Promise.all([[a, b], [b, a], [ab], [ab, empty]].map((paths) => digestOf(paths)));
    expect(new Set(digests).size).toBe(4);
    const taken = await take(folder.next(), { kind: 'files', paths: [a, b] });
    expect(taken.prepared.digest).toBe(digests[0]);
  });

  it('end with the name of the one that cannot be read', async () => {
    const [good, bad] = filesOf({ 'a.csv': 'from,to\na,b\n', 'b.csv': 'x,y,z\n1,2,3\n' }) as [string, string];
    const source = { kind: 'files', paths: [good, bad] } as const;
    await expect(take(folder.next(), source)).rejects.toMatchObject({
      code: 'no-columns',
      message: expect.stringContaining(bad),
    });
    const missing = { kind: 'files', paths: [good, `${bad}.none`] } as const;
    await expect(take(folder.next(), missing)).rejects.toMatchObject({
      code: 'missing',
      message: expect.stringContaining('.none'),
    });
  });

  it('have warnings that name the file', async () => {
    const paths = filesOf({ 'a.csv': 'from,to,colour\na,b,red\n', 'b.csv': 'anna,bert\n' });
    const { prepared } = await take(folder.next(), { kind: 'files', paths });
    expect(prepared.warnings).toEqual([
      expect.stringMatching(/b\.csv: line 1: the first record .* was read as a row/),
      'unknown columns are ignored: "colour"',
    ]);
    const none = await take(folder.next(), { kind: 'files', paths: filesOf({ a: '', b: '' }) });
    expect(none.prepared.warnings).toEqual(['0 rows: each of 2 files is empty']);
  });
});

describe('patterns', () => {
  let root = '';
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'befriend-names-'));
    for (const path of [
      'parts/p10.csv',
      'parts/p2.csv',
      'parts/.hidden.csv',
      'parts/x.txt',
      'more/p1.csv',
      'a[1].csv',
      'a1.csv',
    ]) {
      mkdirSync(join(root, path, '..'), { recursive: true });
      writeFileSync(join(root, path), '');
    }
    mkdirSync(join(root, 'parts/folder.csv'));
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));
  const found = async (...given: string[]) =>
    (await fileNames(given.map((name) => join(root, name)))).map((path) => path.slice(root.length + 1));

  it('mean files, sorted by name, each once; no folders, and hidden ones only by name', async () => {
    expect(await found('parts/*.csv')).toEqual(['parts/p10.csv', 'parts/p2.csv']);
    expect(await found('parts/p2.csv', 'parts/../parts/p2.csv')).toHaveLength(1);
    expect(await found('parts/p2.csv', 'parts/p?.csv', 'more/p1.csv')).toEqual(['more/p1.csv', 'parts/p2.csv']);
    expect(await found('*/p[0-1]*.csv')).toEqual(['more/p1.csv', 'parts/p10.csv']);
    expect(await found('parts/[!p].txt')).toEqual(['parts/x.txt']);
    expect(await found('parts/.*.csv')).toEqual(['parts/.hidden.csv']);
  });

  it('come in the same order however each of them is said', async () => {
    const [p10, p2] = [join(root, 'parts/p10.csv'), join(root, 'parts/p2.csv')];
    const lead = async (...names: string[]) => (await fileNames(names)).map((name) => resolve(name));
    expect(await lead(p10, p2)).toEqual([p10, p2]);
    expect(await lead(p2, relative('.', p10))).toEqual([p10, p2]);
    expect(await lead(relative('.', p2), p10)).toEqual([p10, p2]);
  });

  it('leave out what befriend itself writes beside its inputs', async () => {
    const [input, rejects, results] = filesOf({
      'a.jsonl': '',
      'a.jsonl.rejects.jsonl': '',
      'a.jsonl.import-1.results.jsonl': '',
    }) as [string, string, string];
    expect(await fileNames([join(dirname(input), '*.jsonl')])).toEqual([input]);
    expect(await fileNames([join(dirname(input), '**')])).toEqual([input]);
    expect(await fileNames([rejects, results])).toEqual([results, rejects]);
  });

  it('are none where a file has that very name', async () => {
    expect(await found('a[1].csv')).toEqual(['a[1].csv']);
    expect(await found('a[12].csv')).toEqual(['a1.csv']);
  });

  it('that mean nothing are an error', async () => {
    await expect(found('parts/*.parquet')).rejects.toMatchObject({
      code: 'missing',
      message: expect.stringContaining('*.parquet'),
    });
  });
});
