import { setInterval } from 'node:timers/promises';
import type { Befriend } from '../befriend.ts';
import type { JobStatus } from '../domain/job.ts';
import type { Job } from '../job.ts';
import type { Outlook } from '../jobs/outlook.ts';
import { within } from '../redis/in-time.ts';
import { AWAY_MS } from '../redis/presence.ts';
import type { Report } from '../results/report.ts';
import { wordsOf } from './command-words.ts';
import { openPace } from './pace.ts';
import { awayLine, jobLines, type Progress } from './progress.ts';

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
      const asked = performance.now();
      const answer = look(befriend, job);
      while ((await within(answer, AWAY_MS)) === null && !over.signal.aborted) {
        progress.show(awayLine((performance.now() - asked) / 1000));
      }
      if (over.signal.aborted) return;
      const { status, outlook } = await answer;
      progress.show(...jobLines(wordsOf(status.operation).join(' '), paceOf(status, outlook, performance.now())));
    }
  };
  try {
    const [report] = await Promise.all([done, show().catch(ignoreAbort)]);
    return report;
  } finally {
    progress.end();
  }
}

async function look(befriend: Befriend, job: Job): Promise<{ status: JobStatus; outlook: Outlook }> {
  const status = await job.status();
  return { status, outlook: await befriend.outlook(status.operation) };
}

function ignoreAbort(error: Error): void {
  if (error.name !== 'AbortError') throw error;
}
