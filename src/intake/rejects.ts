import type { AppendFile } from './append-file.ts';
import { excerpt } from './excerpt.ts';
import { Partitions } from './partitions.ts';
import { Places } from './places.ts';
import type { Format } from './sniff.ts';
import { placeOf } from './stage.ts';

/** Where to look for a kind of reject: the line, and how its text begins (`excerpt`). */
export interface RejectExample {
  /** Only where there are several files. */
  file?: string;
  line: number;
  text: string;
}

/** One kind of reject. `reason` is said without the numbers of a single row (`columns: other than 3`). */
export interface RejectKind {
  reason: string;
  count: number;
  /** The first few in the order of lines. */
  examples: RejectExample[];
}

export interface RejectSummary {
  count: number;
  /** The commonest first. */
  byReason: RejectKind[];
}

/** Text of the row a reject carries, in bytes of UTF-8. */
const MAX_TEXT = 1024;
const EXAMPLES = 3;
/** A partition ends after so many lines, or where it has so many bytes before them: rejects may carry a kibibyte each. */
const LINES = 2 ** 20;
const BYTES = 128e6;

/**
 * The rejects: every one a line of the rejects file, and counted by reason. Invalid rows turn up in the order of their
 * lines, duplicates in that of the sort, so in this file a place (`stage.ts`) and a tab stand before each, by which
 * `sortRejects` puts them in order.
 */
export class Rejects {
  count = 0;
  /** Of the lines that rejects are told by. */
  readonly places = new Places();
  readonly #partitions: Partitions;
  /** The first line of each partition. */
  readonly #starts = [0];
  #highest = 0;
  readonly #kinds = new Map<string, Kind>();

  private constructor(partitions: Partitions) {
    this.#partitions = partitions;
  }

  static async create(folder: string): Promise<Rejects> {
    return new Rejects(await Partitions.create(folder));
  }

  /** `number`: the line as `places` has it; `row` its text, of which 1 KiB is kept. */
  add(number: number, reason: string, row: Buffer | string): void {
    this.count += 1;
    const { file: name, line } = this.places.of(number);
    const text = typeof row === 'string' ? row : cut(row);
    this.#count(generalise(reason), number, text);
    const reject = { ...(name !== null && { file: name }), line, reason, row: text };
    this.#fileOf(number).text(`${placeOf(number)}\t${JSON.stringify(reject)}\n`);
  }

  /**
   * A row that is the same as the one at `first`. `from` is null where rows are accounts. The line itself was not kept:
   * shown is the pair or the account, as the input's format writes it; other columns stand in the input.
   */
  duplicate(number: number, first: number, from: string | null, to: string): void {
    const { file, line } = this.places.of(first);
    const { format } = this.places.of(number);
    const of = file === null ? '' : ` of ${file}`;
    this.add(number, `duplicate of line ${line}${of}`, textOf(format, from, to));
  }

  summary(): RejectSummary {
    const kinds = [...this.#kinds.values()].toSorted((a, b) => b.count - a.count);
    return {
      count: this.count,
      byReason: kinds.map(({ examples, ...kind }) => ({
        ...kind,
        examples: examples.map(({ number, text }) => {
          const { file, line } = this.places.of(number);
          return { ...(file !== null && { file }), line, text };
        }),
      })),
    };
  }

  async flush(): Promise<void> {
    await this.#partitions.flush();
  }

  async close(): Promise<void> {
    await this.#partitions.close();
  }

  #fileOf(number: number): AppendFile {
    const starts = this.#starts;
    while (number - (starts.at(-1) as number) >= LINES) starts.push((starts.at(-1) as number) + LINES);
    const isFull = this.#partitions.file(starts.length - 1).length > BYTES;
    // What is there already stays before it.
    if (isFull && number > this.#highest) starts.push(number);
    this.#highest = Math.max(this.#highest, number);
    return this.#partitions.file(starts.findLastIndex((start) => start <= number));
  }

  /** Duplicates come in the order of the sort, so that a later one may have an earlier line. */
  #count(reason: string, number: number, text: string): void {
    let kind = this.#kinds.get(reason);
    if (kind === undefined) this.#kinds.set(reason, (kind = { reason, count: 0, examples: [] }));
    kind.count += 1;
    const { examples } = kind;
    if (examples.length === EXAMPLES && number > (examples[EXAMPLES - 1] as NumberedExample).number) return;
    examples.push({ number, text: excerpt(text) });
    examples.sort((a, b) => a.number - b.number);
    examples.length = Math.min(examples.length, EXAMPLES);
  }
}

interface NumberedExample {
  number: number;
  text: string;
}

interface Kind {
  reason: string;
  count: number;
  examples: NumberedExample[];
}

function textOf(format: Format, from: string | null, to: string): string {
  if (format === 'jsonl') return JSON.stringify(from === null ? { account: to } : { from, to });
  if (from === null) return to;
  return `${from}${format === 'tsv' ? '\t' : ','}${to}`;
}

/** The first kibibyte, not ending inside a character. What is no UTF-8 shows as U+FFFD. */
function cut(row: Buffer): string {
  if (row.length <= MAX_TEXT) return row.toString();
  let end = MAX_TEXT;
  while (end > MAX_TEXT - 4 && ((row[end] as number) & 0xc0) === 0x80) end -= 1;
  return row.toString('utf8', 0, end);
}

/** Keeps the number of kinds small whatever the rows hold. */
function generalise(reason: string): string {
  return reason
    .replace(/^duplicate of line \d+(?: of .*)?$/s, 'duplicate of an earlier line')
    .replace(/^columns: \d+ instead of /, 'columns: other than ')
    .replace(/^custom\..*: /s, 'custom.<Tag>: ');
}
