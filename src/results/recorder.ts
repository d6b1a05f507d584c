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
/** How long a recorder that stops goes on with what comes meanwhile. */
const REST_MS = 2000;
/** Delivered entries kept for followers of the stream, bytes of a job. */
export const KEEP_STREAM_BYTES = 8 * 1024 * 1024;

/** A job that is being delivered. */
interface Sink {
  context: LineContext;
  file: ResultsFile;
  /**
   * Durable batches that still stand in the stream, oldest first; what an earlier recorder has delivered is one. `bytes` of
   * their outcomes: they tell how the stream's memory is divided between them. Trimming stops at their ends only.
   */
  kept: { end: Position; bytes: number }[];
}

/** Jobs that are being delivered, and those that could not be, which are tried again at their time (local ms). */
interface Sinks {
  open: Map<string, Sink>;
  again: Map<string, number>;
}

/**
 * Moves outcomes from the results streams to the results files until stopped: read, write, sync, trim. Says of a job
 * that it is over once every outcome is durable. Resumes anywhere: the file knows how far it got. Of several recorders
 * of a home, app and Redis one works and the others wait for its end.
 */
export async function runRecorder(options: RecorderOptions, signal: AbortSignal): Promise<void> {
  const lock = await waitForLock(options, signal);
  if (lock === null) return;
  const sinks: Sinks = { open: new Map(), again: new Map() };
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
        await dropAll(sinks.open);
        await pause(RETRY_MS, signal);
      }
      await pause(GATHER_MS, signal);
    }
    await deliverRest(sinks, options);
  } finally {
    await dropAll(sinks.open);
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
async function deliverRest(sinks: Sinks, options: RecorderOptions): Promise<void> {
  if (options.redis.status !== 'ready') return;
  const deadline = performance.now() + REST_MS;
  try {
    // Others may go on recording: the next recorder has the rest.
    while ((await deliver(sinks, options, 'what is there')) && performance.now() < deadline) continue;
    await finishJobs(sinks, options);
  } catch (error) {
    options.log.warn({ err: error }, 'recorder: stopped before the last outcomes were delivered; the next one does it');
  }
}

/** One job's broken file or folder stops no other job: it is opened anew, and tried again. */
async function each(jobs: Iterable<string>, sinks: Sinks, log: Logger, act: (job: string) => Promise<void>) {
  for (const job of jobs) {
    try {
      await act(job);
    } catch (error) {
      if (!isOfFiles(error)) throw error;
      log.error({ job, err: error }, 'recorder: this job cannot be delivered; trying again');
      sinks.again.set(job, performance.now() + RETRY_MS);
      const sink = sinks.open.get(job);
      sinks.open.delete(job);
      await sink?.file.close().catch(() => {});
    }
  }
}

/** What Redis says, and that it is gone, concerns all jobs. */
const isOfFiles = (error: unknown): boolean =>
  (error as Error).name !== 'ReplyError' && !(error as Error).message.startsWith('Connection is closed');

async function openSinks(sinks: Sinks, options: RecorderOptions): Promise<void> {
  const { redis, ledger, folderOf, resultsKey, log } = options;
  const due = (job: string) => !sinks.open.has(job) && (sinks.again.get(job) ?? 0) <= performance.now();
  await each((await ledger.active()).filter(due), sinks, log, async (id) => {
    sinks.again.delete(id);
    const [job, folder] = await Promise.all([ledger.descriptor(id), folderOf(id)]);
    if (job === null || folder === null) return;
    const file = await openResultsFile(folder);
    const bytes = Number((await redis.call('MEMORY', 'USAGE', resultsKey(id))) ?? 0);
    sinks.open.set(id, { context: lineContextOf(job), file, kept: [{ end: file.position, bytes }] });
  });
}

/** @returns whether there was anything to deliver */
async function deliver(
  sinks: Sinks,
  options: RecorderOptions,
  wanted: 'what comes' | 'what is there' = 'what comes',
): Promise<boolean> {
  if (sinks.open.size === 0) {
    if (wanted === 'what comes') await pause(BLOCK_MS);
    return false;
  }
  const jobs = [...sinks.open];
  const [connection, block] = wanted === 'what comes' ? [options.blocking, ['BLOCK', BLOCK_MS]] : [options.redis, []];
  const reply = (await connection.call(
    'XREAD',
    'COUNT',
    BATCH,
    ...block,
    'STREAMS',
    ...jobs.map(([job]) => options.resultsKey(job)),
    ...jobs.map(([, { file }]) => formatPosition(file.position)),
  )) as StreamReply;
  const entries = new Map(streamsOf(reply));
  const found = jobs.map(([job]) => job).filter((job) => entries.has(options.resultsKey(job)));
  await each(found, sinks, options.log, (job) =>
    deliverJob(job, sinks.open.get(job)!, entries.get(options.resultsKey(job))!, options),
  );
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
async function trimAll(sinks: Sinks, options: RecorderOptions): Promise<void> {
  for (const [job, sink] of sinks.open) await trim(job, sink, options);
}

/** No stream takes so many times the bytes of its outcomes: entries of one row take twice, other scripts' letters thrice. */
const MOST_MEMORY = 4;

/**
 * Takes what is in the file off the stream, but for what followers may want and durable groups have yet to acknowledge. The
 * measure is Redis' own, as it is when feed asks how much waits.
 */
async function trim(job: string, { kept }: Sink, { redis, ledger, resultsKey }: RecorderOptions): Promise<void> {
  const counted = kept.reduce((sum, batch) => sum + batch.bytes, 0);
  if (counted * MOST_MEMORY <= KEEP_STREAM_BYTES) return;
  let used = Number((await redis.call('MEMORY', 'USAGE', resultsKey(job))) ?? 0);
  if (used <= KEEP_STREAM_BYTES) return;
  const perByte = used / counted;
  const horizon = await ledger.horizon(job);
  const mayGo = ({ end }: { end: Position }): boolean =>
    horizon === null || comparePositions(end, parsePosition(horizon)) <= 0;
  let trimTo: Position | null = null;
  while (used > KEEP_STREAM_BYTES && kept[0] !== undefined && mayGo(kept[0])) {
    used -= perByte * kept[0].bytes;
    trimTo = kept.shift()!.end;
  }
  if (trimTo === null) return;
  await redis.xtrim(resultsKey(job), 'MINID', formatPosition({ ...trimTo, sequence: trimTo.sequence + 1 }));
}

/** Lets go of jobs that are over once their durable groups have all. */
async function release({ ledger }: RecorderOptions): Promise<void> {
  for (const job of await ledger.held()) await ledger.release(job);
}

async function finishJobs(sinks: Sinks, options: RecorderOptions): Promise<void> {
  const active = new Set(await options.ledger.active());
  await each([...sinks.open.keys()], sinks, options.log, async (id) => {
    const sink = sinks.open.get(id)!;
    // Another recorder of this home may have been faster.
    const over = !active.has(id) || (await finishJob(id, sink, options));
    if (!over) return;
    sinks.open.delete(id);
    await sink.file.close();
  });
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
