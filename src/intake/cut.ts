import type { Chunk, Fields, Item, RowDirection } from '../domain/chunk.ts';
import type { Operation, OperationOptions } from '../domain/operation.ts';

export interface CutRules {
  operation: Operation;
  options: OperationOptions;
  /** Most bytes of a call's body; a single item is always let through. */
  bodyCapBytes: number;
}

/** What comes of cutting. `round` counts the chunks of one From_Account, from 0; chunks of accounts are all of round 0. */
export interface CutSink {
  chunk(chunk: Chunk, round: number): void;
  /** `from` is null where rows are accounts. */
  duplicate(line: number, first: number, from: string | null, to: string): void;
}

/**
 * Cuts rows sorted by from, to and line into chunks, and finds the duplicates: they stand next to each other. Rows that
 * are accounts have one from, the empty one, and their chunks none.
 */
export class Cutter {
  accepted = 0;
  duplicates = 0;
  readonly #rules: CutRules;
  readonly #sink: CutSink;
  /** Bytes an item without fields takes in the body beside its id. */
  readonly #itemBytes: number;
  #froms = 0;
  #from: string | null = null;
  #to = '';
  #line = 0;
  #round = 0;
  #items: Item[] = [];
  #envelope = 0;
  #size = 0;

  constructor(rules: CutRules, sink: CutSink) {
    this.#rules = rules;
    this.#sink = sink;
    this.#itemBytes = this.#bodyBytes('', [{ to: '', rows: 'forward' }]) - this.#bodyBytes('', []);
  }

  /** Distinct From_Accounts, or distinct accounts where rows are accounts. */
  get accounts(): number {
    return this.#ofAccounts ? this.accepted : this.#froms;
  }

  get #ofAccounts(): boolean {
    return this.#rules.operation.rows === 'accounts';
  }

  /** `rows`: of a planned pair, which rows it stands for, seen from `from`, which is the account that is asked. */
  row(line: number, from: string, to: string, fields: Fields | null, rows: RowDirection = 'forward'): void {
    if (from !== this.#from) this.#begin(from);
    else if (to === this.#to) {
      if (this.#turns(rows)) return;
      this.duplicates += 1;
      return this.#sink.duplicate(line, this.#line, this.#ofAccounts ? null : from, to);
    }
    this.#to = to;
    this.#line = line;
    this.accepted += rows === 'both' ? 2 : 1;
    const item: Item = fields === null ? { to, rows } : { to, rows, fields };
    const size = this.#sizeOf(item);
    const { operation, bodyCapBytes } = this.#rules;
    const full = this.#items.length === operation.itemsPerCall || this.#size + size > bodyCapBytes;
    if (full && this.#items.length > 0) this.#cut(true);
    this.#items.push(item);
    this.#size += size;
  }

  /** Of a planned pair the row that runs the other way: one item answers both. The last item is never cut off yet. */
  #turns(rows: RowDirection): boolean {
    const last = this.#items.at(-1) as Item;
    if (last.rows === rows || last.rows === 'both') return false;
    last.rows = 'both';
    this.accepted += 1;
    return true;
  }

  /** After the last row. */
  end(): void {
    if (this.#items.length > 0) this.#cut(false);
  }

  #begin(from: string): void {
    this.end();
    this.#froms += 1;
    this.#from = from;
    this.#round = 0;
    this.#envelope = this.#bodyBytes(from, []);
    this.#size = this.#envelope;
  }

  #cut(more: boolean): void {
    if (this.#ofAccounts) this.#sink.chunk({ from: null, items: this.#items }, 0);
    else {
      const several = more || this.#round > 0;
      this.#sink.chunk({ from: this.#from, items: this.#items, ...(several && { several }) }, this.#round);
      this.#round += 1;
    }
    this.#items = [];
    this.#size = this.#envelope;
  }

  /** Exact but for the comma, which every item is charged. */
  #sizeOf(item: Item): number {
    if (item.fields !== undefined) return this.#bodyBytes('', [item]) - this.#bodyBytes('', []) + 1;
    return this.#itemBytes + jsonBytes(item.to) + 1;
  }

  #bodyBytes(from: string, items: Item[]): number {
    const { operation, options } = this.#rules;
    return Buffer.byteLength(JSON.stringify(operation.request(from, items, options)));
  }
}

/** Bytes of a string inside JSON's quotes. */
function jsonBytes(text: string): number {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x20 || unit > 0x7e || unit === 0x22 || unit === 0x5c)
      return Buffer.byteLength(JSON.stringify(text)) - 2;
  }
  return text.length;
}
