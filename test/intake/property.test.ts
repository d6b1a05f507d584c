import { Readable } from 'node:stream';
import * as fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { OPERATIONS } from '../../src/domain/operation.ts';
import { ColumnNames } from '../../src/intake/columns.ts';
import { CsvParser } from '../../src/intake/csv.ts';
import { JsonlParser } from '../../src/intake/jsonl.ts';
import { BlockReader } from '../../src/intake/reader.ts';
import type { Rejects } from '../../src/intake/rejects.ts';
import { RowSink } from '../../src/intake/sink.ts';
import { Places } from '../../src/intake/places.ts';
import type { Stage } from '../../src/intake/stage.ts';
import { makeFolder, take, takeFile } from './support.ts';

const folder = makeFolder();
afterAll(folder.remove);

interface Read {
  rows: { line: number; from: string; to: string; remark: string | undefined }[];
  rejects: { line: number; reason: string; text: string }[];
  lines: number;
}

/** Parses without disk and sort: blocks of the given sizes, one after the other. */
function parse(bytes: Buffer, kind: 'csv' | 'jsonl', sizes: number[], looseIds = false): Read {
  const read: Read = { rows: [], rejects: [], lines: 0 };
  const stage = {
    row: (line: number, from: string, to: string, fields: { remark?: string } | null) =>
      read.rows.push({ line, from, to, remark: fields?.remark }),
    pair: (line: number, source: Buffer, a: number, b: number, c: number, d: number) =>
      read.rows.push({
        line,
        from: source.toString('utf8', a, b),
        to: source.toString('utf8', c, d),
        remark: undefined,
      }),
  };
  const rejects = {
    places: new Places(),
    add: (line: number, reason: string, text: Buffer) => read.rejects.push({ line, reason, text: text.toString() }),
  };
  const rules = { operation: OPERATIONS.import, looseIds };
  const sink = new RowSink(rules, stage as unknown as Stage, rejects as unknown as Rejects);
  const names = new ColumnNames(OPERATIONS.import);
  const parser = kind === 'csv' ? new CsvParser('test', ',', names, sink) : new JsonlParser(names, sink);
  const reader = new BlockReader(parser);
  let rest = Buffer.alloc(0);
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const size = sizes.length > 0 ? (sizes[i % sizes.length] as number) : bytes.length;
    const block = Buffer.concat([rest, bytes.subarray(at, at + size)]);
    rest = block.subarray(reader.feed(block, false));
    at += size;
  }
  expect(reader.feed(rest, true)).toBe(rest.length);
  read.lines = parser.cursor.line;
  return read;
}

const id = fc.stringMatching(/^[a-zA-Z0-9_-]{1,12}$/);
const remark = fc.string({ unit: fc.constantFrom('a', 'é', ',', '"', '\n', '\r\n', ' ', '用'), maxLength: 12 });
const cell = (text: string, quote: boolean) =>
  quote || /[,"\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
const table = fc.array(
  fc.record({ from: id, to: id, remark, quotes: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()), blank: fc.nat(2) }),
  { maxLength: 30 },
);
const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 5 });

it('reads back any table, however it is quoted, ended and cut into blocks', () => {
  fc.assert(
    fc.property(table, fc.boolean(), fc.boolean(), fc.boolean(), sizes, (given, crlf, mark, lastEnd, cuts) => {
      const end = crlf ? '\r\n' : '\n';
      let text = `${mark ? '\ufeff' : ''}from,to,remark${end}`;
      const expected: Read['rows'] = [];
      for (const { from, to, remark: words, quotes, blank } of given.filter((row) => row.from !== row.to)) {
        text += end.repeat(blank);
        expected.push({ line: text.split('\n').length, from, to, remark: words === '' ? undefined : words });
        text += `${cell(from, quotes[0])},${cell(to, quotes[1])},${cell(words, quotes[2])}${end}`;
      }
      if (!lastEnd) text = text.slice(0, -end.length);
      expect(parse(Buffer.from(text), 'csv', cuts)).toMatchObject({ rows: expected, rejects: [] });
    }),
    { numRuns: 300 },
  );
});

const scraps = fc.constantFrom(
  'a',
  'bc',
  ',',
  ',',
  '"',
  '"',
  '\n',
  '\n',
  '\r\n',
  '\r',
  ' ',
  '\0',
  'é',
  '{',
  '}',
  '{"from":"a","to":"b"}',
);
const dirt = fc
  .array(
    fc.oneof(
      scraps.map((text) => Buffer.from(text)),
      fc.uint8Array({ maxLength: 4 }).map((raw) => Buffer.from(raw)),
    ),
    {
      maxLength: 120,
    },
  )
  .map((parts) => Buffer.concat(parts));

it.each([
  ['csv', 'from,to\n'],
  ['csv', 'x,from,to,remark\n'],
  ['jsonl', ''],
] as const)('never throws, and reads the same whatever the blocks: %s %j', (kind, head) => {
  fc.assert(
    fc.property(dirt, sizes, fc.boolean(), (bytes, cuts, loose) => {
      const whole = Buffer.concat([Buffer.from(head), bytes]);
      const read = parse(whole, kind, [], loose);
      expect(parse(whole, kind, cuts, loose)).toEqual(read);
      expect(read.lines).toBe(
        whole.toString('latin1').replace(/\n$/, '').split('\n').length - (whole.length === 0 ? 1 : 0),
      );
    }),
    { numRuns: 1000 },
  );
});

it('reads a row once that stands before a quote which the block does not close', () => {
  const whole = Buffer.from('from,to\na,b\nc,"d\n"\ne,f\n');
  for (let size = 8; size < whole.length; size += 1) {
    const { rows, rejects, lines } = parse(whole, 'csv', [size]);
    expect(rows.map(({ line, from }) => `${line} ${from}`)).toEqual(['2 a', '5 e']);
    expect(rejects.map(({ line }) => line)).toEqual([3]);
    expect(lines).toBe(5);
  }
});

it('loses no line: without quotes every line that is not empty is a row or a reject', () => {
  fc.assert(
    fc.property(dirt, sizes, (bytes, cuts) => {
      const text = bytes.toString('latin1').replaceAll('"', '');
      const read = parse(Buffer.from(`from,to\n${text}`, 'latin1'), 'csv', cuts);
      const lines = text
        .split('\n')
        .map((line, i) => ({ line: i + 2, text: line.replace(/\r$/, '') }))
        .filter((line) => line.text !== '');
      const seen = [...read.rows, ...read.rejects].map(({ line }) => line).toSorted((a, b) => a - b);
      expect(seen).toEqual(lines.map(({ line }) => line));
    }),
    { numRuns: 500 },
  );
});

it('takes in any bytes whole: rows = accepted + invalid + duplicate, rejects in order, chunks hold what was accepted', async () => {
  await fc.assert(
    fc.asyncProperty(dirt, fc.constantFrom('csv', 'jsonl'), async (bytes, kind) => {
      const content = kind === 'csv' ? Buffer.concat([Buffer.from('from,to\n'), bytes]) : bytes;
      const stream = Readable.from([Buffer.concat([content, Buffer.from('\n'), content])]);
      // A gzip header is no dirt: it promises gzip. Nor is the mark of UTF-16, which is refused as a whole.
      fc.pre(
        !(content[0] === 0x1f && content[1] === 0x8b) && !/^(?:\xff\xfe|\xfe\xff)/.test(content.toString('latin1')),
      );
      const format = kind as 'csv' | 'jsonl';
      const taken = await take(folder.next(), { kind: 'stdin', stream, format });
      const { rows, accepted, invalid, duplicate } = taken.prepared.totals;
      expect(rows).toBe(accepted + invalid + duplicate);
      expect(taken.rejects).toHaveLength(invalid + duplicate);
      expect(taken.prepared.rejects.count).toBe(invalid + duplicate);
      expect(taken.rows).toHaveLength(accepted);
      expect(new Set(taken.pairs).size).toBe(accepted);
      const order = taken.rejects.map(({ line }) => line);
      expect(order).toEqual(order.toSorted((a, b) => a - b));
    }),
    { numRuns: 25 },
  );
});

it('finds duplicates across the file: the first line wins, whatever its other columns', async () => {
  const filler = Array.from({ length: 5000 }, (_, i) => `f${i},t${i},r`);
  const taken = await takeFile(
    folder.next(),
    ['to,from,remark', 'b,a,first', ...filler, 'b,a,second', 'b,a b,bad', 'b,a,first', 'a,b,turned', 'f7,t7,'].join(
      '\n',
    ),
    { operation: 'import' },
  );
  expect(taken.rejects).toEqual([
    { line: 5003, reason: 'duplicate of line 2', row: 'a,b' },
    { line: 5004, reason: 'from: characters other than a-z A-Z 0-9 _ -', row: 'b,a b,bad' },
    { line: 5005, reason: 'duplicate of line 2', row: 'a,b' },
    { line: 5007, reason: 'duplicate of line 10', row: 't7,f7' },
  ]);
  expect(taken.prepared.totals).toEqual({ rows: 5006, invalid: 1, duplicate: 3, accepted: 5002 });
  expect(taken.rows.find(({ from, to }) => from === 'a' && to === 'b')?.fields).toEqual({ remark: 'first' });
  expect(taken.prepared.rejects.byReason).toEqual([
    {
      reason: 'duplicate of an earlier line',
      count: 3,
      examples: [
        { line: 5003, text: 'a,b' },
        { line: 5005, text: 'a,b' },
        { line: 5007, text: 't7,f7' },
      ],
    },
    {
      reason: 'from: characters other than a-z A-Z 0-9 _ -',
      count: 1,
      examples: [{ line: 5004, text: 'b,a b,bad' }],
    },
  ]);
});

const few = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h');

it.each(['import', 'check', 'get'] as const)(
  '%s: sorted a file at a time, it is what it is sorted as a whole',
  async (operation) => {
    const rows = fc.array(fc.tuple(few, few), { minLength: 1, maxLength: 60 });
    const totals = { rows: 0, invalid: 0, duplicate: 0, accepted: 0 };
    await fc.assert(
      fc.asyncProperty(rows, async (pairs) => {
        const isOfAccounts = operation === 'get';
        const lines = pairs.map(([from, to]) => (isOfAccounts ? from : `${from},${to}`));
        const content = [isOfAccounts ? 'account' : 'from,to', ...lines].join('\n');
        const [whole, apart] = [
          await takeFile(folder.next(), content, { operation }),
          await takeFile(folder.next(), content, { operation, groupBytes: 1 }),
        ];
        expect(apart.rejects).toEqual(whole.rejects);
        expect(apart.pairs).toEqual(whole.pairs);
        expect({ ...apart.prepared, dir: '' }).toEqual({ ...whole.prepared, dir: '' });
        for (const name of ['rows', 'invalid', 'duplicate', 'accepted'] as const)
          totals[name] += apart.prepared.totals[name];
      }),
      { numRuns: 20 },
    );
    expect(Math.min(totals.duplicate, totals.accepted)).toBeGreaterThan(0);
  },
);
