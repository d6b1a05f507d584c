import { setMaxListeners } from 'node:events';
import { DelayedError, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { within } from '../redis/in-time.ts';
import { type CallParts, callChunk } from './call.ts';
import { Flights } from './flights.ts';
import type { Keys } from './keys.ts';
import { type ChunkJob, type ChunkRef, putOff, SERVER_IS_KNOWN } from './queue.ts';

/**
 * A killed caller's chunks come back between 3.5 s (its last renewal was just before) and 4.5 s after its death.
 */
const LOCK_MS = 4000;
const RENEW_MS = 500;
const STALLED_CHECK_MS = 500;
/**
 * A call leaves only while the chunk's lock was renewed so lately that the service, which works 3 s at most, is done
 * with it before anybody else can take the chunk. So a caller that was frozen, or cut off from Redis, sends nothing
 * for chunks that are others' by now.
 */
const SURE_MS = 950;
/** Aborted calls are recorded in far less, where Redis answers. */
const RECORD_MS = 2000;

export interface Caller {
  /** Calls that wait for their answers now. */
  inFlight(): number;
  /** Takes no more chunks, waits for those in hand, aborts them after `graceMs`. Never hangs, also without Redis. */
  stop(graceMs: number): Promise<void>;
}

export interface CallerOptions {
  connection: Redis;
  keys: Keys;
  command: string;
  /** Chunks in hand at once where the API is fast; `Flights` tells when there are more. */
  concurrency: number;
  parts: CallParts;
  log: Logger;
  /** Chunks of other jobs are let go: feed adds them again where somebody works on them. */
  only?: string;
}

/** Takes chunks of one app and command from its queue and walks each through `callChunk`. */
export function startCaller({ connection, keys, command, concurrency, log, only, ...options }: CallerOptions): Caller {
  const abort = new AbortController();
  // Every chunk in hand listens to it: that is no leak.
  setMaxListeners(0, abort.signal);
  const flights = new Flights(concurrency, (hands) => worker.takeUpTo(hands));
  const parts = { ...options.parts, chat: flights.watch(options.parts.chat) };
  const { now, wallClock } = parts;
  const walk = async (job: ChunkJob, token?: string): Promise<void> => {
    if (only !== undefined && job.data.job !== only) return;
    const id = job.id as string;
    const hold = { token, renewedAt: now() - Math.max(0, wallClock() - (job.processedOn ?? 0)) };
    worker.holds.set(id, hold);
    const stillMine = () => worker.holds.get(id) === hold && now() - hold.renewedAt < SURE_MS;
    const hand = { signal: abort.signal, stillMine, starts: job.attemptsStarted };
    const next = await callChunk(job.data, parts, hand).finally(() => {
      if (worker.holds.get(id) === hold) worker.holds.delete(id);
    });
    if (next.kind === 'done') return;
    await putOff(job, wallClock() + next.afterMs, token);
    throw new DelayedError();
  };
  const worker = new ChunkWorker(now, command, walk, {
    connection,
    prefix: keys.app,
    ...SERVER_IS_KNOWN,
    concurrency,
    lockDuration: LOCK_MS,
    lockRenewTime: RENEW_MS,
    stalledInterval: STALLED_CHECK_MS,
    maxStalledCount: Number.MAX_SAFE_INTEGER,
    removeOnComplete: { count: 0 },
    removeOnFail: { count: 0 },
  });
  // Without a listener BullMQ's errors would end the process. Lost connections come back by themselves.
  worker.on('error', (error) => log.info({ error: error.message, command }, 'caller: queue error'));
  worker.on('failed', (job, error) =>
    log.error({ ...job?.data, err: error }, 'caller: a chunk failed unexpectedly; feed adds it again'),
  );

  return {
    inFlight: () => flights.inFlight,
    async stop(graceMs) {
      const closed = worker.close().catch((error) => log.warn({ err: error, command }, 'caller: close'));
      if (await within(closed, graceMs)) return;
      abort.abort(new Error('caller stopped'));
      if (await within(closed, Math.min(graceMs, RECORD_MS))) return;
      // BullMQ's close waits for Redis: what is still open here comes back as stalled.
      log.warn({ command }, 'caller: stopped without the queue');
    },
  };
}

/** One taking of a chunk. */
interface Hold {
  /** Of its BullMQ lock. */
  token: string | undefined;
  /** Since when the lock is surely in force, local monotonic ms. */
  renewedAt: number;
}

/**
 * A worker whose number of chunks in hand may change, and that knows since when each of its locks is surely in force:
 * since the renewal was asked for.
 */
class ChunkWorker extends Worker<ChunkRef, void, string> {
  /**
   * By BullMQ job id. A chunk that comes back to the caller that was frozen with it is held anew: the walk from before
   * the freeze, which may still wait for its slot, holds it no longer.
   */
  readonly holds = new Map<string, Hold>();
  private readonly now: () => number;

  constructor(now: () => number, ...rest: ConstructorParameters<typeof Worker<ChunkRef, void, string>>) {
    super(...rest);
    this.now = now;
  }

  /** Chunks in hand at once, from now on. */
  takeUpTo(concurrency: number): void {
    const more = concurrency > this.concurrency;
    this.concurrency = concurrency;
    // BullMQ looks at it only when a chunk is done. As in its own `resume`, a result of nothing makes it look now.
    if (more) this['mainLoopQueue']?.add(Promise.resolve());
  }

  override async extendJobLocks(ids: string[], tokens: string[], duration: number): Promise<string[]> {
    const asked = this.now();
    const lost = await super.extendJobLocks(ids, tokens, duration);
    ids.forEach((id, n) => {
      const hold = this.holds.get(id);
      if (hold !== undefined && hold.token === tokens[n] && !lost.includes(id)) hold.renewedAt = asked;
    });
    return lost;
  }
}
