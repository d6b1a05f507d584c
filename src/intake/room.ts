import { open, stat, statfs } from 'node:fs/promises';
import { IntakeError } from './error.ts';

/** Bytes of disk that the work takes for each of the input, unpacked: staged, being sorted, sorted. Measured. */
const WORK = 3.5;
/** Where calls are planned, pairs are sorted beside the rows that they came from. */
const PLANNED_WORK = 6;
/** How much text comes of a byte that is packed, at least: of ids that look alike it is more. */
const UNPACKED = 3;
/** gzip, zstd, Parquet. */
const PACKED = ['1f8b', '28b52ffd', '50415231'];

/**
 * Finds out before anything is read whether the work on the files would fill the disk of `dir`: an estimate on the low side,
 * for what does not fit in the end ends with the same error later. Error: `no-space`.
 */
export async function checkRoom(paths: readonly string[], dir: string, planned: boolean): Promise<void> {
  let bytes = 0;
  for (const path of paths) {
    const found = await stat(path);
    // What is read of a pipe is gone.
    if (found.isFile()) bytes += found.size * ((await isPacked(path)) ? UNPACKED : 1);
  }
  const needed = bytes * (planned ? PLANNED_WORK : WORK);
  const { bavail, bsize } = await statfs(dir);
  const free = bavail * bsize;
  if (needed <= free) return;
  throw new IntakeError(
    'no-space',
    `${dir}: the work on this input takes about ${megabytes(needed)} MB of disk, and ${megabytes(free)} MB are free there. Free some, ` +
      'or choose another home directory. Nothing was read',
  );
}

async function isPacked(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0);
    const head = buffer.toString('hex', 0, bytesRead);
    return PACKED.some((magic) => head.startsWith(magic));
  } finally {
    await file.close();
  }
}

function megabytes(bytes: number): string {
  return Math.ceil(bytes / 1e6).toLocaleString('en-US');
}
