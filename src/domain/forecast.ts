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

/**
 * Seconds until `mine` calls are made while `others` run beside them: running jobs share the limit equally, and the
 * share of one that is done goes to those that are left. `callsPerSecond` is what all of them get together.
 */
export function secondsBeside(mine: number, others: readonly number[], callsPerSecond: number): number {
  const before = others.reduce((sum, calls) => sum + Math.min(calls, mine), 0);
  return (mine + before) / callsPerSecond;
}
