import type { Chunk } from '../domain/chunk.ts';
import type { JobDescriptor } from '../domain/job.ts';
import { OPERATIONS } from '../domain/operation.ts';
import type { CallParts, Hand } from './call.ts';
import type { ChunkRef } from './queue.ts';
import type { Turn } from './turns.ts';
import { writtenLists } from './written-lists.ts';

/** Between the claim and the first word of the call some time passes; the locks outlive that too. */
const SLACK_MS = 1000;

export const isTwoWay = ({ operation, options }: Pick<JobDescriptor, 'operation' | 'options'>): boolean =>
  OPERATIONS[operation].writeSet(options) === 'from-and-items';

/** Whether jobs of an API command may be such. */
export const mayBeTwoWay = (command: string): boolean =>
  Object.values(OPERATIONS).some(
    ({ command: of, writeSet }) =>
      of === command && [{}, { both: true }].some((options) => writeSet(options) === 'from-and-items'),
  );

/**
 * Claims a chunk. One that writes the lists of both ends waits for its turn, and its slot comes with the claim; unless it
 * was called before and now only reads.
 */
export async function claimChunk(ref: ChunkRef, job: JobDescriptor, parts: CallParts, hand: Hand): Promise<Turn> {
  const { ledger, turns, waitMs, callTimeoutMs } = parts;
  const leaseMs = waitMs + callTimeoutMs + SLACK_MS;
  const claim = (onlyReads: boolean) => ledger.claim(ref.job, ref.chunk, leaseMs, onlyReads);
  if (!isTwoWay(job)) return { claim: await claim(false), slot: null };
  if (hand.starts > 1) {
    const reading = await claim(true);
    if (reading.kind !== 'writes') return { claim: reading, slot: null };
  }
  return turns
    .take(() => claim(false), hand.signal)
    .catch((error: unknown) => {
      if (!hand.signal.aborted) throw error;
      // This caller stops: whoever feeds finds the chunk, which nobody has claimed.
      return { claim: { kind: 'held' }, slot: null };
    });
}

/** Tells those who wait for the chunk's lists that its call is over. */
export function freeLists(job: JobDescriptor, chunk: Chunk, { turns }: CallParts): void {
  if (isTwoWay(job)) turns.freed(writtenLists(job, chunk));
}
