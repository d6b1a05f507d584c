import { setMaxListeners } from 'node:events';
import { DelayedError, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { type CallParts, callChunk } from './call.ts';
import type { Keys } from './keys.ts';
import type { ChunkJob, ChunkRef } from './queue.ts';

/**
 * A killed caller's chunks come back between 3.0 s (its last renewal was just before) and 4.3 s after its death: later
 * than the service's own limit of 3 s, so its last call is over, and sooner than 5 s.
 */
const LOCK_MS = 3800;
const RENEW_MS = 800;
const STALLED_CHECK_MS = 500;

export interface Caller {
  /** Takes no more chunks, waits for those in hand, aborts them after `graceMs`. Never hangs, also without Redis. */
  stop(graceMs: number): Promise<void>;
}

export interface CallerOptions {
  connection: Redis;
  keys: Keys;
  command: string;
  /** Chunks in hand at once: in flight or waiting for their slot. */
  concurrency: number;
  parts: CallParts;
  log: Logger;
}

/** Takes chunks of one app and command from its queue and walks each through `callChunk`. */
export function startCaller({ connection, keys, command, concurrency, parts, log }: CallerOptions): Caller {
  const abort = new AbortController();
  // Every chunk in hand listens to it: that is no leak.
  setMaxListeners(0, abort.signal);
  const walk = async (job: ChunkJob, token?: string): Promise<void> => {
    const next = await callChunk(job.data, parts, abort.signal);
    if (next.kind === 'done') return;
    await job.moveToDelayed(parts.wallClock() + next.afterMs, token);
    throw new DelayedError();
  };
  const worker = new Worker<ChunkRef, void, string>(command, walk, {
    connection,
    prefix: keys.app,
    concurrency,
    lockDuration: LOCK_MS,
    lockRenewTime: RENEW_MS,
    stalledInterval: STALLED_CHECK_MS,
    maxStalledCount: Number.MAX_SAFE_INTEGER,
    removeOnComplete: { count: 0 },
    removeOnFail: { count: 0 },
  });
  // Without a listener BullMQ's errors would end the process. Lost connections come back by themselves.
  worker.on('error', (error) => log.info({ err: error, command }, 'caller: queue error'));
  worker.on('failed', (job, error) =>
    log.error({ ...job?.data, err: error }, 'caller: a chunk failed unexpectedly; feed adds it again'),
  );

  return {
    async stop(graceMs) {
      const closed = worker.close().catch((error) => log.warn({ err: error, command }, 'caller: close'));
      if (await within(closed, graceMs)) return;
      abort.abort(new Error('caller stopped'));
      if (await within(closed, graceMs)) return;
      // BullMQ's close waits for Redis: what is still open here comes back as stalled.
      log.warn({ command }, 'caller: stopped without the queue');
    },
  };
}

async function within(done: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([done.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
