import { setInterval } from 'node:timers/promises';
import type { Job } from '../befriend.ts';
import type { Report } from '../results/report.ts';
import { type Progress, progressLine, type Rate } from './progress.ts';

const LOOK_MS = 500;

/** Shows a job's progress until it is over. Rejects when the signal is aborted before that. */
export async function watch(job: Job, rate: Rate, progress: Progress, signal?: AbortSignal): Promise<Report> {
  const line = progressLine(rate);
  const over = new AbortController();
  const done = job.done(signal).finally(() => over.abort());
  const show = async (): Promise<void> => {
    for await (const _ of setInterval(LOOK_MS, undefined, { signal: over.signal })) {
      progress.show(...line(await job.status(), Date.now()));
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
