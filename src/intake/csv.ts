import { columnCount, type ColumnNames, isHeader, type Layout, readFirstRecord } from './columns.ts';
import { IntakeError } from './error.ts';
import { makeSkimmer, type Skimmer } from './skim.ts';
import { parseQuoted } from './quoted.ts';
import { flawOf, isCleanBlock } from './reader.ts';
import { MAX_RECORD, NEED_MORE, RETURN, type Cursor, type RecordParser } from './record-parser.ts';
import { isId, RawRow } from './row.ts';
import type { RowSink } from './sink.ts';

const QUOTE = 34;
const SEMICOLON = 59;
const OPEN_BRACE = 123;

/**
 * CSV and TSV. The first record decides the layout; from then on plainly right lines are skimmed, lines without a
 * quote are split, and lines with one go through `quoted.ts`.
 */
export class CsvParser implements RecordParser {
  readonly cursor: Cursor = { line: 0, skipping: false };
  /** What the first record made worth saying. */
  readonly warnings: string[] = [];
  readonly #name: string;
  readonly #delimiter: string;
  readonly #names: ColumnNames;
  readonly #sink: RowSink;
  #layout: Layout | null = null;
  /** The names of the first record where that was a header, as `nameOf` makes them. */
  #header: string[] = [];
  #sawOtherHeader = false;
  #skimmer: Skimmer | null = null;
  #clean = false;
  #nextQuote = 0;

  /** `name` is the input's name in errors; `delimiter` one ASCII character. */
  constructor(name: string, delimiter: string, names: ColumnNames, sink: RowSink) {
    this.#name = name;
    this.#delimiter = delimiter;
    this.#names = names;
    this.#sink = sink;
  }

  begin(block: Buffer, last: boolean): void {
    this.#clean = isCleanBlock(block, last);
    this.#nextQuote = -1;
  }

  skim(block: Buffer, at: number): number {
    return this.#skimmer === null ? at : this.#skimmer(block, at, this.cursor);
  }

  record(block: Buffer, at: number, end: number, next: number, last: boolean): number {
    if (!this.#hasQuote(block, at, end)) {
      this.cursor.line += 1;
      this.#take(this.cursor.line, block.subarray(at, end), null);
      return next;
    }
    const parsed = parseQuoted(block, at, this.#delimiter.charCodeAt(0), last);
    if (parsed.kind === 'more') return NEED_MORE;
    const line = this.cursor.line + 1;
    if (parsed.kind === 'record') {
      this.cursor.line += parsed.lines;
      this.#take(line, block.subarray(at, parsed.end), parsed.cells);
      return parsed.next;
    }
    if (parsed.resume === 0 && block.length - at <= MAX_RECORD) return NEED_MORE;
    this.cursor.line += parsed.lines;
    this.cursor.skipping = parsed.resume === 0;
    const resume = parsed.resume === 0 ? block.length : parsed.resume;
    this.refuse(line, parsed.reason, withoutLineEnd(block.subarray(at, resume)));
    return resume;
  }

  refuse(line: number, reason: string, text: Buffer): void {
    if (this.#layout === null) {
      throw this.#noColumns(line, `${reason}, so its columns cannot be told`, this.#causeOf(text) ?? MUST_BE_TEXT);
    }
    this.#sink.reject(line, reason, text);
  }

  #hasQuote(block: Buffer, at: number, end: number): boolean {
    if (this.#nextQuote < at) {
      const found = block.indexOf(QUOTE, at);
      this.#nextQuote = found < 0 ? Infinity : found;
    }
    return this.#nextQuote < end;
  }

  /** One whole record; `cells` null when it has no quotes and is yet to be split. */
  #take(line: number, text: Buffer, cells: Buffer[] | null): void {
    const flaw = this.#clean ? null : flawOf(text);
    if (flaw !== null) return this.refuse(line, flaw, text);
    const values = cells === null ? text.toString().split(this.#delimiter) : cells.map((cell) => cell.toString());
    if (this.#layout === null) this.#first(line, text, values);
    else this.#row(line, text, values, this.#layout);
  }

  #first(line: number, text: Buffer, cells: string[]): void {
    const first = readFirstRecord(cells, this.#names);
    const cause = this.#causeOf(text);
    if (first.kind === 'error') throw this.#noColumns(line, first.message, cause ?? first.advice);
    // One column of what is no id, for a reason that holds for every line: not a bad row but a file misread.
    if (first.kind === 'row' && cells.length === 1 && cause !== null && !isId(cells[0], this.#sink.rules)) {
      throw this.#noColumns(line, `no column of accounts among its ${columnCount(cells)}`, cause);
    }
    this.#layout = first.layout;
    this.#skimmer = makeSkimmer(first.layout, this.#delimiter, this.#sink);
    if (first.kind === 'header') {
      this.#header = cells.map(nameOf);
      return;
    }
    if (first.warning !== undefined) this.warnings.push(`line ${line}: ${first.warning}`);
    this.#row(line, text, cells, first.layout);
  }

  #row(line: number, text: Buffer, cells: string[], layout: Layout): void {
    if (cells.length !== layout.width) {
      return this.#sink.reject(line, `columns: ${cells.length} instead of ${layout.width}`, text);
    }
    if (this.#isHeaderAgain(cells)) return this.#sink.reject(line, 'row: the header again', text);
    if (isHeader(cells, layout)) return this.#otherHeader(line, text, layout);
    const row = new RawRow();
    row.from = cells[layout.from];
    row.to = cells[layout.to];
    for (const { at, column } of layout.optional) row.set(column, cells[at]);
    this.#sink.row(line, row, text);
  }

  #isHeaderAgain(cells: string[]): boolean {
    const header = this.#header;
    return header.length > 0 && cells.every((cell, at) => nameOf(cell) === header[at]);
  }

  #otherHeader(line: number, text: Buffer, { from }: Layout): void {
    this.#sink.reject(line, 'row: another header', text);
    if (this.#sawOtherHeader) return;
    this.#sawOtherHeader = true;
    const ids = from < 0 ? 'as accounts' : 'as from and to';
    const order = this.#header.length === 0 ? ids : 'in the order of the first';
    this.warnings.push(`line ${line} is another header: the rows below it were read ${order}. Check that they agree`);
  }

  /** What a first record without columns most likely is, and what to do about it; null when nothing suggests itself. */
  #causeOf(text: Buffer): string | null {
    if (text.includes(RETURN)) return "Its lines end in CR alone: convert them first (tr '\\r' '\\n' < FILE)";
    if (text[0] === OPEN_BRACE) return 'It looks like JSON lines: call the file .jsonl';
    if (this.#delimiter === ';' || !text.includes(SEMICOLON)) return null;
    const names = this.#names.operation.rows === 'accounts' ? 'account;…' : 'from;to';
    return `Columns between semicolons are read only where the first line names them (${names})`;
  }

  #noColumns(line: number, what: string, advice: string): IntakeError {
    return new IntakeError('no-columns', `${this.#name}, line ${line}: ${what}. ${advice}`);
  }
}

/** A name of a header as it is compared: trimmed (of a byte order mark too), in lower case. */
const nameOf = (cell: string) => cell.trim().toLowerCase();

const MUST_BE_TEXT = 'Text must be UTF-8, one record a line: convert other encodings first, e.g. with iconv';

function withoutLineEnd(text: Buffer): Buffer {
  let end = text.length;
  if (end > 0 && text[end - 1] === 10) end -= 1;
  if (end > 0 && text[end - 1] === RETURN) end -= 1;
  return text.subarray(0, end);
}
