import type { Logger } from 'pino';
import { decodeChunk } from '../domain/block.ts';
import type { JobDescriptor } from '../domain/job.ts';
import { OPERATIONS } from '../domain/operation.ts';
import type { Spool } from '../domain/spool.ts';
import type { FedChunk, Ledger } from './ledger.ts';
import { type ChunkQueue, enqueue } from './queue.ts';
import { writtenLists } from './written-lists.ts';

export interface FeedParts {
  ledger: Ledger;
  queueOf: (command: string) => ChunkQueue;
  /** Null when the job's spool is in another home; rejects when it cannot be read. */
  spoolOf: (job: string) => Promise<Spool | null>;
  /** Chunks kept ready per queue: about two seconds of calls. */
  readyWindow: number;
  /** Feed this job alone. */
  only?: string;
  log: Logger;
}

/** Blocks of open chunks that a job may hold in Redis, ready and waiting for another try. */
const OPEN_BYTES = 48 * 1024 * 1024;
/** Ready windows of chunks that may be open: those in hand and those that wait for another try come on top. */
const OPEN_WINDOWS = 2;

/**
 * Tops up the queues from the cursors of all active jobs and adds every open chunk again that no BullMQ job stands
 * for. Short and idempotent: two feeders at once, or one that dies anywhere in here, do no harm.
 */
export async function feed(parts: FeedParts): Promise<void> {
  const { ledger, queueOf, readyWindow, log, only } = parts;
  const ids = (await ledger.active()).filter((id) => only === undefined || id === only);
  const jobs = (await Promise.all(ids.map((id) => ledger.descriptor(id)))).filter((job) => job !== null);
  for (const command of new Set(jobs.map(commandOf))) {
    const queue = queueOf(command);
    const hungry: Hungry[] = [];
    for (const job of jobs.filter((candidate) => commandOf(candidate) === command)) {
      const { state, cursor, open, openBytes, unheld } = await ledger.feed(job, command, 0, []);
      if (state !== 'running' && state !== 'cancelled') continue;
      await requeue(job, unheld, queue);
      if (cursor < job.chunks && openBytes < OPEN_BYTES) hungry.push({ job, cursor, open });
    }
    // By open chunks and not by the queue's length: a job whose chunks wait for a busy list takes no other's share.
    const share = Math.ceil((OPEN_WINDOWS * readyWindow) / Math.max(1, hungry.length));
    for (const { job, cursor, open } of hungry) {
      if (open >= share) continue;
      // One job's unreadable spool stops no other job.
      await feedJob(job, cursor, share - open, queue, parts).catch((error: unknown) =>
        log.error({ job: job.id, err: error }, 'feed: this job cannot be fed'),
      );
    }
  }
}

/** A job with chunks still in the spool. */
interface Hungry {
  job: JobDescriptor;
  cursor: number;
  open: number;
}

const commandOf = (job: JobDescriptor): string => OPERATIONS[job.operation].command;

async function feedJob(
  job: JobDescriptor,
  cursor: number,
  share: number,
  queue: ChunkQueue,
  { ledger, spoolOf }: FeedParts,
): Promise<void> {
  const spool = await spoolOf(job.id);
  if (spool === null) return;
  const blocks = await spool.read(cursor, Math.min(share, job.chunks - cursor));
  const chunks = blocks.map((block) => fedChunk(job, block));
  const { unheld } = await ledger.feed(job, commandOf(job), cursor, chunks);
  await requeue(job, unheld, queue);
}

/** Chunks of the ledger that no BullMQ job stands for: fed just now, resumed, or orphaned by a crash. */
async function requeue(job: JobDescriptor, unheld: readonly number[], queue: ChunkQueue): Promise<void> {
  const refs = unheld.toSorted((a, b) => a - b).map((chunk) => ({ job: job.id, operation: job.operation, chunk }));
  if (refs.length > 0) await enqueue(queue, refs, job.priority);
}

function fedChunk(job: JobDescriptor, block: Buffer): FedChunk {
  const chunk = decodeChunk(block);
  return { block, items: chunk.items.length, locks: writtenLists(job, chunk) };
}
