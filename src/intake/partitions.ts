import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { PRIVATE_FOLDER } from '../private.ts';
import { AppendFile } from './append-file.ts';

/** Of each file that is written, and there may be a hundred at once. */
const BLOCK = 1 << 16;
const DIGITS = 6;

/**
 * Lines on disk, spread over files by what they are sorted by, so that files are sorted one after the other and the memory
 * of that is the same for any number of lines: a sort of one large file takes more the larger it is.
 */
export class Partitions {
  readonly #folder: string;
  /** Holes where no line came. */
  readonly #files: AppendFile[] = [];

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async create(folder: string): Promise<Partitions> {
    await mkdir(folder, { mode: PRIVATE_FOLDER });
    return new Partitions(folder);
  }

  /** The n-th file. */
  file(n: number): AppendFile {
    return (this.#files[n] ??= AppendFile.later(join(this.#folder, nameOf(n)), BLOCK));
  }

  /** Written so far. */
  get bytes(): number {
    return this.#files.reduce((sum, file) => sum + file.length, 0);
  }

  async flush(all = false): Promise<void> {
    for (const file of Object.values(this.#files)) if (all || file.isBehind) await file.flush(all);
  }

  /** With all that was written. */
  async close(): Promise<void> {
    try {
      await this.flush(true);
    } finally {
      await Promise.all(Object.values(this.#files).map((file) => file.close()));
    }
  }
}

/** What the n-th file of a folder is called: names in order are numbers in order. */
export function nameOf(n: number): string {
  return String(n).padStart(DIGITS, '0');
}

/** The files of a folder, in order. */
export async function filesIn(folder: string): Promise<string[]> {
  return (await readdir(folder)).toSorted().map((name) => join(folder, name));
}
