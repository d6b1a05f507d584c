import type { ColumnNames } from './columns.ts';
import { flawOf, isCleanBlock } from './reader.ts';
import type { Cursor, RecordParser } from './record-parser.ts';
import { RawRow } from './row.ts';
import type { RowSink } from './sink.ts';

/** JSON lines: one object a line. */
export class JsonlParser implements RecordParser {
  readonly cursor: Cursor = { line: 0, skipping: false };
  readonly #names: ColumnNames;
  readonly #sink: RowSink;
  #clean = false;

  constructor(names: ColumnNames, sink: RowSink) {
    this.#names = names;
    this.#sink = sink;
  }

  begin(block: Buffer, last: boolean): void {
    this.#clean = isCleanBlock(block, last);
  }

  skim(_block: Buffer, at: number): number {
    return at;
  }

  record(block: Buffer, at: number, end: number, next: number): number {
    this.cursor.line += 1;
    const text = block.subarray(at, end);
    const row = (this.#clean ? null : flawOf(text)) ?? parseRow(text.toString(), this.#names);
    if (typeof row === 'string') this.refuse(this.cursor.line, row, text);
    else this.#sink.row(this.cursor.line, row, text);
    return next;
  }

  refuse(line: number, reason: string, text: Buffer): void {
    this.#sink.reject(line, reason, text);
  }
}

/** The row of one line, or why it is none. */
function parseRow(text: string, names: ColumnNames): RawRow | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'row: not valid JSON';
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'row: not a JSON object';
  const row = new RawRow();
  for (const [name, inner] of Object.entries(value)) {
    const column = names.use(name);
    if (column !== null && !row.set(column, inner))
      return `${column.kind === 'field' ? column.field : column.kind}: given twice`;
  }
  return row;
}
