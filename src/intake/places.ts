import type { Format } from './sniff.ts';

/** Where a record stands. `file` is null where there is one input only. */
export interface Place {
  file: string | null;
  /** Physical line where the record starts, from 1. */
  line: number;
}

interface Part {
  file: string | null;
  format: Format;
  /** Lines of all the parts before it. */
  before: number;
}

/**
 * Numbers the lines of several files through, in the order in which they are read, and knows file and line of each
 * number. Grows with files, not with lines.
 */
export class Places {
  readonly #parts: Part[] = [{ file: null, format: 'jsonl', before: 0 }];

  /** A part begins, the first or the next one. `lines`: of all before it. `file` is null where it is the only one. */
  begin(file: string | null, format: Format, lines: number): void {
    if (lines === 0) this.#parts.length = 0;
    this.#parts.push({ file, format, before: lines });
  }

  /** What is added to a line of the part that is read. */
  get before(): number {
    return (this.#parts.at(-1) as Part).before;
  }

  of(number: number): Place & { format: Format } {
    const { file, format, before } = this.#partOf(number);
    return { file, line: number - before, format };
  }

  /** The last part that begins before the number: an empty one before it has no lines. */
  #partOf(number: number): Part {
    let low = 0;
    let high = this.#parts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#parts[middle] as Part).before < number) low = middle;
      else high = middle - 1;
    }
    return this.#parts[low] as Part;
  }
}
