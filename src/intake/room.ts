import { stat, statfs } from 'node:fs/promises';
import { IntakeError } from './error.ts';

/** Bytes of disk that the work takes for each staged one: the stage itself, being sorted, sorted. Measured: 2.2. */
const WORK = 2;
/** Where calls are planned, pairs are sorted beside the rows that they came from. Measured: 3.6. */
const PLANNED_WORK = 3.5;
/** So much of the input tells how much of it is staged, whatever it is packed with and whichever columns it has. Bytes. */
const SAMPLE = 1e6;

/**
 * Finds out at the beginning whether the work on files would fill the disk of `dir`. An estimate on the low side: it
 * refuses nothing that would have fitted, and what does not fit in the end ends with the same error later.
 */
export class Room {
  readonly #dir: string;
  readonly #paths: readonly string[];
  readonly #planned: boolean;
  #isKnown = false;

  constructor(dir: string, paths: readonly string[], planned: boolean) {
    this.#dir = dir;
    this.#paths = paths;
    this.#planned = planned;
  }

  /** @param staged bytes on disk that came of the first `taken` bytes of the input. Error: `no-space`. */
  async check(staged: number, taken: number): Promise<void> {
    if (this.#isKnown || taken < SAMPLE) return;
    this.#isKnown = true;
    const needed = (await this.#size()) * (staged / taken) * (this.#planned ? PLANNED_WORK : WORK);
    const { bavail, bsize } = await statfs(this.#dir);
    const free = bavail * bsize;
    if (needed - staged <= free) return;
    throw new IntakeError(
      'no-space',
      `${this.#dir}: the work on this input takes about ${megabytes(needed)} MB of disk, and ${megabytes(free)} MB are free there. ` +
        'Free some, or choose another home directory. Nothing was accepted',
    );
  }

  /** Of pipes and the like nobody knows. */
  async #size(): Promise<number> {
    const found = await Promise.all(this.#paths.map((path) => stat(path)));
    return found.reduce((sum, file) => sum + (file.isFile() ? file.size : 0), 0);
  }
}

function megabytes(bytes: number): string {
  return Math.ceil(bytes / 1e6).toLocaleString('en-US');
}
