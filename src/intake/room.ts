import { stat, statfs } from 'node:fs/promises';
import { IntakeError } from './error.ts';

/** Bytes of disk that the work takes for each staged one: the stage, then sorted, then cut. Measured: 1.8. */
const WORK = 1.5;
/** Where calls are planned, pairs are sorted beside the rows that they came from. Measured: 2.8, and less where a pair has two rows. */
const PLANNED_WORK = 2;
/** So much of a file tells how much of it is staged, whatever it is packed with and whichever columns it has. Bytes. */
const SAMPLE = 1e6;

/**
 * Finds out early whether the work on files would fill the disk of `dir`. An estimate on the low side, of what is staged
 * and the file that is read: it refuses nothing that would have fitted, and what does not fit in the end ends with the same
 * error later.
 */
export class Room {
  readonly #dir: string;
  readonly #planned: boolean;
  #size = 0;
  #stagedBefore = 0;
  #due = SAMPLE;

  constructor(dir: string, planned: boolean) {
    this.#dir = dir;
    this.#planned = planned;
  }

  /** The next file begins. @param path null: a pipe or the like, of which nobody knows the size */
  async begin(path: string | null, staged: number): Promise<void> {
    const found = path === null ? null : await stat(path);
    this.#size = found?.isFile() ? found.size : 0;
    this.#stagedBefore = staged;
    this.#due = SAMPLE;
  }

  /**
   * @param staged bytes on disk that came of the input so far
   * @param taken bytes of this file. Its beginning tells less than more of it, so it is asked again each time that twice as
   * much has been taken. Error: `no-space`.
   */
  async check(staged: number, taken: number): Promise<void> {
    if (taken < this.#due) return;
    this.#due = taken * 2;
    const ofFile = (staged - this.#stagedBefore) / taken;
    const whole = staged + Math.max(0, this.#size - taken) * ofFile;
    const needed = whole * (this.#planned ? PLANNED_WORK : WORK);
    const { bavail, bsize } = await statfs(this.#dir);
    const free = bavail * bsize;
    if (needed - staged <= free) return;
    throw new IntakeError(
      'no-space',
      `${this.#dir}: the work on this input takes about ${megabytes(needed)} MB of disk, and ${megabytes(free)} MB are free there. ` +
        'Free some, or choose another home directory. Nothing was accepted',
    );
  }
}

function megabytes(bytes: number): string {
  return Math.ceil(bytes / 1e6).toLocaleString('en-US');
}
