import type { Logger } from 'pino';
import { decodeChunk } from '../domain/block.ts';
import { heldBackText } from '../domain/backlog.ts';
import type { JobDescriptor } from '../domain/job.ts';
import { OPERATIONS } from '../domain/operation.ts';
import { FIRST_PART, type Standing, topUps, WEIGHT } from '../domain/shares.ts';
import type { Spool } from '../domain/spool.ts';
import { KEEP_STREAM_BYTES } from '../results/recorder.ts';
import type { FedChunk, FeedReply, Ledger } from './ledger.ts';
import { type ChunkQueue, enqueue, type Place } from './queue.ts';
import { writtenLists } from './written-lists.ts';

export interface FeedParts {
  ledger: Ledger;
  queueOf: (command: string) => ChunkQueue;
  /** Null when the job's spool is in another home; rejects when it cannot be read. */
  spoolOf: (job: string) => Promise<Spool | null>;
  /** Chunks kept ready in the queue of a command: about two seconds of its calls, as many as there may be now. */
  readyWindow: (command: string) => Promise<number>;
  /** Outcomes that may wait in Redis, bytes beyond what is kept of each stream. */
  backlogBytes: number;
  /** Feed this job alone. The others have their shares all the same. */
  only?: string;
  log: Logger;
}

/** Blocks of open chunks that a job may hold in Redis, ready and waiting for another try. */
const OPEN_BYTES = 48 * 1024 * 1024;

/**
 * Tops up the queues from the cursors of all active jobs and adds every open chunk again that no BullMQ job stands
 * for. Short and idempotent: two feeders at once, or one that dies anywhere in here, do no harm. While too many outcomes
 * wait in Redis it adds nothing new.
 * @returns why it adds nothing, or null
 */
export async function feed(parts: FeedParts): Promise<string | null> {
  const { ledger } = parts;
  const heldBack = heldBackText(await ledger.backlog(), {
    mostBytes: parts.backlogBytes,
    keptBytes: KEEP_STREAM_BYTES,
  });
  if (heldBack !== null) await ledger.holdBack(heldBack);
  const jobs = (await Promise.all((await ledger.active()).map((id) => ledger.descriptor(id)))).filter(isThere);
  for (const command of new Set(jobs.map(commandOf))) {
    const found: Eater[] = [];
    for (const job of jobs.filter((one) => commandOf(one) === command)) found.push(await look(job, parts));
    const window = heldBack === null ? await parts.readyWindow(command) : 0;
    // What a cancelled job drains takes no call: it has a window of its own.
    for (const moving of ['running', 'cancelled']) {
      await feedByShares(
        found.filter(({ state }) => state === moving),
        window,
        parts,
      );
    }
  }
  return heldBack;
}

/** A job as feed finds it. */
interface Eater extends Standing {
  /** Bytes of blocks that it may have open beside those that are. */
  room: number;
  job: JobDescriptor;
  state: FeedReply['state'];
  cursor: number;
  spool: Spool | null;
}

/** What a cancelled job has left takes no slot: it need not wait behind chunks that do. */
const placeIn = ({ state }: FeedReply): Place => (state === 'cancelled' ? 'first' : 'next');
const isThere = <T>(value: T | null): value is T => value !== null;
const commandOf = (job: JobDescriptor): string => OPERATIONS[job.operation].command;

async function look(job: JobDescriptor, parts: FeedParts): Promise<Eater> {
  const reply = await parts.ledger.feed(job, commandOf(job), 0, []);
  const moves = reply.state === 'running' || reply.state === 'cancelled';
  if (!moves || (parts.only !== undefined && parts.only !== job.id)) return eaterOf(job, reply, null);
  await requeue(job, reply.unheld, placeIn(reply), parts);
  const spool = await parts.spoolOf(job.id).catch((error: unknown) => cannotBeFed(job, error, parts));
  return eaterOf(job, reply, spool);
}

/** Of a job that nobody feeds, here or elsewhere, counts what it has ready, no more. */
function eaterOf(job: JobDescriptor, reply: FeedReply, spool: Spool | null): Eater {
  const { state, cursor, open, openBytes, delayed, priority, fed } = reply;
  const room = OPEN_BYTES - openBytes;
  const left = (spool === null && !fed) || room <= 0 ? 0 : job.chunks - cursor;
  return { job, state, cursor, spool, weight: WEIGHT[priority], ready: open - delayed, delayed, left, room };
}

/** Feeds jobs of one command. One job's unreadable spool stops no other job, and its share is not kept for it. */
async function feedByShares(eaters: readonly Eater[], window: number, parts: FeedParts): Promise<void> {
  const more = topUps(window, eaters);
  const after: Eater[] = [];
  let failed = false;
  for (const [n, eater] of eaters.entries()) {
    after.push(
      await feedJob(eater, more[n]!, parts).catch((error: unknown) => {
        failed = true;
        return { ...eater, left: 0, spool: cannotBeFed(eater.job, error, parts) };
      }),
    );
  }
  if (failed) await feedByShares(after, window, parts);
}

async function feedJob(eater: Eater, count: number, parts: FeedParts): Promise<Eater> {
  const { job, cursor, spool } = eater;
  if (spool === null) return eater;
  const blocks = thatFit(await spool.read(cursor, count), eater.room);
  await parts.ledger.looksAfter(job.id);
  if (count === 0) return eater;
  const chunks = blocks.map((block) => fedChunk(job, block));
  const reply = await parts.ledger.feed(job, commandOf(job), cursor, chunks);
  const first = cursor === 0 ? reply.unheld.filter((chunk) => chunk < count * FIRST_PART) : [];
  await requeue(job, first, 'first', parts);
  await requeue(
    job,
    reply.unheld.filter((chunk) => !first.includes(chunk)),
    placeIn(reply),
    parts,
  );
  return eaterOf(job, reply, spool);
}

/** The first of them, up to the one that fills the room. */
function thatFit(blocks: readonly Buffer[], room: number): readonly Buffer[] {
  let bytes = 0;
  const over = blocks.findIndex((block) => (bytes += block.length) >= room);
  return over < 0 ? blocks : blocks.slice(0, over + 1);
}

function cannotBeFed(job: JobDescriptor, error: unknown, { log }: FeedParts): null {
  log.error({ job: job.id, err: error }, 'feed: this job cannot be fed');
  return null;
}

/** Chunks of the ledger that no BullMQ job stands for: fed just now, resumed, or orphaned by a crash. */
async function requeue(job: JobDescriptor, unheld: readonly number[], place: Place, parts: FeedParts): Promise<void> {
  const refs = unheld.toSorted((a, b) => a - b).map((chunk) => ({ job: job.id, operation: job.operation, chunk }));
  if (refs.length > 0) await enqueue(parts.queueOf(commandOf(job)), refs, place);
}

function fedChunk(job: JobDescriptor, block: Buffer): FedChunk {
  const chunk = decodeChunk(block);
  return { block, items: chunk.items.length, locks: writtenLists(job, chunk) };
}
