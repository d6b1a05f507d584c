import { AppendFile } from './append-file.ts';
import { excerpt } from './excerpt.ts';

/** Where to look for a kind of reject: the line, and how its text begins (`excerpt`). */
export interface RejectExample {
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

/** The rejects: every one a line of the rejects file, and counted by reason. */
export class Rejects {
  count = 0;
  readonly #file: AppendFile;
  readonly #kinds = new Map<string, RejectKind>();

  private constructor(file: AppendFile) {
    this.#file = file;
  }

  static async create(path: string): Promise<Rejects> {
    return new Rejects(await AppendFile.create(path));
  }

  /** `line` is the physical line where the record starts, from 1; `row` its text, of which 1 KiB is kept. */
  add(line: number, reason: string, row: Buffer | string): void {
    this.count += 1;
    const text = typeof row === 'string' ? row : cut(row);
    this.#count(generalise(reason), line, text);
    this.#file.text(`${JSON.stringify({ line, reason, row: text })}\n`);
  }

  summary(): RejectSummary {
    return { count: this.count, byReason: [...this.#kinds.values()].toSorted((a, b) => b.count - a.count) };
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

  /** Duplicates come in the order of the sort, so that a later one may have an earlier line. */
  #count(reason: string, line: number, text: string): void {
    let kind = this.#kinds.get(reason);
    if (kind === undefined) this.#kinds.set(reason, (kind = { reason, count: 0, examples: [] }));
    kind.count += 1;
    const { examples } = kind;
    if (examples.length === EXAMPLES && line > (examples[EXAMPLES - 1] as RejectExample).line) return;
    examples.push({ line, text: excerpt(text) });
    examples.sort((a, b) => a.line - b.line);
    examples.length = Math.min(examples.length, EXAMPLES);
  }
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
    .replace(/^duplicate of line \d+$/, 'duplicate of an earlier line')
    .replace(/^columns: \d+ instead of /, 'columns: other than ')
    .replace(/^custom\..*: /s, 'custom.<Tag>: ');
}
