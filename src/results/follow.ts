import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import type { Outcome } from '../domain/outcome.ts';

/** How often a growing file is looked at. */
const LOOK_MS = 200;
const NEWLINE = 0x0a;

/**
 * The lines of a results file as whole lines, until `over()` was true and the file has been read to its end. While the
 * job runs a row may come twice after Redis has lost a tail (the file is cut back then): upsert by (job, from, to).
 */
export async function* followLines(path: string, over: () => Promise<boolean>): AsyncGenerator<Buffer> {
  let offset = 0;
  for (;;) {
    const last = await over();
    const size = await sizeOf(path);
    if (size < offset) offset = 0;
    if (size > offset) {
      for await (const whole of wholeLines(path, offset, size)) {
        offset += whole.length;
        yield whole;
      }
    }
    if (last) return;
    await wait(LOOK_MS);
  }
}

/** The outcomes of a results file, one a row, as `followLines`. */
export async function* followOutcomes(path: string, over: () => Promise<boolean>): AsyncGenerator<Outcome> {
  for await (const lines of followLines(path, over)) {
    for (const line of lines.toString('utf8').split('\n')) if (line !== '') yield JSON.parse(line) as Outcome;
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}

/** Pieces of the file that end with a newline; a last line that is still being written is left out. */
async function* wholeLines(path: string, start: number, end: number): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const piece of createReadStream(path, { start, end: end - 1, highWaterMark: 1 << 20 })) {
    const all = rest.length === 0 ? (piece as Buffer) : Buffer.concat([rest, piece as Buffer]);
    const cut = all.lastIndexOf(NEWLINE) + 1;
    if (cut > 0) yield all.subarray(0, cut);
    rest = all.subarray(cut);
  }
}
