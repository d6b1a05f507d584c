/** What may be kept of jobs that are over. Null: no such limit. */
export interface KeepLimits {
  /** Since the end of the job. */
  olderThanMs: number | null;
  /** Of the files of all jobs that are over together. */
  keepBytes: number | null;
}

/** A job that is over, with every outcome in its file. */
export interface OverJob {
  id: string;
  /** Milliseconds since 1970. */
  finishedAt: number;
  /** Of its files in the home. */
  bytes: number;
  /** The job whose rows it ran again. */
  retryOf?: string;
  /** Somebody is not done with it: a durable group has outcomes of it to come. */
  held: boolean;
}

/** A Redis that loses its last second must find the files of jobs that ended in it. */
export const LEAST_AGE_MS = 60_000;

/**
 * Which of the jobs that are over go, oldest first: those that are too old, and those that are too much. A retry stays as
 * long as the job whose rows it ran: what says that these were run again goes with it.
 */
export function chooseExpired(jobs: readonly OverJob[], limits: KeepLimits, now: number): string[] {
  const { olderThanMs = null, keepBytes = null } = limits;
  const staying = new Set(jobs.map(({ id }) => id));
  let bytes = jobs.reduce((sum, job) => sum + job.bytes, 0);
  const expired: string[] = [];
  for (const job of jobs.toSorted((a, b) => a.finishedAt - b.finishedAt)) {
    const age = now - job.finishedAt;
    const tooOld = olderThanMs !== null && age >= olderThanMs;
    const tooMuch = keepBytes !== null && bytes > keepBytes;
    const needed = job.held || age < LEAST_AGE_MS || (job.retryOf !== undefined && staying.has(job.retryOf));
    if (needed || !(tooOld || tooMuch)) continue;
    expired.push(job.id);
    staying.delete(job.id);
    bytes -= job.bytes;
  }
  return expired;
}
