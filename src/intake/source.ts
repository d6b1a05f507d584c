import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { addAbortSignal, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { Decompress } from 'fzstd';
import { checkFile } from './check-file.ts';
import { damagedText, IntakeError, readError } from './error.ts';
import { openParquet, PARQUET_MAGIC } from './parquet.ts';
import type { RowInput } from './row.ts';
import { type Delimiter, delimiterOf, type Format, formatOfBytes, formatOfName, HEAD, refuseBinary } from './sniff.ts';

export type { Format };

/** Where rows come from. Without `format` the name decides, then the first bytes; gzip, zstd and Parquet are known by theirs. */
export type Source =
  | SingleSource
  /** Read one after the other; each has its own format and header. Which order is part of the job's identity, names are not. */
  | { kind: 'files'; paths: readonly string[]; format?: Format };

/** What is read in one go. */
export type SingleSource =
  | { kind: 'file'; path: string; format?: Format }
  | { kind: 'stdin'; stream: Readable; format?: Format }
  /** Rows from code. The n-th row is line n in rejects, from 1. */
  | { kind: 'rows'; rows: AsyncIterable<RowInput> | Iterable<RowInput> };

/** The files of a source; none where it has no files. */
export function pathsOf(source: Source): readonly string[] {
  if (source.kind === 'files') return source.paths;
  return source.kind === 'file' ? [source.path] : [];
}

/** What a source is read as, in order. */
export function partsOf(source: Source): SingleSource[] {
  if (source.kind !== 'files') return [source];
  return source.paths.map((path) => ({ kind: 'file', path, ...(source.format && { format: source.format }) }));
}

export interface OpenSource {
  /** How messages call it: a path, or `stdin`, or `rows`. */
  name: string;
  format: Format;
  delimiter: Delimiter;
  /** Unpacked. Ends with an `IntakeError` when the source cannot be read. */
  bytes: AsyncIterable<Buffer>;
  /** Bytes of the source taken so far, before unpacking. */
  taken(): number;
  /** SHA-256 of the source's bytes before unpacking, hex; only after `bytes` has ended. */
  digest(): string;
}

const READ_SIZE = 1 << 20;

export async function openSource(source: SingleSource, signal?: AbortSignal): Promise<OpenSource> {
  const name = nameOf(source);
  if (source.kind === 'file') await checkFile(source.path);
  const meter = { hash: createHash('sha256'), taken: 0 };
  const stream = rawBytes(source, signal);
  try {
    const [head, whole] = await peek(metered(stream, meter, name), MAGIC_BYTES);
    if (source.kind === 'file' && head.subarray(0, MAGIC_BYTES).equals(PARQUET_MAGIC)) {
      (stream as Readable).destroy();
      return await openParquet(source.path, signal);
    }
    const [start, bytes] = await peek(source.kind === 'rows' ? whole : unpacked(head, whole, name), HEAD);
    const named = (source.kind === 'rows' ? 'jsonl' : source.format) ?? formatOfName(name);
    if (source.kind !== 'rows') refuseBinary(start, name);
    const format = named ?? formatOfBytes(start, name);
    return {
      name,
      format,
      delimiter: delimiterOf(format, start),
      bytes,
      taken: () => meter.taken,
      digest: () => meter.hash.digest('hex'),
    };
  } catch (error) {
    if (stream instanceof Readable) stream.destroy();
    throw error;
  }
}

/** How messages call it. */
export function nameOf(source: SingleSource): string {
  return source.kind === 'file' ? source.path : source.kind;
}

function rawBytes(source: SingleSource, signal?: AbortSignal): AsyncIterable<Buffer | string> {
  if (source.kind === 'file') return createReadStream(source.path, { highWaterMark: READ_SIZE, signal });
  if (source.kind === 'stdin') return signal ? addAbortSignal(signal, source.stream) : source.stream;
  return linesOf(source.rows, signal);
}

async function* metered(
  raw: AsyncIterable<Buffer | string>,
  meter: { hash: Hash; taken: number },
  name: string,
): AsyncGenerator<Buffer> {
  try {
    for await (const piece of raw) {
      const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece;
      meter.hash.update(bytes);
      meter.taken += bytes.length;
      yield bytes;
    }
  } catch (error) {
    if (name !== 'rows') throw readError(name, error);
    throw new IntakeError(
      'unreadable',
      `the rows given could not be read to their end: ${(error as Error).message}`,
      error,
    );
  }
}

/** Of all magic numbers that are looked for here. */
const MAGIC_BYTES = 4;
const GZIP = Buffer.from('1f8b', 'hex');
const ZSTD = Buffer.from('28b52ffd', 'hex');

function unpacked(head: Buffer, whole: AsyncIterable<Buffer>, name: string): AsyncIterable<Buffer> {
  const begins = (magic: Buffer) => head.subarray(0, magic.length).equals(magic);
  if (begins(GZIP)) return gunzipped(whole, name);
  return begins(ZSTD) ? unzstd(whole, name) : whole;
}

async function* gunzipped(packed: AsyncIterable<Buffer>, name: string): AsyncGenerator<Buffer> {
  const source = Readable.from(packed, { objectMode: false, highWaterMark: READ_SIZE });
  const gunzip = createGunzip({ chunkSize: READ_SIZE });
  source.on('error', (error) => gunzip.destroy(error));
  try {
    yield* source.pipe(gunzip) as AsyncIterable<Buffer>;
  } catch (error) {
    throw readError(name, error);
  } finally {
    source.destroy();
  }
}

/** Bytes that are unpacked in one go: what comes of them may be some hundred times as much. */
const ZSTD_SIZE = 16 * 1024;

async function* unzstd(packed: AsyncIterable<Buffer>, name: string): AsyncGenerator<Buffer> {
  let pieces: Buffer[] = [];
  const zstd = new Decompress((piece) => pieces.push(Buffer.from(piece)));
  const push = (bytes: Buffer, isLast: boolean): Buffer[] => {
    try {
      zstd.push(bytes, isLast);
    } catch (error) {
      throw new IntakeError('corrupt-zstd', damagedText(name, 'zstd', (error as Error).message), error);
    }
    const found = pieces;
    pieces = [];
    return found;
  };
  for await (const bytes of packed) {
    for (let at = 0; at < bytes.length; at += ZSTD_SIZE) yield* push(bytes.subarray(at, at + ZSTD_SIZE), false);
  }
  yield* push(Buffer.alloc(0), true);
}

/** The first bytes, `count` of them where there are so many, and the whole again. */
async function peek(bytes: AsyncIterable<Buffer>, count: number): Promise<[Buffer, AsyncIterable<Buffer>]> {
  const iterator = bytes[Symbol.asyncIterator]();
  let head: Buffer = Buffer.alloc(0);
  while (head.length < count) {
    const { value, done } = await iterator.next();
    if (done) break;
    head = head.length === 0 ? value : Buffer.concat([head, value]);
  }
  async function* whole(): AsyncGenerator<Buffer> {
    try {
      yield head;
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
    } finally {
      await iterator.return?.();
    }
  }
  return [head, whole()];
}

/** Rows as JSON lines. What cannot be written as JSON becomes a line that is a reject, so that lines count rows. */
async function* linesOf(
  rows: AsyncIterable<RowInput> | Iterable<RowInput>,
  signal?: AbortSignal,
): AsyncGenerator<string> {
  let text = '';
  for await (const row of signal && Symbol.asyncIterator in rows ? abortable(rows, signal) : rows) {
    signal?.throwIfAborted();
    text += `${lineOf(row)}\n`;
    if (text.length < READ_SIZE / 4) continue;
    yield text;
    text = '';
  }
  yield text;
}

/** Ends with the signal also while a row is being waited for. */
async function* abortable<T>(rows: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  const iterator = rows[Symbol.asyncIterator]();
  const next = () =>
    new Promise<IteratorResult<T>>((resolve, reject) => {
      const stop = () => reject(signal.reason as Error);
      signal.addEventListener('abort', stop, { once: true });
      void iterator
        .next()
        .then(resolve, reject)
        .finally(() => signal.removeEventListener('abort', stop));
      if (signal.aborted) stop();
    });
  try {
    for (let step = await next(); !step.done; step = await next()) yield step.value;
  } finally {
    // Not awaited: it settles only after the row that is being waited for.
    iterator.return?.().catch(() => {});
  }
}

function lineOf(row: unknown): string {
  try {
    return (
      JSON.stringify(row, (_, value: unknown) => (typeof value === 'bigint' ? Number(value) : value)) ?? 'undefined'
    );
  } catch (error) {
    return `(cannot be written as JSON: ${String(error).replace(/\s+/g, ' ')})`;
  }
}
