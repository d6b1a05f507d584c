import { type Job, Queue, type QueueOptions } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Priority } from '../domain/job.ts';
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

/** BullMQ serves lower numbers first. */
const PRIORITY: Record<Priority, number> = { high: 1, normal: 2, low: 3 };

export function openQueue(connection: Redis, keys: Keys, command: string): ChunkQueue {
  const options: QueueOptions = {
    connection,
    prefix: keys.app,
    // A job that is done or has thrown leaves nothing behind; if its chunk is still open, feed adds it again.
    defaultJobOptions: { removeOnComplete: true, removeOnFail: true },
  };
  return new Queue(command, options);
}

/** Adds chunks; one that the queue has already is left as it is. */
export async function enqueue(queue: ChunkQueue, refs: readonly ChunkRef[], priority: Priority): Promise<void> {
  await queue.addBulk(
    refs.map((ref) => ({
      name: 'chunk',
      data: ref,
      opts: { jobId: `${ref.job}.${ref.chunk}`, priority: PRIORITY[priority] },
    })),
  );
}
