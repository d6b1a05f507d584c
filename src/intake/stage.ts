import type { Fields, RowDirection } from '../domain/chunk.ts';
import type { AppendFile } from './append-file.ts';
import { hashOf, hashOfBytes } from './hash.ts';
import { Partitions } from './partitions.ts';
import { MAX_ID } from './row.ts';

const TAB = 9;
const NEWLINE = 10;
const ZERO = 48;
const NINE = 57;
/** `a`, of one digit, comes behind it. */
const LETTER_BEFORE = 96;
const PLACE_BYTES = 17;

/** The longest staged row in bytes, with room to spare: line, two ids, 32 KiB of fields. */
export const STAGE_MAX_ROW = 64 * 1024;

/**
 * A line's number as text whose order by bytes is the order of the numbers: a letter for how many digits there are, then
 * the digits. 0 is `a0`, 17 is `b17`; 16 digits (`p`) hold every exact one.
 */
export function placeOf(line: number): string {
  const digits = String(line);
  return String.fromCharCode(LETTER_BEFORE + digits.length) + digits;
}

/** The number of a place. */
export function lineOf(place: string): number {
  return Number(place.slice(1));
}

/** Of a planned pair, which rows it stands for. */
const LETTERS = { forward: 'f', reverse: 'r', both: 'b' } as const satisfies Record<RowDirection, string>;
const DIRECTIONS = new Map(Object.entries(LETTERS).map(([direction, letter]) => [letter, direction as RowDirection]));

function textOf(extra: Fields | RowDirection | null): string {
  if (extra === null) return '';
  return typeof extra === 'string' ? LETTERS[extra] : JSON.stringify(extra);
}

/** What stands at the end of a staged row: its fields, or of a planned pair the rows that it stands for. */
export function extraOf(text: string): { fields: Fields | null; rows?: RowDirection } {
  if (text.startsWith('{')) return { fields: JSON.parse(text) as Fields };
  return { fields: null, rows: DIRECTIONS.get(text as 'f') };
}

/** Files of a stage, a power of two. One of them is sorted in the memory that there is up to 700 MB. */
const PARTITIONS = 128;

/**
 * The valid rows of the input on disk, each a line `from TAB to TAB place TAB fields-as-JSON`, those of one from in one file.
 * Ids hold no control characters and JSON escapes them, so tab and newline never need a quote: what comes after may split
 * blindly, and the order of whole lines by bytes is that of from, to and line, for a tab comes before whatever an id may
 * hold. Where rows are accounts, `from` is empty and `to` the account, those of one account in one file.
 */
export class Stage {
  rows = 0;
  readonly #partitions: Partitions;
  readonly #line = new PlaceCounter();

  /** Written so far. */
  get bytes(): number {
    return this.#partitions.bytes;
  }

  private constructor(partitions: Partitions) {
    this.#partitions = partitions;
  }

  static async create(folder: string): Promise<Stage> {
    return new Stage(await Partitions.create(folder));
  }

  /** `extra`: the row's fields, or of a planned pair the rows that it stands for. */
  row(line: number, from: string, to: string, extra: Fields | RowDirection | null): void {
    this.rows += 1;
    this.#fileOf(hashOf(from === '' ? to : from)).text(`${from}\t${to}\t${placeOf(line)}\t${textOf(extra)}\n`);
  }

  /** A row without fields straight from the input's bytes: `source[fromStart, fromEnd)` and `[toStart, toEnd)`. */
  pair(line: number, source: Buffer, fromStart: number, fromEnd: number, toStart: number, toEnd: number): void {
    this.rows += 1;
    const hash = fromStart < fromEnd ? hashOfBytes(source, fromStart, fromEnd) : hashOfBytes(source, toStart, toEnd);
    const file = this.#fileOf(hash);
    file.reserve(PLACE_BYTES + 2 * MAX_ID + 4);
    const { block, used } = file;
    const counter = this.#line;
    counter.set(line);
    const { place } = counter;
    let at = used;
    for (let i = fromStart; i < fromEnd; i++) block[at++] = source[i] as number;
    block[at++] = TAB;
    for (let i = toStart; i < toEnd; i++) block[at++] = source[i] as number;
    block[at++] = TAB;
    for (let i = counter.start; i < place.length; i++) block[at++] = place[i] as number;
    block[at++] = TAB;
    block[at++] = NEWLINE;
    file.used = at;
    file.wrote(used);
  }

  async flush(): Promise<void> {
    await this.#partitions.flush();
  }

  async close(): Promise<void> {
    await this.#partitions.close();
  }

  #fileOf(hash: number): AppendFile {
    return this.#partitions.file((hash ^ (hash >>> 16)) & (PARTITIONS - 1));
  }
}

/**
 * The place of a line whose number mostly grows by one: counting up in place saves the divisions, which took a sixth
 * of the time of reading a row.
 */
class PlaceCounter {
  #line = -1;
  /** Stands at the end, from `start` on. */
  readonly place = Buffer.alloc(PLACE_BYTES, ZERO);
  start = PLACE_BYTES;

  set(line: number): void {
    if (line !== this.#line + 1 || !this.#increment()) {
      const text = placeOf(line);
      this.start = PLACE_BYTES - text.length;
      this.place.write(text, this.start, 'latin1');
    }
    this.#line = line;
  }

  /** False where it takes another digit. */
  #increment(): boolean {
    const { place, start } = this;
    let at = PLACE_BYTES - 1;
    while (at > start && place[at] === NINE) place[at--] = ZERO;
    if (at <= start) return false;
    place[at] = (place[at] as number) + 1;
    return true;
  }
}
