import { type ColumnNames, pairRefused } from './columns.ts';
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
  const row = new RawRow(names.operation.edits);
  const repeated = repeatedKeys(text, Object.keys(value));
  const ofResults = names.operation.rows === 'accounts' && isResult(value);
  for (const [name, inner] of Object.entries(value)) {
    const column = names.use(name);
    if (column === null) continue;
    if (ofResults && column.kind === 'account') continue;
    if (column.kind === 'to' && names.operation.rows === 'accounts' && !ofResults) {
      return `to: ${pairRefused(names.operation)}`;
    }
    if (!row.set(column, inner) || repeated?.has(name)) {
      return `${column.kind === 'field' ? column.field : column.kind}: given twice`;
    }
  }
  return row;
}

/** A line of a results file on accounts: `to` is the account, `account` what was answered of it. */
const isResult = (value: object): boolean => 'from' in value && value.from === null;

/** A string with the colon that makes it a key, or what opens and closes a level. */
const TOKEN = /("[^"\\]*(?:\\.[^"\\]*)*")(\s*:)?|[{}[\]]/g;

/** The last escape of a key: `"\u0066rom"` is `from` too, which a search for `"from"` does not find. */
const ESCAPED_KEY = /\\.[^"\\]*"\s*:/;

/** Where there are more keys, looking for each would take longer than reading the text once. */
const FEW = 32;

/** The keys an object has twice, of which `JSON.parse` keeps the last without a word. `text` is valid JSON. */
function repeatedKeys(text: string, keys: readonly string[]): Set<string> | null {
  // Nearly always decided here: each stands there once, spelt plainly.
  const plain = keys.length <= FEW && !ESCAPED_KEY.test(text);
  if (plain && !keys.some((key) => isTwiceIn(text, JSON.stringify(key)))) return null;
  const seen = new Set<string>();
  const twice = new Set<string>();
  let depth = 0;
  for (const [token, string, colon] of text.matchAll(TOKEN)) {
    if (token === '{' || token === '[') depth += 1;
    else if (token === '}' || token === ']') depth -= 1;
    if (depth !== 1 || string === undefined || colon === undefined) continue;
    const key = JSON.parse(string) as string;
    (seen.has(key) ? twice : seen).add(key);
  }
  return twice;
}

function isTwiceIn(text: string, part: string): boolean {
  const first = text.indexOf(part);
  return first >= 0 && text.indexOf(part, first + part.length) >= 0;
}
