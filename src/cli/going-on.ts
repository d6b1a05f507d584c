import type { JobState, JobStatus } from '../domain/job.ts';
import { count, plural } from './figures.ts';

const FOUND: Record<JobState, string> = {
  paused: 'was paused',
  stopped: 'had stopped',
  running: 'had been begun',
  completed: 'was completed already',
  cancelled: 'was cancelled',
};

/** Of a job that a command did not make but found: as it was then, and what is left of it. */
export function goingOn({ id, state, totals, retryOf }: JobStatus, what: 'row' | 'account'): string {
  const found = `job ${id}${retryOf === undefined ? '' : `, a retry of ${retryOf},`} ${FOUND[state]}`;
  const over = state === 'completed' || state === 'cancelled';
  if (over && totals.open === 0) return `${found}: none of its ${plural(totals.accepted, what)} is open`;
  // Of a job that was paused while its last calls came in none may be open, and yet it is not over.
  const open = `its ${plural(totals.open, `open ${what}`)} of ${count(totals.accepted)} accepted`;
  return `${found}: ${over ? 'ending' : 'going on with'} ${open}`;
}
