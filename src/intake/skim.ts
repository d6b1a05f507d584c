import { columnNamed, type Layout } from './columns.ts';
import { NEWLINE, RETURN, type Cursor } from './record-parser.ts';
import { MAX_ID } from './row.ts';
import type { RowSink } from './sink.ts';

const QUOTE = 34;
/** By the first letter of a name of ids and its length, its last letter. */
const LAST_LETTERS: Record<number, Record<number, number>> = {};
for (const name of ['to', 'from', 'userid', 'account', 'to_account', 'from_account']) {
  (LAST_LETTERS[name.charCodeAt(0)] ??= {})[name.length] = name.charCodeAt(name.length - 1);
}

/** Takes whole lines from `at` on, as long as they are plainly right; returns the start of the first that is not. */
export type Skimmer = (block: Buffer, at: number, cursor: Cursor) => number;

/** Classes of bytes: usable in an id, usable in a column that is ignored, neither. */
const OTHER = 0;
const TEXT = 1;
const ID = 2;

/**
 * The fast way for rows that carry nothing but from and to: accepts lines whose every byte is beyond doubt and leaves
 * all others untouched for the careful way, so that it decides nothing of its own. Null where optional columns are read or wanted.
 * Saves decoding, splitting and a handful of objects a row.
 */
export function makeSkimmer(layout: Layout, delimiter: string, sink: RowSink): Skimmer | null {
  if (layout.optional.length > 0 || sink.rules.operation.edits) return null;
  const { from, to, width } = layout;
  const { stage, rejects } = sink;
  // Lines of all the files before this one; a skimmer serves one file.
  const { before } = rejects.places;
  const comma = delimiter.charCodeAt(0);
  const classes = classesOf(comma, sink.rules.looseIds);

  return (block, start, cursor) => {
    let lineStart = start;
    for (;;) {
      let column = 0;
      let cell = lineStart;
      let fromStart = 0;
      let fromEnd = 0;
      let toStart = 0;
      let toEnd = 0;
      let lowest = ID;
      let at = lineStart;
      for (; at < block.length; at++) {
        const byte = block[at] as number;
        if (byte !== comma && byte !== NEWLINE) {
          const kind = classes[byte] as number;
          if (kind < lowest) {
            if (kind === OTHER && !(byte === RETURN && block[at + 1] === NEWLINE)) return lineStart;
            if (kind === TEXT) lowest = TEXT;
          }
          continue;
        }
        if (column === from || column === to) {
          if (lowest !== ID) return lineStart;
          const end = byte === NEWLINE && at > cell && block[at - 1] === RETURN ? at - 1 : at;
          if (end === cell || end - cell > MAX_ID) return lineStart;
          if (column === from) {
            fromStart = cell;
            fromEnd = end;
          } else {
            toStart = cell;
            toEnd = end;
          }
        }
        if (byte === NEWLINE) break;
        column += 1;
        cell = at + 1;
        lowest = ID;
      }
      if (at === block.length || column !== width - 1) return lineStart;
      if (sameBytes(block, fromStart, fromEnd, toStart, toEnd)) return lineStart;
      // Perhaps a header in the midst of rows.
      if ((from < 0 || mayName(block, fromStart, fromEnd)) && mayName(block, toStart, toEnd)) return lineStart;
      cursor.line += 1;
      stage.pair(before + cursor.line, block, fromStart, fromEnd, toStart, toEnd);
      lineStart = at + 1;
    }
  };
}

function classesOf(comma: number, looseIds: boolean): Uint8Array {
  const classes = new Uint8Array(256);
  for (let byte = 0x20; byte < 0x7f; byte++) {
    if (byte === QUOTE || byte === comma) continue;
    classes[byte] = looseIds || /[a-zA-Z0-9_-]/.test(String.fromCharCode(byte)) ? ID : TEXT;
  }
  return classes;
}

/** Whether a cell names a column of ids. Nearly always decided by its first letter, its length and its last letter. */
function mayName(block: Buffer, start: number, end: number): boolean {
  const last = LAST_LETTERS[(block[start] as number) | 0x20]?.[end - start];
  if (last === undefined || last !== ((block[end - 1] as number) | 0x20)) return false;
  const kind = columnNamed(block.toString('latin1', start, end))?.kind;
  return kind === 'from' || kind === 'to' || kind === 'account';
}

function sameBytes(block: Buffer, start: number, end: number, otherStart: number, otherEnd: number): boolean {
  if (end - start !== otherEnd - otherStart) return false;
  for (let i = 0; start + i < end; i++) if (block[start + i] !== block[otherStart + i]) return false;
  return true;
}
