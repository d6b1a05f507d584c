import { setInterval } from 'node:timers/promises';
import type { Befriend } from '../befriend.ts';
import type { Job } from '../job.ts';
import type { Report } from '../results/report.ts';
import { openPace } from './pace.ts';
import { jobLines, type Progress } from './progress.ts';

const LOOK_MS = 500;

export interface WatchOptions {
  progress: Progress;
  /** Whether this process makes the calls. */
  here: boolean;
  signal?: AbortSignal;
}

/** Shows a job's progress until it is over. Rejects when the signal is aborted before that. */
export async function watch(befriend: Befriend, job: Job, { progress, here, signal }: WatchOptions): Promise<Report> {
  const paceOf = openPace(here);
  const over = new AbortController();
  const done = job.done(signal).finally(() => over.abort());
  const show = async (): Promise<void> => {
    for await (const _ of setInterval(LOOK_MS, undefined, { signal: over.signal })) {
      const status = await job.status();
      const pace = paceOf(status, await befriend.outlook(status.operation), performance.now());
      if (!over.signal.aborted) progress.show(...jobLines(status.operation, pace));
    }
  };
  try {
    const [report] = await Promise.all([done, show().catch(ignoreAbort)]);
    return report;
  } finally {
    progress.end();
  }
}

function ignoreAbort(error: Error): void {
  if (error.name !== 'AbortError') throw error;
}
