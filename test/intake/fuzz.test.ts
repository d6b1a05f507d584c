/**
 * Whatever bytes come in, intake ends with one of its own errors or with counts that add up. Beyond property.test.ts
 * (the parsers alone): the whole way from a source of any kind to the spool, files that were right and were damaged,
 * and for what is simple enough a second reading that says which rows must be accepted.
 *
 * FUZZ_RUNS=5000 npx vitest run test/intake/fuzz.test.ts looks longer.
 */
import { isUtf8 } from 'node:buffer';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { IntakeError } from '../../src/intake/error.ts';
import type { Format, Source } from '../../src/intake/source.ts';
import { makeFolder, type Reject, type Taken, take } from './support.ts';

const RUNS = Number(process.env.FUZZ_RUNS ?? 200);
const TIMEOUT = Math.max(60_000, RUNS * 400);

const folder = makeFolder();
afterAll(folder.remove);

/** What an input as such may be refused with; every other code would be a fault of intake. */
const REFUSALS = new Set(['corrupt-gzip', 'format', 'no-columns']);
/** The beginnings that docs/formats.md promises. */
const REASON =
  /^(?:(?:row|columns|quote|from|to|remark|group|wording|source|remarkTime|addTime|nick|faceUrl|custom(?:\..*)?|fields): .+|duplicate of line \d+)$/s;
const ID = /^[a-zA-Z0-9_-]{1,32}$/;

const takeAny = (from: Source, looseIds: boolean): Promise<Taken | Error> =>
  take(folder.next(), from, { operation: 'import', looseIds }).catch((error: Error) => error);

/** What does not hold of a result that must hold of every one. */
function flawsOf(ended: Taken | Error, looseIds: boolean): string[] {
  if (ended instanceof Error) return isRefusal(ended) ? [] : [`threw ${ended.stack}`];
  const { prepared, rejects, rows, pairs, chunks } = ended;
  const { totals } = prepared;
  const counted = prepared.rejects.byReason.reduce((sum, { count }) => sum + count, 0);
  const lines = rejects.map(({ line }) => line);
  const holds: Record<string, boolean> = {
    'rows add up': totals.rows === totals.accepted + totals.invalid + totals.duplicate,
    'chunks hold the accepted rows': rows.length === totals.accepted && new Set(pairs).size === totals.accepted,
    'chunks are counted': prepared.chunks === chunks.length,
    'accounts are counted': new Set(chunks.map(({ from }) => from)).size === prepared.accounts,
    'rejects are counted': rejects.length === totals.invalid + totals.duplicate,
    'kinds of rejects add up': counted === rejects.length && prepared.rejects.count === rejects.length,
    'rejects have their fields': rejects.every(isReject),
    'rejects are in order': lines.every((line, n) => n === 0 || (lines[n - 1] as number) <= line),
    'rows are valid': rows.every(({ from, to }) => from !== to && (looseIds || (ID.test(from ?? '') && ID.test(to)))),
  };
  return Object.keys(holds).filter((what) => !holds[what]);
}

const isRefusal = (error: Error) =>
  error instanceof IntakeError && REFUSALS.has(error.code) && !error.message.includes('\n');

function isReject(reject: Reject): boolean {
  const { line, reason, row } = reject;
  const named = Object.keys(reject).join() === 'line,reason,row' && typeof row === 'string';
  return named && Number.isSafeInteger(line) && line >= 1 && REASON.test(reason);
}

const id = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('a', 'b', 'c', 'ann', 'Bob', 'u-1', '1001', 'from', 'to') },
  { weight: 1, arbitrary: fc.stringMatching(/^[a-zA-Z0-9_-]{1,32}$/) },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 6 }) },
);
const table = fc.array(fc.tuple(id, id), { maxLength: 12 });

const scrap = fc.oneof(
  fc.constantFrom(',', ';', '\t', '"', '""', '\n', '\r\n', '\r', '\0', ' ', '{', '}', '[', '\ufeff', 'é', '用', 'x'),
  fc.constantFrom(
    'from,to\n',
    '"from";"to"\n',
    'a,b\n',
    '{"from":"a","to":"b"}\n',
    '{"from":"a","from":"b","to":"c"}\n',
  ),
  fc.constantFrom('PK\x03\x04', '\x1f\x8b', '\xff\xfe', 'null', '1e999', '{"__proto__":{"from":"a"},"to":"b"}\n'),
);
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 64 }).map((raw) => Buffer.from(raw)),
  fc.array(scrap, { maxLength: 60 }).map((parts) => Buffer.from(parts.join(''))),
);

/** A right file in one of the forms that are read. */
const right = fc.tuple(table, fc.constantFrom('csv', 'tsv', 'jsonl', ';')).map(([rows, form]) => {
  if (form === 'jsonl') return { form, text: rows.map(([from, to]) => `${JSON.stringify({ from, to })}\n`).join('') };
  const delimiter = form === 'csv' ? ',' : form === 'tsv' ? '\t' : ';';
  const cell = (value: string) => (/[,;\t"\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  const lines = [['from', 'to', 'remark'], ...rows.map(([from, to]) => [from, to, 'x'])];
  return { form, text: lines.map((line) => `${line.map(cell).join(delimiter)}\n`).join('') };
});

type Damage = (file: Buffer) => Buffer;
/** Places are parts of the file's length, so that they mean something for files of any length. */
const place = fc.double({ min: 0, max: 1, noNaN: true });
const at = (file: Buffer, part: number) => Math.floor(part * file.length);
const damage: fc.Arbitrary<Damage> = fc.oneof(
  fc.tuple(place, fc.nat(255)).map(([where, mask]): Damage => (file) => {
    const flipped = Buffer.from(file);
    const index = Math.min(at(file, where), file.length - 1);
    if (index >= 0) flipped[index] = (flipped[index] as number) ^ mask;
    return flipped;
  }),
  fc.tuple(place, bytes).map(
    ([where, more]): Damage =>
      (file) =>
        Buffer.concat([file.subarray(0, at(file, where)), more, file.subarray(at(file, where))]),
  ),
  fc.tuple(place, place).map(
    ([start, end]): Damage =>
      (file) =>
        Buffer.concat([
          file.subarray(0, at(file, Math.min(start, end))),
          file.subarray(at(file, Math.max(start, end))),
        ]),
  ),
  fc.tuple(place, fc.constantFrom(0x00, 0x0d, 0x22, 0xc3, 0xff)).map(
    ([where, byte]): Damage =>
      (file) =>
        Buffer.concat([file.subarray(0, at(file, where)), Buffer.from([byte]), file.subarray(at(file, where))]),
  ),
  place.map(
    (end): Damage =>
      (file) =>
        file.subarray(0, at(file, end)),
  ),
  fc.tuple(place, place, place).map(([start, end, where]): Damage => (file) => {
    const piece = file.subarray(at(file, Math.min(start, end)), at(file, Math.max(start, end)));
    return Buffer.concat([file.subarray(0, at(file, where)), piece, file.subarray(at(file, where))]);
  }),
);
const damages = fc.array(damage, { maxLength: 6 });
const after = (file: Buffer, done: Damage[]) => done.reduce((so, act) => act(so), file);

/** The stream in pieces of a few bytes up to all at once. */
function stdin(content: Buffer, size: number, format?: Format): Source {
  const pieces = Array.from({ length: Math.ceil(content.length / size) }, (_, n) =>
    content.subarray(n * size, (n + 1) * size),
  );
  return { kind: 'stdin', stream: Readable.from(pieces), format };
}
/** Of a column that is ignored; its bytes must be text all the same. */
const words = fc.constantFrom('', 'some words', '用户用户用户用户用户用户');
const pieceSize = fc.constantFrom(1, 7, 64, 100_000);

it(
  'reads any bytes, named as any format or none',
  async () => {
    const format = fc.constantFrom('csv', 'tsv', 'jsonl', undefined);
    await fc.assert(
      fc.asyncProperty(bytes, format, pieceSize, fc.boolean(), fc.boolean(), async (raw, named, size, zip, loose) => {
        const ended = await takeAny(stdin(zip ? gzipSync(raw) : raw, size, named), loose);
        expect(flawsOf(ended, loose)).toEqual([]);
      }),
      { numRuns: RUNS },
    );
  },
  TIMEOUT,
);

it(
  'reads right files that were damaged, before and after they were packed',
  async () => {
    await fc.assert(
      fc.asyncProperty(right, damages, fc.option(damages), pieceSize, async ({ text }, inside, outside, size) => {
        const file = after(Buffer.from(text), inside);
        const content = outside === null ? file : after(gzipSync(file), outside);
        expect(flawsOf(await takeAny(stdin(content, size), false), false)).toEqual([]);
      }),
      { numRuns: RUNS },
    );
  },
  TIMEOUT,
);

it(
  'accepts exactly the rows that a plain second reading finds, where no quotes are in play',
  async () => {
    await fc.assert(
      fc.asyncProperty(table, words, damages, fc.boolean(), pieceSize, async (rows, x, inside, json, size) => {
        const plain = rows.map(([from, to]) =>
          (json ? JSON.stringify({ from, to, x }) : `${from},${to},${x}`).concat('\n'),
        );
        const body = after(Buffer.from(plain.join('')), inside).filter((byte) => json || byte !== 0x22);
        const content = Buffer.concat([Buffer.from(json ? '' : 'from,to,x\n'), body]);
        // What makes a file of another kind of it is not this test's business.
        fc.pre(!OTHER_KINDS.has(content.toString('latin1', 0, 2)));
        const ended = await takeAny(stdin(content, size, json ? 'jsonl' : 'csv'), false);
        expect(flawsOf(ended, false)).toEqual([]);
        expect(ended).toMatchObject({ pairs: secondReading(content, json) });
      }),
      { numRuns: RUNS },
    );
  },
  TIMEOUT,
);

const OTHER_KINDS = new Set(['\x1f\x8b', '\xff\xfe', '\xfe\xff', 'PK']);

/** Line by line and without any care for speed. */
function secondReading(content: Buffer, json: boolean): string[] {
  const found = new Set<string>();
  const lines = content
    .toString('latin1')
    .replace(/^\xef\xbb\xbf/, '')
    .split('\n')
    .slice(json ? 0 : 1);
  for (const raw of lines) {
    const line = Buffer.from(raw.replace(/\r$/, ''), 'latin1');
    if (!isUtf8(line) || line.includes(0)) continue;
    const cells = json ? idsIn(line.toString()) : line.toString().split(',');
    const [from, to] = cells;
    if (cells.length !== (json ? 2 : 3) || !ID.test(from ?? '') || !ID.test(to ?? '') || from === to) continue;
    const isHeader = /^(?:from|to)(?:_account)?,(?:from|to)(?:_account)?$/i.test(`${from},${to}`);
    if (json || !isHeader) found.add(`${from}>${to}`);
  }
  return [...found].toSorted((a, b) => (a < b ? -1 : 1));
}

function idsIn(line: string): string[] {
  try {
    const value = JSON.parse(line) as Record<string, unknown> | null;
    const keys = [...line.matchAll(/"([^"\\]*)"\s*:/g)].map(([, key]) => (key as string).trim().toLowerCase());
    // Keys given twice and other names are for the corpus; here they make the line no row or no difference.
    if (new Set(keys).size < keys.length || keys.some((key) => key.endsWith('_account'))) return [];
    const named = Object.entries(value ?? {}).map(([key, inner]) => [key.trim().toLowerCase(), inner] as const);
    const { from, to } = Object.fromEntries(named) as { from?: unknown; to?: unknown };
    return Array.isArray(value) || typeof from !== 'string' || typeof to !== 'string' ? [] : [from, to];
  } catch {
    return [];
  }
}
