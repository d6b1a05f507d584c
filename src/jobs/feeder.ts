import { existsSync } from 'node:fs';
import type { Redis } from 'ioredis';
import type { Spool } from '../domain/spool.ts';
import { openSpool } from '../intake/spool.ts';
import { type FeedParts, feed } from './feed.ts';
import { jobFolder } from './home.ts';

export interface FeederOptions extends Omit<FeedParts, 'spoolOf'> {
  /** A connection of its own: it blocks on the events. */
  blocking: Redis;
  eventsKey: string;
  home: string;
}

/** Longest time between two feeds: a quarter of the ready window at its default. */
const TIMER_MS = 500;

/** Feeds on every job change and by a timer, until stopped. Any number of feeders may run. */
export async function runFeeder(options: FeederOptions, signal: AbortSignal): Promise<void> {
  const { blocking, eventsKey, home, ledger, log } = options;
  const spools = new Map<string, Spool>();
  const spoolOf = async (job: string): Promise<Spool | null> => {
    // Another home's job is another feeder's work.
    if (!existsSync(jobFolder(home, job))) return null;
    const spool = spools.get(job) ?? (await openSpool(jobFolder(home, job)));
    spools.set(job, spool);
    return spool;
  };
  let lastEvent = '0-0';
  let heldBack: string | null = null;
  try {
    while (!signal.aborted) {
      try {
        const now = await feed({ ...options, spoolOf });
        if (now === null && heldBack !== null) log.info('feeder: goes on');
        else if (now !== null && heldBack === null) log.warn(`feeder: adds nothing, ${now}`);
        heldBack = now;
        await closeFinished(spools, await ledger.active());
        lastEvent = await nextEvent(blocking, eventsKey, lastEvent);
      } catch (error) {
        if (signal.aborted) break;
        log.warn({ err: error }, 'feeder: trying again');
        await new Promise((resolve) => setTimeout(resolve, TIMER_MS));
      }
    }
  } finally {
    await closeFinished(spools, []);
  }
}

/** Waits for a job change, at most until the timer; returns the id of the last one seen. */
async function nextEvent(blocking: Redis, key: string, last: string): Promise<string> {
  // The newest entry is enough: what changed is read from the ledger.
  const reply = await blocking.call('XREAD', 'COUNT', 1000, 'BLOCK', TIMER_MS, 'STREAMS', key, last);
  if (reply === null) return last;
  const [newest] = await blocking.xrevrange(key, '+', '-', 'COUNT', 1);
  return newest?.[0] ?? last;
}

async function closeFinished(spools: Map<string, Spool>, active: readonly string[]): Promise<void> {
  const open = new Set(active);
  for (const [job, spool] of spools) {
    if (open.has(job)) continue;
    spools.delete(job);
    await spool.close();
  }
}
