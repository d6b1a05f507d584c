import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { JobState, JobStatus, Priority, Steering } from './domain/job.ts';
import type { Outcome } from './domain/outcome.ts';
import { jobFolder, REJECTS_FILE } from './jobs/home.ts';
import type { Ledger } from './jobs/ledger.ts';
import { JobElsewhere } from './jobs/submit.ts';
import { unlessAborted } from './redis/in-time.ts';
import { RESULTS_FILE } from './results/file.ts';
import { followLines, followOutcomes } from './results/follow.ts';
import { isPruned } from './jobs/prune.ts';
import { retriesOf } from './jobs/retry.ts';
import { linesWithRetries } from './jobs/with-retries.ts';
import { type Report, reportOf } from './results/report.ts';

/** A job, submitted or found. */
export interface Job {
  readonly id: string;
  /** Its files in the home; null when there is none (yet). */
  files(): Promise<{ results: string | null; rejects: string | null }>;
  /** State and totals, as the ledger has them now. @throws JobNotFound */
  status(): Promise<JobStatus>;
  report(): Promise<Report>;
  /**
   * Every outcome, one a row, from the first on; ends when the job is over, paused or stopped. While the job runs a row may come twice
   * after Redis has lost a tail: upsert by (job, from, to). Order is not promised.
   */
  outcomes(): AsyncGenerator<Outcome>;
  /**
   * The same as whole lines of JSON, some at a time. `follow: false` ends with what is there now. `withRetries`: rows that
   * were run again as they ended in the last retry of theirs, so still one line a row.
   */
  lines(options?: { follow?: boolean; withRetries?: boolean }): AsyncGenerator<Buffer>;
  /**
   * The report once the job is over (completed, or cancelled and settled), paused or stopped. Right after a pause or a
   * stop, calls in hand may still come in.
   */
  done(signal?: AbortSignal): Promise<Report>;
  /** No new call after 2 s; those in flight are answered and recorded. @returns the state now */
  pause(reason?: string): Promise<JobState>;
  /**
   * Goes on with a paused or stopped job. @throws JobBraked when the failure brake stopped it, unless by `force`: then it
   * is not braked again
   */
  resume(options?: { force?: boolean }): Promise<JobState>;
  /** No new call after 2 s. Rows never sent are settled as `skipped`. Final. */
  cancel(): Promise<JobState>;
  /**
   * Changes its share of the command's calls, also while it runs: within the ready window, about two seconds. Nothing
   * changes when the job is over. @returns the state now
   */
  prioritize(priority: Priority): Promise<JobState>;
}

/** The failure brake has stopped the job, and nobody said that it may go on all the same. */
export class JobBraked extends Error {
  override name = 'JobBraked';

  constructor(id: string) {
    super(
      `Job ${id} was stopped by the failure brake: most of its first rows failed. befriend results ${id} --status ` +
        `failed,unknown shows them. If that is as it should be, befriend resume ${id} --force goes on, or befriend cancel ` +
        `${id} ends it.`,
    );
  }
}

/** No job of that id in this app's ledger. */
export class JobNotFound extends Error {
  override name = 'JobNotFound';
}

/** How often `done` looks at the ledger. */
const LOOK_MS = 50;

export interface JobParts {
  ledger: Ledger;
  home: string;
  /** What to say of an id that the ledger does not know. */
  notFound: (id: string) => Promise<JobNotFound>;
}

/** The job of an id, whether there is one or not: every question to it finds out. */
export function jobOf(id: string, { ledger, home, notFound }: JobParts): Job {
  const status = async (): Promise<JobStatus> => {
    const found = await ledger.status(id);
    // Redis may not have forgotten it yet: what is left of a pruned job is none.
    if (found === null || (await isPruned(home, id))) throw await notFound(id);
    return found;
  };
  const steer = async (
    event: Exclude<Steering, 'complete' | 'stop'>,
    reason = '',
    force = false,
  ): Promise<JobState> => {
    const steered = await ledger.steer(id, event, reason, force);
    if (steered === null) throw await notFound(id);
    if (steered.braked) throw new JobBraked(id);
    return steered.state;
  };
  const files = async () => {
    const folder = jobFolder(home, id);
    const [results, rejects] = await Promise.all(
      [RESULTS_FILE, REJECTS_FILE].map((name) => existing(join(folder, name))),
    );
    return { results: results ?? null, rejects: rejects ?? null };
  };
  const resultsPath = join(jobFolder(home, id), RESULTS_FILE);
  const report = async (): Promise<Report> => {
    const found = await status();
    const retried = await retriesOf(found, ledger);
    return { ...reportOf(found, await files(), Date.now()), ...(retried && { retried }) };
  };
  const over = async () => !isMoving(await status());
  const mustBeHere = async () => {
    if ((await existing(jobFolder(home, id))) !== undefined) return;
    throw new JobElsewhere(
      `The results of job ${id} are in the home it was submitted from, not in ${home}; of rows that came through Redis, in ` +
        'that of the worker that took them. Run this with BEFRIEND_HOME set to it, where it is.',
    );
  };
  return {
    id,
    files,
    status,
    report,
    async *outcomes() {
      await mustBeHere();
      yield* followOutcomes(resultsPath, over);
    },
    async *lines({ follow = true, withRetries = false } = {}) {
      await mustBeHere();
      if (!withRetries) return yield* followLines(resultsPath, follow ? over : async () => true);
      const overNow = async (job: string) => !follow || !isMoving((await ledger.status(job)) ?? (await status()));
      yield* linesWithRetries(await status(), { ledger, home, over: overNow });
    },
    async done(signal) {
      while (!(await unlessAborted(over(), signal))) await wait(LOOK_MS, undefined, { signal });
      return report();
    },
    pause: (reason = 'by the user') => steer('pause', reason),
    resume: ({ force = false } = {}) => steer('resume', '', force),
    cancel: () => steer('cancel'),
    async prioritize(priority) {
      const found = await ledger.prioritize(id, priority);
      if (found === null) throw await notFound(id);
      return found.state;
    },
  };
}

/** Something may still happen to it without anybody's command. */
function isMoving({ state, delivered }: JobStatus): boolean {
  return state === 'running' || (state === 'cancelled' && !delivered);
}

async function existing(path: string): Promise<string | undefined> {
  return stat(path).then(
    () => path,
    () => undefined,
  );
}
