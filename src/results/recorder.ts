import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { JobDescriptor } from '../domain/job.ts';
import { continuing } from './continue.ts';
import type { ParsedEntry, StreamEntry } from './entry.ts';
import { openResultsFile, type ResultsFile } from './file.ts';
import { type HomeLock, lockHome, type Whose } from './home-lock.ts';
import { type LineContext, lineContextOf, linesOf } from './lines.ts';
import { comparePositions, formatPosition, parsePosition, type Position } from './position.ts';

/** What the recorder needs of the ledger. */
export interface RecorderLedger {
  active(): Promise<string[]>;
  descriptor(job: string): Promise<JobDescriptor | null>;
  /** The id of the job's last entry (0-0: none) once no row of it is open; null before. */
  lastEntry(job: string): Promise<string | null>;
  finish(job: string, position: string, at: string): Promise<boolean>;
  /** The id of the last entry that all durable groups have acknowledged; null: there is none of them. */
  horizon(job: string): Promise<string | null>;
  /** Jobs that are over while a durable group has outcomes of them to come. */
  held(): Promise<string[]>;
  /** Lets go of one of these when no group has any more to come. */
  release(job: string): Promise<boolean>;
}

export interface RecorderOptions {
  /** A connection of its own: it blocks on streams. */
  blocking: Redis;
  redis: Redis;
  ledger: RecorderLedger;
  resultsKey: (job: string) => string;
  jobKey: (job: string) => string;
  home: string;
  whose: Whose;
  /** The job's folder in this home, or null when the job is another home's. */
  folderOf: (job: string) => Promise<string | null>;
  /** ISO 8601. */
  at: () => string;
  log: Logger;
}

/** Entries of one read: about a second of calls, some megabytes of lines at most. */
const BATCH = 200;
/** How long a read waits for entries: also how late a new job is noticed. */
const BLOCK_MS = 200;
/** Batches are gathered this long, so that a sync serves many calls. */
const GATHER_MS = 50;
/** After an error of disk or Redis. */
const RETRY_MS = 1000;
/** Delivered entries kept for followers of the stream, bytes of a job. */
export const KEEP_STREAM_BYTES = 8 * 1024 * 1024;

interface Sink {
  context: LineContext;
  file: ResultsFile;
  /**
   * Durable batches that still stand in the stream, oldest first; what an earlier recorder has delivered is one, of the
   * stream's size when this one began. Trimming stops at their ends only.
   */
  kept: { end: Position; bytes: number }[];
}

/**
 * Moves outcomes from the results streams to the results files until stopped: read, write, sync, trim. Says of a job
 * that it is over once every outcome is durable. Resumes anywhere: the file knows how far it got. Of several recorders
 * of a home, app and Redis one works and the others wait for its end.
 */
export async function runRecorder(options: RecorderOptions, signal: AbortSignal): Promise<void> {
  const lock = await waitForLock(options, signal);
  if (lock === null) return;
  const sinks = new Map<string, Sink>();
  const { log } = options;
  try {
    while (!signal.aborted) {
      try {
        await openSinks(sinks, options);
        await deliver(sinks, options);
        await trimAll(sinks, options);
        await finishJobs(sinks, options);
        await release(options);
      } catch (error) {
        if (signal.aborted) break;
        log.error({ err: error }, 'recorder: trying again');
        await dropAll(sinks);
        await pause(RETRY_MS, signal);
      }
      await pause(GATHER_MS, signal);
    }
    await deliverRest(sinks, options);
  } finally {
    await dropAll(sinks);
    await lock.giveUp();
  }
}

async function waitForLock({ home, whose, log }: RecorderOptions, signal: AbortSignal): Promise<HomeLock | null> {
  while (!signal.aborted) {
    try {
      return await lockHome(home, whose, log, signal);
    } catch (error) {
      log.error({ err: error }, 'recorder: trying again');
      await pause(RETRY_MS, signal);
    }
  }
  return null;
}

/** What the callers recorded last, so that file and ledger agree when this process stops. Not without Redis. */
async function deliverRest(sinks: Map<string, Sink>, options: RecorderOptions): Promise<void> {
  if (options.redis.status !== 'ready') return;
  try {
    while (await deliver(sinks, options, 'what is there')) continue;
    await finishJobs(sinks, options);
  } catch (error) {
    options.log.warn({ err: error }, 'recorder: stopped before the last outcomes were delivered; the next one does it');
  }
}

async function openSinks(
  sinks: Map<string, Sink>,
  { redis, ledger, folderOf, resultsKey }: RecorderOptions,
): Promise<void> {
  for (const id of await ledger.active()) {
    if (sinks.has(id)) continue;
    const [job, folder] = await Promise.all([ledger.descriptor(id), folderOf(id)]);
    if (job === null || folder === null) continue;
    const file = await openResultsFile(folder);
    const bytes = Number((await redis.call('MEMORY', 'USAGE', resultsKey(id))) ?? 0);
    sinks.set(id, {
      context: lineContextOf(job),
      file,
      kept: [{ end: file.position, bytes }],
    });
  }
}

/** @returns whether there was anything to deliver */
async function deliver(
  sinks: Map<string, Sink>,
  options: RecorderOptions,
  wanted: 'what comes' | 'what is there' = 'what comes',
): Promise<boolean> {
  if (sinks.size === 0) {
    if (wanted === 'what comes') await pause(BLOCK_MS);
    return false;
  }
  const jobs = [...sinks.keys()];
  const [connection, block] = wanted === 'what comes' ? [options.blocking, ['BLOCK', BLOCK_MS]] : [options.redis, []];
  const reply = (await connection.call(
    'XREAD',
    'COUNT',
    BATCH,
    ...block,
    'STREAMS',
    ...jobs.map(options.resultsKey),
    ...jobs.map((job) => formatPosition((sinks.get(job) as Sink).file.position)),
  )) as StreamReply;
  for (const [key, entries] of streamsOf(reply)) {
    const job = jobs.find((id) => options.resultsKey(id) === key) as string;
    const sink = sinks.get(job) as Sink;
    try {
      await deliverJob(job, sink, entries, options);
    } catch (error) {
      // One job's broken file stops no other job. It is opened anew, and tried again.
      options.log.error({ job, err: error }, 'recorder: this job cannot be delivered');
      sinks.delete(job);
      await sink.file.close();
      await pause(RETRY_MS);
    }
  }
  return reply !== null;
}

async function deliverJob(job: string, sink: Sink, entries: StreamEntry[], options: RecorderOptions): Promise<void> {
  const { redis, jobKey, log } = options;
  const run = await continuing(sink.file, entries, {
    job,
    forkOf: async (generation) => parsePosition((await redis.hget(jobKey(job), `before:${generation}`)) ?? '0-0'),
    onCutBack(from, to) {
      sink.kept = [];
      log.warn({ job, from: formatPosition(from), to: formatPosition(to) }, 'recorder: Redis lost a tail; cut back');
    },
  });
  if (run.length === 0) return;
  const lines = run.map(({ entry }) => linesOf(sink.context, entry)).join('');
  const end = (run.at(-1) as ParsedEntry).position;
  await sink.file.append(lines, end);
  sink.kept.push({ end, bytes: run.reduce((sum, { bytes }) => sum + bytes, 0) });
  await trim(job, sink, options);
  log.debug({ job, entries: run.length, position: formatPosition(end) }, 'recorder: batch durable');
}

/** Durable groups may acknowledge, and so make room, while nothing new comes to be delivered. */
async function trimAll(sinks: Map<string, Sink>, options: RecorderOptions): Promise<void> {
  for (const [job, sink] of sinks) await trim(job, sink, options);
}

/** Takes what is in the file off the stream, but for what followers may want and durable groups have yet to acknowledge. */
async function trim(job: string, { kept }: Sink, { redis, ledger, resultsKey }: RecorderOptions): Promise<void> {
  const bytes = (): number => kept.reduce((sum, batch) => sum + batch.bytes, 0);
  if (bytes() <= KEEP_STREAM_BYTES) return;
  const horizon = await ledger.horizon(job);
  const mayGo = ({ end }: { end: Position }): boolean =>
    horizon === null || comparePositions(end, parsePosition(horizon)) <= 0;
  let trimTo: Position | null = null;
  while (bytes() > KEEP_STREAM_BYTES && mayGo(kept[0]!)) {
    trimTo = kept.shift()!.end;
  }
  if (trimTo === null) return;
  await redis.xtrim(resultsKey(job), 'MINID', formatPosition({ ...trimTo, sequence: trimTo.sequence + 1 }));
}

/** Lets go of jobs that are over once their durable groups have all. */
async function release({ ledger }: RecorderOptions): Promise<void> {
  for (const job of await ledger.held()) await ledger.release(job);
}

async function finishJobs(sinks: Map<string, Sink>, options: RecorderOptions): Promise<void> {
  const active = new Set(await options.ledger.active());
  for (const [id, sink] of sinks) {
    // Another recorder of this home may have been faster.
    const over = !active.has(id) || (await finishJob(id, sink, options));
    if (!over) continue;
    sinks.delete(id);
    await sink.file.close();
  }
}

async function finishJob(job: string, { file }: Sink, options: RecorderOptions): Promise<boolean> {
  const { ledger, at, log } = options;
  const position = formatPosition(file.position);
  if ((await ledger.lastEntry(job)) !== position) return false;
  // What counts is what is there: another recorder may have cut it back since.
  await file.refresh();
  if (formatPosition(file.position) !== position) return false;
  // Before the ledger says so: whoever reads "completed" finds a file without a torn tail.
  await file.trimTail();
  if (!(await ledger.finish(job, position, at()))) return false;
  log.info({ job }, 'job finished: every outcome is in the results file');
  return true;
}

async function dropAll(sinks: Map<string, Sink>): Promise<void> {
  const open = [...sinks.values()];
  sinks.clear();
  await Promise.allSettled(open.map(({ file }) => file.close()));
}

/** RESP2 gives pairs; RESP3 a map, which ioredis hands out flat. */
type StreamReply = ([string, StreamEntry[]] | string | StreamEntry[])[] | null;

function streamsOf(reply: StreamReply): [string, StreamEntry[]][] {
  if (reply === null) return [];
  if (Array.isArray(reply[0])) return reply as [string, StreamEntry[]][];
  const pairs: [string, StreamEntry[]][] = [];
  for (let i = 0; i < reply.length; i += 2) pairs.push([reply[i] as string, reply[i + 1] as StreamEntry[]]);
  return pairs;
}

function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener('abort', end);
  });
}
