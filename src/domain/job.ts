import type { OperationName, OperationOptions } from './operation.ts';
import type { Totals } from './totals.ts';

/**
 * The states of a job. Rows of a job in any state but `completed` may still be open.
 *
 * | state | entered when | left when | after a crash |
 * |---|---|---|---|
 * | running | submitted; resumed | every row is settled and its outcome durable; a command | stays |
 * | paused | `pause` | `resume`, `cancel` | stays |
 * | stopped | credentials fault, failure brake | `resume` after the fix, `cancel` | stays |
 * | cancelled | `cancel` | final: rows never sent are settled as `skipped`, nothing is called any more | stays |
 * | completed | the recorder has every outcome on disk | final | final |
 */
export type JobState = 'running' | 'paused' | 'stopped' | 'cancelled' | 'completed';

export type Steering = 'pause' | 'resume' | 'cancel' | 'stop' | 'complete';

/** Who may change what: the one table of transitions. `by` says which part of befriend asks for it. */
export const TRANSITIONS: Record<Steering, { from: readonly JobState[]; to: JobState; by: string }> = {
  pause: { from: ['running'], to: 'paused', by: 'the user' },
  resume: { from: ['paused', 'stopped'], to: 'running', by: 'the user' },
  cancel: { from: ['running', 'paused', 'stopped'], to: 'cancelled', by: 'the user' },
  stop: { from: ['running'], to: 'stopped', by: 'a caller, on a credentials fault or the failure brake' },
  complete: { from: ['running'], to: 'completed', by: 'the recorder' },
};

export type Priority = 'high' | 'normal' | 'low';

/** What a job is, fixed at submit. */
export interface JobDescriptor {
  id: string;
  name: string;
  operation: OperationName;
  options: OperationOptions;
  priority: Priority;
  /** Same key, same job. Either the user's idempotency key or the digest of operation, options and content. */
  key: string;
  /** Digest of operation, options and content: what a repeated key must agree with. */
  fingerprint: string;
  /** Chunks of the spool, numbered from 0. */
  chunks: number;
  /** Counts of intake. */
  rows: number;
  invalid: number;
  duplicate: number;
  accepted: number;
  /** The accounts of its rows were all there before it was made. */
  preflight?: true;
  /** ISO 8601. */
  createdAt: string;
  /** The job whose rows these are: they run again. */
  retryOf?: string;
}

/** Calls of a job. One that never left this machine is none. */
export interface CallCounts {
  /** One a chunk. */
  planned: number;
  /** Of the operation's own command. */
  made: number;
  throttled: number;
  retried: number;
  /** Reads of other commands that it took to settle rows: accounts in doubt, writes in doubt. */
  lookups: number;
}

/** What a job is doing now: descriptor, state and totals, as the ledger has them. */
export interface JobStatus extends JobDescriptor {
  state: JobState;
  /** Why it is in this state, where somebody or something said so. */
  reason: string;
  totals: Totals;
  codes: Record<string, number>;
  relations: Record<string, number>;
  /** Rows by AccountStatus, of a check of accounts. */
  accounts: Record<string, number>;
  calls: CallCounts;
  /** Chunks with nothing open any more. */
  closed: number;
  /** A worker feeds its chunks to the queue, or has fed all of them. */
  fed: boolean;
  /** Every outcome is in the results file, durable. */
  delivered: boolean;
  /** ISO 8601; empty while rows are open or not delivered. */
  finishedAt: string;
}
