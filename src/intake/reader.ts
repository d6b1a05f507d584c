import { isUtf8 } from 'node:buffer';
import { MAX_RECORD, NEED_MORE, NEWLINE, RETURN, TOO_LONG, type Cursor, type RecordParser } from './record-parser.ts';

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/**
 * Cuts blocks of bytes into physical lines and hands each to a parser, which may take more lines for its record.
 * An empty line is no row; one of white space is, and a bad one. LF and CRLF end a line, and so does the end of the input; a byte order mark is dropped.
 */
export class BlockReader {
  readonly #parser: RecordParser;
  readonly #cursor: Cursor;
  #started = false;

  constructor(parser: RecordParser) {
    this.#parser = parser;
    this.#cursor = parser.cursor;
  }

  /** Reads all whole records of a block and says how many bytes that took; the rest must come again, with more. */
  feed(block: Buffer, last: boolean): number {
    if (!this.#started && block.length < 3 && !last) return 0;
    let at = !this.#started && block.subarray(0, 3).equals(BYTE_ORDER_MARK) ? 3 : 0;
    this.#started = true;
    this.#parser.begin(block, last);
    while (at < block.length) {
      const next = this.#cursor.skipping ? this.#skip(block, at) : this.#read(block, at, last);
      if (next === NEED_MORE) return at;
      at = next;
    }
    return at;
  }

  #skip(block: Buffer, at: number): number {
    const newline = block.indexOf(NEWLINE, at);
    if (newline < 0) return block.length;
    this.#cursor.skipping = false;
    return newline + 1;
  }

  #read(block: Buffer, start: number, last: boolean): number {
    const at = this.#parser.skim(block, start);
    const newline = block.indexOf(NEWLINE, at);
    if (newline < 0 && !last && block.length - at <= MAX_RECORD) return at === start ? NEED_MORE : at;
    const next = newline < 0 ? block.length : newline + 1;
    let end = newline < 0 ? block.length : newline;
    if (end > at && block[end - 1] === RETURN) end -= 1;
    if (end === at) {
      if (next > at) this.#cursor.line += 1;
      return next;
    }
    if (end - at > MAX_RECORD) {
      this.#cursor.line += 1;
      this.#cursor.skipping = newline < 0;
      this.#parser.refuse(this.#cursor.line, TOO_LONG, block.subarray(at, end));
      return next;
    }
    const taken = this.#parser.record(block, at, end, next, last);
    // What was skimmed before it is done: only the record comes again.
    return taken === NEED_MORE && at > start ? at : taken;
  }
}

/** Reads a whole stream. `afterBlock` runs between blocks, which are large enough to keep its cost down. */
export async function readBlocks(
  bytes: AsyncIterable<Buffer>,
  reader: BlockReader,
  afterBlock: () => Promise<void>,
): Promise<void> {
  let held: Buffer[] = [];
  let size = 0;
  const work = async (last: boolean) => {
    const block = held.length === 1 ? (held[0] as Buffer) : Buffer.concat(held);
    const rest = block.subarray(reader.feed(block, last));
    held = rest.length > 0 ? [rest] : [];
    size = 0;
    await afterBlock();
  };
  for await (const piece of bytes) {
    // A huge piece would hold the event loop; tiny ones would have a long record read again and again.
    for (let at = 0; at < piece.length; at += MAX_BLOCK) {
      const part = piece.subarray(at, at + MAX_BLOCK);
      held.push(part);
      size += part.length;
      if (size >= MIN_BLOCK) await work(false);
    }
  }
  await work(true);
}

const MIN_BLOCK = 64 * 1024;
const MAX_BLOCK = 1 << 20;

/** Why these bytes are no text, or null. */
export function flawOf(bytes: Buffer): string | null {
  if (bytes.includes(0)) return 'row: contains a NUL byte';
  return isUtf8(bytes) ? null : 'row: not valid UTF-8';
}

/** No whole line of the block is flawed, so that lines need no look of their own. */
export function isCleanBlock(block: Buffer, last: boolean): boolean {
  return flawOf(last ? block : block.subarray(0, block.lastIndexOf(NEWLINE) + 1)) === null;
}
