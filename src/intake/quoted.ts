import { MAX_RECORD, NEWLINE, RETURN, TOO_LONG } from './record-parser.ts';

const QUOTE = 34;

/** A quoted field may span this much; beyond it its quote is taken for a stray one. */
export const MAX_QUOTED_BYTES = 64 * 1024;
export const MAX_QUOTED_LINES = 100;

export type Parsed =
  /** `next`: start of the line after the record; `lines`: physical lines it took; `end`: its end without line end. */
  | { kind: 'record'; cells: Buffer[]; end: number; next: number; lines: number }
  /** The block ends first. */
  | { kind: 'more' }
  /**
   * Not a record. Reading goes on at `resume`, the line after the one where the field that failed opens, `lines` after
   * the record's start; 0 when the block ends first.
   */
  | { kind: 'broken'; reason: string; resume: number; lines: number };

/**
 * Splits one record with quotes in it, from `start`. A field is quoted when its first character is a quote; inside, two
 * quotes mean one, and delimiters and newlines are text. Quotes elsewhere in a field are text.
 */
export function parseQuoted(block: Buffer, start: number, delimiter: number, last: boolean): Parsed {
  const cells: Buffer[] = [];
  let at = start;
  let lines = 1;
  for (;;) {
    const opened = { start, at, lines };
    let end: number;
    if (block[at] === QUOTE) {
      const field = quotedField(block, at, last);
      if ('reason' in field || field.end < 0) return giveUp(block, opened, last, field);
      cells.push(field.text);
      lines += field.newlines;
      end = field.end;
    } else {
      end = plainEnd(block, at, delimiter);
      if (end === block.length && !last) return giveUp(block, opened, last, null);
      cells.push(block.subarray(at, end));
    }
    if (end - start > MAX_RECORD) return giveUp(block, opened, last, { reason: TOO_LONG });
    if (block[end] === delimiter && end < block.length) {
      at = end + 1;
      continue;
    }
    const stop = lineEnd(block, end, last);
    if (stop === null) return giveUp(block, opened, last, null);
    if (stop.next < 0) return giveUp(block, opened, last, { reason: 'quote: text after the closing quote' });
    if (block[at] !== QUOTE) cells[cells.length - 1] = block.subarray(at, stop.end);
    return { kind: 'record', cells, end: stop.end, next: stop.next, lines };
  }
}

type QuotedField = { text: Buffer; end: number; newlines: number } | { reason: string };

/** The field that opens at `open`; `end` is the place behind its closing quote, −1 when that is not in the block. */
function quotedField(block: Buffer, open: number, last: boolean): QuotedField {
  const none = { text: block.subarray(0, 0), end: -1, newlines: 0 };
  const window = block.subarray(open + 1, open + 1 + MAX_QUOTED_BYTES + 1);
  const cutShort = open + 1 + window.length === block.length;
  let doubled = false;
  let close = window.indexOf(QUOTE);
  while (close >= 0 && window[close + 1] === QUOTE) {
    doubled = true;
    close = window.indexOf(QUOTE, close + 2);
  }
  if (close < 0) {
    if (cutShort && !last && window.length <= MAX_QUOTED_BYTES) return none;
    const where = window.length > MAX_QUOTED_BYTES ? 'within 64 KiB' : 'before the end of the input';
    return { reason: `quote: not closed ${where}` };
  }
  // The next byte decides between a closing quote and a doubled one.
  if (cutShort && close === window.length - 1 && !last) return none;
  const inside = window.subarray(0, close);
  const newlines = countNewlines(inside);
  if (newlines >= MAX_QUOTED_LINES) return { reason: `quote: not closed within ${MAX_QUOTED_LINES} lines` };
  return { text: doubled ? halveQuotes(inside) : inside, end: open + 1 + close + 1, newlines };
}

function giveUp(
  block: Buffer,
  opened: { start: number; at: number; lines: number },
  last: boolean,
  why: QuotedField | null,
): Extract<Parsed, { kind: 'more' | 'broken' }> {
  const newline = block.indexOf(NEWLINE, opened.at);
  const resume = newline >= 0 ? newline + 1 : last ? block.length : 0;
  const failed = why !== null && 'reason' in why;
  if (!failed && block.length - opened.start <= MAX_RECORD) return { kind: 'more' };
  return { kind: 'broken', reason: failed ? why.reason : TOO_LONG, resume, lines: opened.lines };
}

function plainEnd(block: Buffer, at: number, delimiter: number): number {
  let end = at;
  while (end < block.length && block[end] !== delimiter && block[end] !== NEWLINE) end += 1;
  return end;
}

/** What stands at `at` as a line end: `next` is −1 when it is none, the answer null when the block cannot tell. */
function lineEnd(block: Buffer, at: number, last: boolean): { end: number; next: number } | null {
  if (at >= block.length) return last ? { end: block[at - 1] === RETURN ? at - 1 : at, next: at } : null;
  if (block[at] === NEWLINE) {
    const end = block[at - 1] === RETURN ? at - 1 : at;
    return { end, next: at + 1 };
  }
  if (block[at] !== RETURN) return { end: at, next: -1 };
  if (at + 1 >= block.length) return last ? { end: at, next: at + 1 } : null;
  return block[at + 1] === NEWLINE ? { end: at, next: at + 2 } : { end: at, next: -1 };
}

function countNewlines(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) count += 1;
  return count;
}

function halveQuotes(bytes: Buffer): Buffer {
  const halved = Buffer.allocUnsafe(bytes.length);
  let used = 0;
  for (let at = 0; at < bytes.length; at++) {
    halved[used++] = bytes[at] as number;
    if (bytes[at] === QUOTE) at += 1;
  }
  return halved.subarray(0, used);
}
