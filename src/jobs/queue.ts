import { type Job, Queue, type QueueOptions, RedisConnection } from 'bullmq';
import type { Redis } from 'ioredis';
import type { OperationName } from '../domain/operation.ts';
import type { Keys } from './keys.ts';

/** What a BullMQ job carries: a reference. The rows stay in the ledger, one BullMQ job stands for a chunk all its life. */
export interface ChunkRef {
  job: string;
  operation: OperationName;
  chunk: number;
}

/** The queue of one app and command: it wakes callers, the ledger decides. */
export type ChunkQueue = Queue<ChunkRef, void, string>;
export type ChunkJob = Job<ChunkRef, void, string>;

/**
 * First come, first served within a place; the first chunks of a job that begins, and those that a cancelled job has
 * left, stand before all others. BullMQ serves lower numbers first.
 */
const PLACE = { first: 1, next: 2 };
export type Place = keyof typeof PLACE;

/** A chunk that waits for another try comes back at the end of the line, wherever it stood before. */
export async function putOff(job: ChunkJob, until: number, token: string | undefined): Promise<void> {
  // BullMQ puts what waited where it stood when it was added.
  if (job.priority !== PLACE.next) await job.changePriority({ priority: PLACE.next });
  await job.moveToDelayed(until, token);
}

/**
 * befriend looks at the server itself (redis/inspect.ts), once: BullMQ would ask again for each connection, and print.
 * It then takes the server for its minimum, and one below 6 as unable to wait for parts of a second.
 */
RedisConnection.minimumVersion = '6.2.0';
export const SERVER_IS_KNOWN = { skipVersionCheck: true } as const;

export function openQueue(connection: Redis, keys: Keys, command: string): ChunkQueue {
  const options: QueueOptions = {
    connection,
    ...SERVER_IS_KNOWN,
    prefix: keys.app,
    // A job that is done or has thrown leaves nothing behind; if its chunk is still open, feed adds it again.
    defaultJobOptions: { removeOnComplete: true, removeOnFail: true },
  };
  return new Queue(command, options);
}

/** Adds chunks; one that the queue has already is left as it is. */
export async function enqueue(queue: ChunkQueue, refs: readonly ChunkRef[], place: Place): Promise<void> {
  await queue.addBulk(
    refs.map((ref) => ({
      name: 'chunk',
      data: ref,
      opts: { jobId: `${ref.job}.${ref.chunk}`, priority: PLACE[place] },
    })),
  );
}
