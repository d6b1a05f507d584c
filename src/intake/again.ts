import { decodeChunk } from '../domain/block.ts';
import type { Chunk, Fields, RowDirection } from '../domain/chunk.ts';
import { openSpool } from './spool.ts';
import { Stage } from './stage.ts';

export interface RowName {
  from: string | null;
  to: string;
}

/** Some rows of a job that is over, as an input: the spool has their fields, its results say which they are. */
export interface Again {
  kind: 'again';
  /** Directory of the job's spool. */
  spool: string;
  /** The rows to run again, each once, in any order. */
  chosen: AsyncIterable<RowName>;
}

/** The line of a mark: it stands before every row of the same from and to once they are sorted. */
export const MARK = 0;

/** Chunks of one read: some MB at most. */
const READ_CHUNKS = 256;
/** Marks between two flushes: less than a megabyte. */
const FLUSH_MARKS = 8192;

/**
 * Stages a mark for each chosen row and, if there are any, every row of the spool; the n-th row of the spool is line n.
 * Which rows stay is found after the sort, where marks and rows meet (`markedOnly`), so that memory stays flat however
 * many there are.
 * @returns how many rows are chosen
 */
export async function stageAgain(
  { spool: dir, chosen }: Again,
  stagePath: string,
  signal?: AbortSignal,
  onProgress?: (progress: { bytes: number; rows: number }) => void,
): Promise<number> {
  const stage = await Stage.create(stagePath);
  try {
    for await (const { from, to } of chosen) {
      stage.row(MARK, from ?? '', to, null);
      if (stage.rows % FLUSH_MARKS !== 0) continue;
      signal?.throwIfAborted();
      await stage.flush();
    }
    const marks = stage.rows;
    if (marks > 0) await stageSpool(dir, stage, signal, onProgress);
    return marks;
  } finally {
    await stage.close();
  }
}

async function stageSpool(
  dir: string,
  stage: Stage,
  signal?: AbortSignal,
  onProgress?: (progress: { bytes: number; rows: number }) => void,
): Promise<void> {
  const spool = await openSpool(dir);
  let line = 0;
  let bytes = 0;
  try {
    for (let first = 0; first < spool.chunks; first += READ_CHUNKS) {
      signal?.throwIfAborted();
      for (const block of await spool.read(first, READ_CHUNKS)) {
        bytes += block.length;
        for (const { from, to, fields } of rowsOf(decodeChunk(block))) stage.row((line += 1), from, to, fields);
      }
      await stage.flush();
      onProgress?.({ bytes, rows: line });
    }
  } finally {
    await spool.close();
  }
}

/** The rows that a chunk asks for, each in its own direction. Rows of accounts have no from. */
function* rowsOf({ from, items }: Chunk): Generator<{ from: string; to: string; fields: Fields | null }> {
  for (const { to, rows, fields = null } of items) {
    if (rows !== 'reverse') yield { from: from ?? '', to, fields };
    if (rows !== 'forward') yield { from: to, to: from ?? '', fields };
  }
}

/** `rows`: only of planned pairs. */
export type TakesRow = (line: number, from: string, to: string, fields: Fields | null, rows?: RowDirection) => void;

/** Lets through the rows behind a mark of their own, of rows sorted by from, to and line. */
export function markedOnly(take: TakesRow): TakesRow {
  let marked: { from: string; to: string } | null = null;
  return (line, from, to, fields) => {
    if (line === MARK) marked = { from, to };
    else if (marked?.from === from && marked.to === to) take(line, from, to, fields);
  };
}
