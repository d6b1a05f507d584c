import type { Logger } from 'pino';
import { decodeChunk } from '../domain/block.ts';
import type { Chunk } from '../domain/chunk.ts';
import type { JobDescriptor } from '../domain/job.ts';
import { OPERATIONS } from '../domain/operation.ts';
import type { Spool } from '../domain/spool.ts';
import type { FedChunk, Ledger } from './ledger.ts';
import { type ChunkQueue, enqueue, readyChunks } from './queue.ts';

export interface FeedParts {
  ledger: Ledger;
  queueOf: (command: string) => ChunkQueue;
  /** Rejects when the spool of a job cannot be read here. */
  spoolOf: (job: string) => Promise<Spool>;
  /** Chunks kept ready per queue: about two seconds of calls. */
  readyWindow: number;
  log: Logger;
}

/** Blocks of open chunks that a job may hold in Redis, ready and waiting for another try. */
const OPEN_BYTES = 48 * 1024 * 1024;

/**
 * Tops up the queues from the cursors of all active jobs and adds every open chunk again that no BullMQ job stands
 * for. Short and idempotent: two feeders at once, or one that dies anywhere in here, do no harm.
 */
export async function feed({ ledger, queueOf, spoolOf, readyWindow, log }: FeedParts): Promise<void> {
  const ids = await ledger.active();
  const jobs = (await Promise.all(ids.map((id) => ledger.descriptor(id)))).filter((job) => job !== null);
  for (const command of new Set(jobs.map(commandOf))) {
    const ofCommand = jobs.filter((job) => commandOf(job) === command);
    const queue = queueOf(command);
    const room = Math.max(0, readyWindow - (await readyChunks(queue)));
    const share = Math.ceil(room / ofCommand.length);
    for (const job of ofCommand) {
      try {
        await feedJob(job, command, queue, share, { ledger, spoolOf });
      } catch (error) {
        // One job's unreadable spool stops no other job.
        log.error({ job: job.id, err: error }, 'feed: this job cannot be fed');
      }
    }
  }
}

const commandOf = (job: JobDescriptor): string => OPERATIONS[job.operation].command;

async function feedJob(
  job: JobDescriptor,
  command: string,
  queue: ChunkQueue,
  share: number,
  { ledger, spoolOf }: Pick<FeedParts, 'ledger' | 'spoolOf'>,
): Promise<void> {
  const look = await ledger.feed(job, command, 0, []);
  if (look.state !== 'running' && look.state !== 'cancelled') return;
  const room = look.openBytes < OPEN_BYTES ? Math.min(share, job.chunks - look.cursor) : 0;
  let { unheld } = look;
  if (room > 0) {
    const blocks = await (await spoolOf(job.id)).read(look.cursor, room);
    const fed = await ledger.feed(
      job,
      command,
      look.cursor,
      blocks.map((block) => fedChunk(job, block)),
    );
    unheld = fed.unheld;
  }
  const chunks = unheld.toSorted((a, b) => a - b);
  await enqueue(
    queue,
    chunks.map((chunk) => ({ job: job.id, operation: job.operation, chunk })),
    job.priority,
  );
}

function fedChunk(job: JobDescriptor, block: Buffer): FedChunk {
  const chunk = decodeChunk(block);
  return { block, items: chunk.items.length, locks: writtenLists(job, chunk) };
}

/** The accounts whose lists a call of this chunk writes. */
function writtenLists(job: JobDescriptor, { from, items }: Chunk): string[] {
  switch (OPERATIONS[job.operation].writeSet(job.options)) {
    case 'none':
      return [];
    case 'from':
      return from === null ? [] : [from];
    case 'from-and-items':
      return [...(from === null ? [] : [from]), ...items.map((item) => item.to)];
  }
}
