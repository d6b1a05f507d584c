import { appendFile, type FileHandle, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PRIVATE_FILE } from '../private.ts';
import { comparePositions, type Position, START } from './position.ts';

/** Where a job's results are, in its folder. */
export const RESULTS_FILE = 'results.jsonl';
const INDEX_FILE = 'results.index';

/** The index of a results file. It is another file (inode) after the results were cut back. */
export const indexPathOf = (resultsPath: string): string => join(dirname(resultsPath), INDEX_FILE);

/**
 * A job's results file: one JSON line a row, each row once. Beside it stands an index with a line
 * `generation sequence offset` per durable batch, written and synced after the batch itself.
 *
 * A crash anywhere leaves a tail behind the index's last offset; the same entries are written over it again. Two
 * recorders of one home do no harm: lines are a function of their entry, so both write the same bytes to the same
 * place. That is why a tail is overwritten and not cut off on opening.
 */
export interface ResultsFile {
  readonly position: Position;
  /**
   * Writes lines behind the last batch and makes them durable up to `position`. Rejects when another recorder has cut
   * the file back meanwhile: opened again, it is as long as it is.
   */
  append(lines: string, position: Position): Promise<void>;
  /**
   * Forgets what earlier generations than `generation` have after `fork`: the server lost those entries and their rows
   * come again. What another recorder that has cut it already wrote since is kept.
   */
  cutBack(fork: Position, generation: number): Promise<void>;
  /** Looks where another recorder has got to. */
  refresh(): Promise<void>;
  /** Cuts off what a crash may have left behind the last batch. Only when nothing will be appended any more. */
  trimTail(): Promise<void>;
  close(): Promise<void>;
}

/** The end of a durable batch. */
export interface Boundary {
  position: Position;
  /** Bytes of the results file up to there. */
  offset: number;
}

const EMPTY: Boundary = { position: START, offset: 0 };

export async function openResultsFile(dir: string): Promise<ResultsFile> {
  const results = await openOrCreate(join(dir, RESULTS_FILE));
  const indexPath = join(dir, INDEX_FILE);
  let end: Boundary;
  try {
    await repairIndex(indexPath, (await results.stat()).size);
    end = await lastBoundary(indexPath, results);
  } catch (error) {
    await results.close();
    throw error;
  }

  return {
    get position() {
      return end.position;
    },

    async append(lines, position) {
      const bytes = Buffer.from(lines);
      const { size } = await results.stat();
      if (size < end.offset)
        throw new Error(`${dir}: another recorder has cut the results back; writing here would leave a hole`);
      await writeAll(results, bytes, end.offset);
      await results.datasync();
      end = { position, offset: end.offset + bytes.length };
      // By its path: another recorder may have replaced it.
      await appendFile(indexPath, line(end), { flush: true });
    },

    async cutBack(fork, generation) {
      const all = await boundaries(indexPath);
      const after = all.filter(({ position }) => comparePositions(position, fork) > 0);
      if (after.every(({ position }) => position.generation >= generation)) {
        end = all.at(-1) ?? EMPTY;
        return;
      }
      const kept = all.slice(0, all.length - after.length);
      end = kept.at(-1) ?? EMPTY;
      // The results first: a crash between leaves boundaries beyond their end, and they are cut back again. Nothing is
      // appended before the index is another file, which is how a follower knows.
      await results.truncate(end.offset);
      await results.datasync();
      await replaceIndex(indexPath, kept);
    },

    async refresh() {
      end = await lastBoundary(indexPath, results);
    },

    async trimTail() {
      await results.truncate(end.offset);
      await results.sync();
    },

    close: () => results.close(),
  };
}

/** The ends of all durable batches in a job's folder, in order; none where it has no results. */
export async function boundariesIn(dir: string): Promise<Boundary[]> {
  return boundaries(join(dir, INDEX_FILE)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
}

async function openOrCreate(path: string): Promise<FileHandle> {
  const created = await open(path, 'a', PRIVATE_FILE);
  await created.close();
  return open(path, 'r+');
}

async function writeAll(file: FileHandle, bytes: Buffer, offset: number): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    const { bytesWritten } = await file.write(bytes, written, bytes.length - written, offset + written);
    written += bytesWritten;
  }
}

/**
 * Makes the index when there is none; takes off a torn last line, which would become part of the next one, and
 * boundaries that the results file does not reach: once another generation is written there, they would mean nothing.
 */
async function repairIndex(path: string, size: number): Promise<void> {
  await appendFile(path, '', { flush: true, mode: PRIVATE_FILE });
  const text = await readFile(path, 'utf8');
  const reached = (await boundaries(path)).filter(({ offset }) => offset <= size);
  const whole = reached.length === text.split('\n').length - 1;
  if (!whole || !(text === '' || text.endsWith('\n'))) await replaceIndex(path, reached);
}

/** All at once: whoever reads finds the old index or the new one. A crash leaves one file of this process beside it. */
async function replaceIndex(path: string, kept: readonly Boundary[]): Promise<void> {
  const fresh = `${path}.${process.pid}`;
  try {
    const file = await open(fresh, 'w', PRIVATE_FILE);
    try {
      await file.writeFile(kept.map(line).join(''));
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(fresh, path);
  } catch (error) {
    // On a full disk it would be the next try's room.
    await rm(fresh, { force: true });
    throw error;
  }
}

const line = ({ position, offset }: Boundary): string => `${position.generation} ${position.sequence} ${offset}\n`;

/** The furthest boundary that the results file really reaches. */
async function lastBoundary(indexPath: string, results: FileHandle): Promise<Boundary> {
  const { size } = await results.stat();
  return (await boundaries(indexPath)).findLast(({ offset }) => offset <= size) ?? EMPTY;
}

/** All boundaries in the order of their positions. A torn last line is no boundary. */
async function boundaries(indexPath: string): Promise<Boundary[]> {
  const text = await readFile(indexPath, 'utf8');
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .slice(0, -1)
    .map((row) => row.split(' ').map(Number))
    .filter((row): row is [number, number, number] => row.length === 3 && row.every(Number.isSafeInteger))
    .map(([generation, sequence, offset]) => ({ position: { generation, sequence }, offset }))
    .toSorted((a, b) => comparePositions(a.position, b.position));
}
