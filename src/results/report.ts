import type { CallCounts, JobState, JobStatus, Priority } from '../domain/job.ts';
import { type OperationName, type OperationOptions, OPERATIONS } from '../domain/operation.ts';
import { ACCOUNT_STATUSES, type AccountStatus } from '../domain/outcome.ts';
import type { Totals } from '../domain/totals.ts';

/** What became of a job, as `--json` prints it. */
export interface Report {
  job: string;
  operation: OperationName;
  /** What the operation was asked for beside its rows; defaults are absent. */
  options: OperationOptions;
  /** The job whose rows these are, run again. */
  retryOf?: string;
  /**
   * The last retry of its rows, how many that did not pass no retry has taken yet, and what became of all of them in the
   * end; only where there is one.
   */
  retried?: { by: string; left: number; totals: Totals };
  priority: Priority;
  state: JobState;
  /** Why the state is what it is, where something said so. */
  reason?: string;
  totals: Totals;
  /** Rows by the service's code, other than 0. */
  codes: Record<string, number>;
  /** Rows by relation, of a check. */
  relations: Record<string, number>;
  /** Rows with a relation other than those that were expected; only where some were. */
  unexpected?: number;
  /** Rows by AccountStatus; only of a check of accounts. */
  accounts?: Record<AccountStatus, number>;
  calls: CallCounts;
  /** From submission to the end, or to now. */
  seconds: number;
  callsPerSecond: number;
  results: string | null;
  rejects: string | null;
}

export function reportOf(
  job: JobStatus,
  files: { results: string | null; rejects: string | null },
  nowMs: number,
): Report {
  const end = job.finishedAt === '' ? nowMs : Date.parse(job.finishedAt);
  const seconds = Math.max(0, end - Date.parse(job.createdAt)) / 1000;
  return {
    job: job.id,
    operation: job.operation,
    options: job.options,
    ...(job.retryOf !== undefined && { retryOf: job.retryOf }),
    priority: job.priority,
    state: job.state,
    ...(job.reason !== '' && { reason: job.reason }),
    totals: job.totals,
    codes: job.codes,
    relations: job.relations,
    ...(OPERATIONS[job.operation].tells === 'account' && { accounts: accountsOf(job.accounts) }),
    calls: job.calls,
    seconds: Math.round(seconds * 1000) / 1000,
    callsPerSecond: seconds === 0 ? 0 : Math.round((job.calls.made / seconds) * 10) / 10,
    ...files,
  };
}

/** Both statuses, also where no account has one of them. */
function accountsOf(counted: Record<string, number>): Record<AccountStatus, number> {
  const counts = ACCOUNT_STATUSES.map((status) => [status, counted[status] ?? 0] as const);
  return Object.fromEntries(counts) as Record<AccountStatus, number>;
}

/** Whether the failure brake stopped the job: its reason then begins so (`jobs/record.lua`). */
export function isBraked({ state, reason }: Pick<Report, 'state' | 'reason'>): boolean {
  return state === 'stopped' && reason !== undefined && reason.startsWith('failure brake:');
}

/** 0: every row holds or waits for its peer, none invalid or unexpected. 1: finished with others. 3: not finished. */
export function exitCodeOf(report: Report, allowRejects: boolean): 0 | 1 | 3 {
  if (report.state !== 'completed') return 3;
  const { failed, unknown, skipped, open, invalid } = report.totals;
  return failed + unknown + skipped + open + (report.unexpected ?? 0) > 0 || (invalid > 0 && !allowRejects) ? 1 : 0;
}
