import { runningJobs } from '../domain/forecast.ts';
import type { JobStatus } from '../domain/job.ts';
import { OPERATIONS } from '../domain/operation.ts';
import { sharesOf } from '../domain/shares.ts';
import { count } from './figures.ts';
import { fold } from './fold.ts';
import { percent } from './rate-in-force.ts';

/** Which share of its command's calls each job has now; null where it does not run, or no worker feeds it. */
export function sharesAmong(all: readonly JobStatus[]): (number | null)[] {
  return all.map(({ id, operation }) => {
    const jobs = runningJobs(OPERATIONS[operation].command, all);
    return sharesOf(jobs)[jobs.findIndex((one) => one.id === id)] ?? null;
  });
}

/** On a terminal within its width; else a line a job, for programs that read lines. */
export function jobTable(
  all: readonly JobStatus[],
  shares: readonly (number | null)[],
  { isTTY, columns }: NodeJS.WriteStream,
): string {
  const longest = Math.max(...all.map(({ id }) => id.length));
  const width = isTTY ? (columns || 80) - 1 : Infinity;
  return all.map((job, n) => `${jobLine(job, shares[n]!, { longest, width })}\n`).join('');
}

function jobLine(
  { id, name, state, priority, totals, retryOf }: JobStatus,
  share: number | null,
  { longest, width }: { longest: number; width: number },
): string {
  const done = totals.accepted - totals.open;
  const bad = (['failed', 'unknown', 'skipped'] as const).filter((word) => totals[word] > 0);
  const noted = bad.map((word) => `, ${count(totals[word])} ${word}`).join('');
  const over = state === 'completed' || state === 'cancelled';
  const apart = over || (priority === 'normal' && (share === null || share === 1)) ? '' : `, ${priority} priority`;
  const part = share === null || share === 0 || share === 1 ? '' : `: ${percent(share)} of the calls`;
  const what = `${id.padEnd(longest)}  ${state.padEnd(9)}  ${count(done)}/${count(totals.accepted)} rows${noted}${apart}${part}`;
  const more = [
    ...(name === id || name === '' ? [] : [name]),
    ...(retryOf === undefined ? [] : [`retry of ${retryOf}`]),
  ];
  const line = [what, ...more].join('  ');
  return line.length <= width
    ? line
    : [what, ...more.map((text) => `    ${text}`)].map((text) => fold(text, width, '    ')).join('\n');
}
