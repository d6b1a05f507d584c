import { AppendFile } from './append-file.ts';

/** One kind of reject. `reason` has its numbers generalised (`duplicate of line N`). */
export interface RejectKind {
  reason: string;
  count: number;
  /** The first few, so that a message can point somewhere. */
  lines: number[];
}

export interface RejectSummary {
  count: number;
  /** The commonest first. */
  byReason: RejectKind[];
}

/** Text of the row a reject carries, in bytes of UTF-8. */
const MAX_TEXT = 1024;
const EXAMPLES = 5;

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
    const kind = generalise(reason);
    const known = this.#kinds.get(kind);
    if (!known) this.#kinds.set(kind, { reason: kind, count: 1, lines: [line] });
    else {
      known.count += 1;
      if (known.lines.length < EXAMPLES) known.lines.push(line);
    }
    this.#file.text(`${JSON.stringify({ line, reason, row: typeof row === 'string' ? row : cut(row) })}\n`);
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
    .replace(/^duplicate of line \d+$/, 'duplicate of line N')
    .replace(/^columns: \d+ /, 'columns: N ')
    .replace(/^custom\..*: /s, 'custom.TAG: ');
}
