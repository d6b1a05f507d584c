import { createReadStream, type Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import type { Outcome } from '../domain/outcome.ts';
import { indexPathOf } from './file.ts';

/** How often a growing file is looked at. */
const LOOK_MS = 200;
const NEWLINE = 0x0a;

/** A results file is gone that was being read: its job was pruned meanwhile. */
export class ResultsGone extends Error {
  override name = 'ResultsGone';

  constructor(path: string, offset: number) {
    super(
      `${path} was removed while it was read, after ${offset} bytes: its job was pruned. What was read is not all of it. Keep ` +
        'jobs for longer (BEFRIEND_KEEP_DAYS, BEFRIEND_KEEP_GB), or copy results with --out.',
    );
  }
}

/**
 * The lines of a results file as whole lines, until `over()` was true and the file has been read to its end. When it
 * was cut back since Redis has lost a tail, it is read again from its start: upsert by (job, from, to).
 * @throws ResultsGone
 */
export async function* followLines(path: string, over: () => Promise<boolean>): AsyncGenerator<Buffer> {
  let offset = 0;
  let shape = await shapeOf(path);
  let seen = false;
  for (;;) {
    const last = await over();
    const now = await shapeOf(path);
    const found = await statOf(path);
    if (found === null && seen) throw new ResultsGone(path, offset);
    seen ||= found !== null;
    const size = found?.size ?? 0;
    if ((shape !== null && now !== shape) || size < offset) offset = 0;
    shape = now;
    let whole = true;
    if (size > offset) {
      for await (const lines of wholeLines(path, offset, size)) {
        // Read while it was cut back: these may be lines of before and after in one.
        whole = (await shapeOf(path)) === shape;
        if (!whole) break;
        offset += lines.length;
        yield lines;
      }
    }
    if (last && whole) return;
    await wait(LOOK_MS);
  }
}

/** The outcomes that whole lines of a results file hold. */
export const outcomesInLines = (lines: Buffer): Outcome[] =>
  lines
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Outcome);

/** The outcomes of a results file, one a row, as `followLines`. */
export async function* followOutcomes(path: string, over: () => Promise<boolean>): AsyncGenerator<Outcome> {
  for await (const lines of followLines(path, over)) {
    yield* outcomesInLines(lines);
  }
}

/** What changes whenever the file is cut back, however long it is again by then; null while there is no file. */
export async function shapeOf(path: string): Promise<number | null> {
  return (await statOf(indexPathOf(path)))?.ino ?? null;
}

async function statOf(path: string): Promise<Stats | null> {
  try {
    return await stat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Pieces of the file that end with a newline; a last line that is still being written is left out. */
export async function* wholeLines(path: string, start: number, end: number): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const piece of createReadStream(path, { start, end: end - 1, highWaterMark: 1 << 20 })) {
    const all = rest.length === 0 ? (piece as Buffer) : Buffer.concat([rest, piece as Buffer]);
    const cut = all.lastIndexOf(NEWLINE) + 1;
    if (cut > 0) yield all.subarray(0, cut);
    rest = all.subarray(cut);
  }
}
