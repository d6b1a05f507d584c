/**
 * befriend as a library: open it, submit rows, follow outcomes of a job, or consume those of all (`befriend.consume`).
 *
 * @example
 * const befriend = await openBefriend(); // settings from the environment, as the command line's
 * befriend.work();
 * const job = await befriend.submit({ kind: 'rows', rows: [{ from: 'a', to: 'b' }] }, { operation: 'import' });
 * for await (const { from, to, status } of job.outcomes()) console.log(from, to, status);
 * console.log((await job.done()).totals);
 * await befriend.close();
 */
export {
  type Befriend,
  openBefriend,
  type OpenOptions,
  type RetrySettings,
  type SubmitSettings,
  type SubmittedJob,
} from './befriend.ts';
export type { Friend, FriendFields } from './chat/friend-data.ts';
export type { ProbeVerdict } from './chat/probe.ts';
export {
  type AppConfig,
  type CallConfig,
  type ChatConfig,
  type Config,
  ConfigError,
  readConfig,
  readEnvironment,
} from './config.ts';
export type { GroupStanding } from './domain/backlog.ts';
export type { CallCounts, JobDescriptor, JobState, JobStatus, Priority } from './domain/job.ts';
export type { OperationName, OperationOptions } from './domain/operation.ts';
export type { AccountStatus, Outcome, Relation, Status } from './domain/outcome.ts';
export type { Secret } from './domain/secret.ts';
export type { IntakeTotals, Totals } from './domain/totals.ts';
export { type IntakeCode, IntakeError } from './intake/error.ts';
export type { Prepared } from './intake/prepare.ts';
export type { RejectExample, RejectKind, RejectSummary } from './intake/rejects.ts';
export type { AccountInput, PairInput, RowInput } from './intake/row.ts';
export type { Source } from './intake/source.ts';
export type { Allowance } from './jobs/allowance.ts';
export { type ConsumeSettings, type Delivery, FellBehind } from './jobs/consume.ts';
export { HandoverFailed } from './jobs/hand-over.ts';
export { HomeError } from './jobs/home.ts';
export type { Outlook } from './jobs/outlook.ts';
export type { Pruned, PruneAsked, PrunedFolder } from './jobs/prune.ts';
export type { Role } from './domain/role.ts';
export type { Roles, Tuning } from './jobs/roles.ts';
export { NothingToRetry, type RetryAsked, RetryRefused } from './jobs/retry.ts';
export { ResultsGone } from './results/follow.ts';
export { JobElsewhere, KeyConflict, type Submission } from './jobs/submit.ts';
export type { Stranger, Whereabouts } from './jobs/whereabouts.ts';
export type { WorkerFigures } from './jobs/worker-figures.ts';
export { type Job, JobBraked, JobNotFound } from './job.ts';
export { createLog, type Log, type LogLevel } from './log.ts';
export { RedisError } from './redis/connection.ts';
export type { Report } from './results/report.ts';
