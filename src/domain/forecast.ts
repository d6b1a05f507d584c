import type { JobStatus, Priority } from './job.ts';
import { OPERATIONS } from './operation.ts';
import { WEIGHT } from './shares.ts';

/** Calls of one job: how many chunks it has, and how its calls went so far. */
export interface CallsSoFar {
  planned: number;
  /** Chunks with nothing open any more. */
  closed: number;
  made: number;
  retried: number;
}

/** However badly it went so far, a call is not expected to be made more often than this. */
const MOST_TRIES = 10;

/** Calls that a job still needs, if further calls for the same rows come as often as they did so far. */
export function callsLeft({ planned, closed, made, retried }: CallsSoFar): number {
  const tries = made === 0 ? 1 : Math.min(made / (made - retried), MOST_TRIES);
  return Math.ceil((planned - closed) * tries);
}

/** One of the running jobs of a command, which share its calls. */
export interface RunningJob {
  id: string;
  priority: Priority;
  callsLeft: number;
  made: number;
}

/**
 * Running jobs of a command that share its calls: those that are fed. Where none is, because no worker runs, all of
 * them: they will share when one comes.
 */
export function runningJobs(command: string, all: readonly JobStatus[]): RunningJob[] {
  const running = all.filter(
    ({ state, operation }) => state === 'running' && OPERATIONS[operation].command === command,
  );
  const fed = running.filter((job) => job.fed);
  return (fed.length > 0 ? fed : running).map(({ id, priority, calls, closed }) => ({
    id,
    priority,
    callsLeft: callsLeft({ ...calls, closed }),
    made: calls.made,
  }));
}

/** A job as its calls go: how many, and at which weight. */
export interface Load {
  calls: number;
  priority: Priority;
}

/** What a running job has left to do. */
export const loadOf = ({ callsLeft: calls, priority }: { callsLeft: number; priority: Priority }): Load => ({
  calls,
  priority,
});

/**
 * Seconds until the calls of `mine` are made while `others` run beside them: running jobs share the limit by weight, and
 * the share of one that is done goes to those that are left. `callsPerSecond` is what all of them get together.
 */
export function secondsBeside(mine: Load, others: readonly Load[], callsPerSecond: number): number {
  // Until mine is done every other job gets as many calls per weight, or all that it has.
  const perWeight = mine.calls / WEIGHT[mine.priority];
  const beside = others.reduce((sum, { calls, priority }) => sum + Math.min(calls, perWeight * WEIGHT[priority]), 0);
  return (mine.calls + beside) / callsPerSecond;
}
