import type { Fields, RowDirection } from '../domain/chunk.ts';
import { AppendFile } from './append-file.ts';
import { MAX_ID } from './row.ts';

const TAB = 9;
const NEWLINE = 10;
const ZERO = 48;
const NINE = 57;

/** The columns of a staged row, as the sort reads them. */
export const STAGE_COLUMNS = `{'line': 'BIGINT', 'a': 'VARCHAR', 'b': 'VARCHAR', 'fields': 'VARCHAR'}`;

/** The longest staged row in bytes, with room to spare: line, two ids, 32 KiB of fields. */
export const STAGE_MAX_ROW = 64 * 1024;

/**
 * The valid rows of the input, in its order, on disk: `line TAB from TAB to TAB fields-as-JSON`. Ids hold no control
 * characters and JSON escapes them, so tab and newline never need a quote: what comes after may split blindly. Where
 * rows are accounts, `from` is empty and `to` the account.
 */
export class Stage {
  rows = 0;
  readonly #file: AppendFile;
  readonly #line = new DecimalCounter();

  private constructor(file: AppendFile) {
    this.#file = file;
  }

  static async create(path: string): Promise<Stage> {
    return new Stage(await AppendFile.create(path));
  }

  /** `extra`: the row's fields, or of a planned pair the rows that it stands for. */
  row(line: number, from: string, to: string, extra: Fields | RowDirection | null): void {
    this.rows += 1;
    this.#file.text(`${line}\t${from}\t${to}\t${extra === null ? '' : JSON.stringify(extra)}\n`);
  }

  /** A row without fields straight from the input's bytes: `source[fromStart, fromEnd)` and `[toStart, toEnd)`. */
  pair(line: number, source: Buffer, fromStart: number, fromEnd: number, toStart: number, toEnd: number): void {
    this.rows += 1;
    const file = this.#file;
    file.reserve(16 + 2 * MAX_ID + 4);
    const { block, used } = file;
    const counter = this.#line;
    counter.set(line);
    const { digits } = counter;
    let at = used;
    for (let i = counter.start; i < digits.length; i++) block[at++] = digits[i] as number;
    block[at++] = TAB;
    for (let i = fromStart; i < fromEnd; i++) block[at++] = source[i] as number;
    block[at++] = TAB;
    for (let i = toStart; i < toEnd; i++) block[at++] = source[i] as number;
    block[at++] = TAB;
    block[at++] = NEWLINE;
    file.used = at;
    file.wrote(used);
  }

  async flush(): Promise<void> {
    await this.#file.flush();
  }

  async close(): Promise<void> {
    try {
      await this.#file.flush(true);
    } finally {
      await this.#file.close();
    }
  }
}

/**
 * The decimal digits of a number that mostly grows by one: counting up in place saves the divisions, which took a sixth
 * of the time of reading a row.
 */
class DecimalCounter {
  value = 0;
  /** The digits stand at the end, from `start` on. */
  readonly digits = Buffer.alloc(16, ZERO);
  start = 15;

  set(value: number): void {
    if (value === this.value + 1) this.#increment();
    else {
      const text = String(value);
      this.start = this.digits.length - text.length;
      this.digits.write(text, this.start, 'latin1');
    }
    this.value = value;
  }

  #increment(): void {
    const { digits } = this;
    let at = digits.length - 1;
    while (at >= this.start && digits[at] === NINE) digits[at--] = ZERO;
    if (at >= this.start) digits[at] = (digits[at] as number) + 1;
    else {
      digits[at] = ZERO + 1;
      this.start = at;
    }
  }
}
