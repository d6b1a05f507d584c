import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { Chunk, Fields, Item, RowDirection } from './chunk.ts';

/**
 * Below this many bytes of JSON a block is stored, not compressed (a valid deflate stream all the same): a
 * compressor costs some 20 µs to set up and saves next to nothing here, and most accounts have few friends.
 */
const STORED_BELOW = 256;

/** A small window: half the set-up time of the default one, and the size of the block is the same within 1 %. */
const DEFLATE = { level: 1, windowBits: 13, memLevel: 5 };

/** No chunk comes near this; a block that inflates to more is not one of ours. Bytes. */
const MAX_INFLATED = 64 * 1024 * 1024;

/**
 * A chunk as it is written: columns instead of items, since a name a row takes as long to read as the row. `rows` and
 * `fields` have an entry an item; without `rows` all are `forward`, without `fields` none has any.
 */
interface Columns extends Pick<Chunk, 'from' | 'several'> {
  /** A line an item: ids hold no control characters. V8 looks up each short string of JSON among all that it knows. */
  to: string;
  rows?: RowDirection[];
  fields?: (Fields | null)[];
}

/** A chunk as one block of a spool: deflate-raw of its JSON. */
export function encodeChunk(chunk: Chunk): Buffer {
  return packJson(Buffer.from(chunkJson(chunk)));
}

/** What a block is made of. */
export function chunkJson({ from, items, several }: Chunk): string {
  const columns: Columns = { from, to: items.map(({ to }) => to).join('\n'), ...(several && { several }) };
  if (items.some(({ rows }) => rows !== 'forward')) columns.rows = items.map(({ rows }) => rows);
  if (items.some(({ fields }) => fields !== undefined)) columns.fields = items.map(({ fields }) => fields ?? null);
  return JSON.stringify(columns);
}

/** The block of a chunk's JSON. */
export function packJson(json: Buffer): Buffer {
  return json.length < STORED_BELOW ? storedBlock(json) : deflateRawSync(json, DEFLATE);
}

/** The chunk of a block. Throws when the block is damaged. */
export function decodeChunk(block: Buffer): Chunk {
  let json: string;
  try {
    json = inflateRawSync(block, { maxOutputLength: MAX_INFLATED }).toString();
  } catch (cause) {
    throw new Error(`a chunk's block of ${block.length} bytes is damaged and cannot be inflated`, { cause });
  }
  const { from, several, to, rows, fields } = JSON.parse(json) as Columns;
  const items = to.split('\n').map((account, n): Item => {
    const own = fields?.[n];
    const direction = rows?.[n] ?? 'forward';
    return own ? { to: account, rows: direction, fields: own } : { to: account, rows: direction };
  });
  return several ? { from, items, several } : { from, items };
}

/** RFC 1951 §3.2.4: final block, type 00, length, its complement, the bytes as they are. */
function storedBlock(bytes: Buffer): Buffer {
  const block = Buffer.allocUnsafe(5 + bytes.length);
  block[0] = 1;
  block.writeUInt16LE(bytes.length, 1);
  block.writeUInt16LE(~bytes.length & 0xffff, 3);
  bytes.copy(block, 5);
  return block;
}
