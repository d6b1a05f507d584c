import { setTimeout as wait } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { KeepLimits } from '../domain/retention.ts';
import type { Pruned } from './prune.ts';

/** What is kept of jobs that are over, as the settings say. Null: all. */
export interface Keep {
  keepDays: number | null;
  keepGigabytes: number | null;
}

export type Expire = (signal: AbortSignal) => Promise<Pruned>;

const DAY_MS = 24 * 60 * 60 * 1000;
const EVERY_MS = 60 * 60 * 1000;

export const expires = ({ keepDays, keepGigabytes }: Keep): boolean => keepDays !== null || keepGigabytes !== null;

export function keepLimitsOf({ keepDays, keepGigabytes }: Keep): KeepLimits {
  return {
    olderThanMs: keepDays === null ? null : keepDays * DAY_MS,
    keepBytes: keepGigabytes === null ? null : keepGigabytes * 1e9,
  };
}

/** Removes what need not be kept any more, at the start and every hour, until stopped. */
export async function runExpiry(expire: Expire, log: Logger, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      const { jobs, held } = await expire(signal);
      for (const { job, bytes } of jobs) log.info({ job, bytes }, 'job pruned: it was over, and is kept no longer');
      if (held.length > 0) log.debug({ jobs: held }, 'prune: a durable group has outcomes of these to come');
    } catch (error) {
      if (!signal.aborted) log.warn({ err: error }, 'prune: trying again in an hour');
    }
    await wait(EVERY_MS, undefined, { signal, ref: false }).catch(() => {});
  }
}
