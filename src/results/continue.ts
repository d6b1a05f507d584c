import { type ParsedEntry, parseEntry, type StreamEntry } from './entry.ts';
import type { ResultsFile } from './file.ts';
import { comparePositions, formatPosition, type Position } from './position.ts';

export interface Continuation {
  job: string;
  /** The last entry that the server had when the generation began. */
  forkOf: (generation: number) => Promise<Position>;
  onCutBack?: (from: Position, to: Position) => void;
}

/**
 * The entries, read from the stream behind the file's position, that continue the file without a gap. A new
 * generation that forked before the file's end means that the server lost a tail: the file is cut back, nothing is
 * returned, and the stream is to be read again from there.
 * @throws when the outcomes between file and stream are in neither
 */
export async function continuing(
  file: ResultsFile,
  entries: readonly StreamEntry[],
  { job, forkOf, onCutBack }: Continuation,
): Promise<ParsedEntry[]> {
  const run: ParsedEntry[] = [];
  let last = file.position;
  for (const raw of entries) {
    const parsed = parseEntry(raw);
    const { position } = parsed;
    if (position.generation !== last.generation) {
      // Within the batch the fork is looked at in the next read, so that a batch is of one generation.
      if (run.length > 0) return run;
      const fork = await forkOf(position.generation);
      if (comparePositions(fork, last) < 0) {
        onCutBack?.(last, fork);
        await file.cutBack(fork, position.generation);
        return [];
      }
      if (comparePositions(fork, last) > 0) return lost(job, file, last, position);
    }
    if (position.sequence !== last.sequence + 1) return run.length > 0 ? run : lost(job, file, last, position);
    run.push(parsed);
    last = position;
  }
  return run;
}

/** The stream begins after the file's end: another recorder was faster and trimmed it, or entries are gone. */
async function lost(job: string, file: ResultsFile, last: Position, next: Position): Promise<never[]> {
  await file.refresh();
  if (comparePositions(file.position, last) > 0) return [];
  throw new Error(
    `job ${job}: the results stream goes on at ${formatPosition(next)}, the results file ends at ` +
      `${formatPosition(last)}: the outcomes between are in neither. Was the results file or its index replaced?`,
  );
}
