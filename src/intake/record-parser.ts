export const NEWLINE = 10;
export const RETURN = 13;

/** The longest record, in bytes. What is longer is a reject, and is not held in memory. */
export const MAX_RECORD = 1 << 20;
export const TOO_LONG = 'row: longer than 1 MiB';

/** A parser's answer: the record goes on beyond this block. */
export const NEED_MORE = -1;

/** Where reading stands. */
export interface Cursor {
  /** Physical lines begun so far: the number of the line last read. */
  line: number;
  /** The rest of the present line belongs to a reject and is passed over. */
  skipping: boolean;
}

/** What a format knows: how records look inside lines. One parser reads one input, from its first line on. */
export interface RecordParser {
  readonly cursor: Cursor;
  /** A new block is about to be read; `last` when the input ends with it. */
  begin(block: Buffer, last: boolean): void;
  /**
   * Reads on from `at`, the start of a line, as long as lines are whole and plainly right; returns the start of the
   * first that is not. May do nothing.
   */
  skim(block: Buffer, at: number): number;
  /**
   * Reads the record whose first line is `block[at, end)`, without its line end; the next line begins at `next`.
   * Returns where reading goes on, or `NEED_MORE` (never when `last`), and then nothing has changed.
   */
  record(block: Buffer, at: number, end: number, next: number, last: boolean): number;
  /** Line `line` is a reject before it could be parsed. */
  refuse(line: number, reason: string, text: Buffer): void;
}
