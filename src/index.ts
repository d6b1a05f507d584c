/**
 * befriend as a library: open it, submit rows, follow outcomes.
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
  type Job,
  JobNotFound,
  openBefriend,
  type OpenOptions,
  type SubmitSettings,
  type SubmittedJob,
} from './befriend.ts';
export { type AppConfig, type CallConfig, type Config, ConfigError, readConfig, readEnvironment } from './config.ts';
export type { JobState, JobStatus, Priority } from './domain/job.ts';
export type { OperationName, OperationOptions } from './domain/operation.ts';
export type { Outcome, Relation, Status } from './domain/outcome.ts';
export type { Totals } from './domain/totals.ts';
export { IntakeError } from './intake/error.ts';
export type { Prepared } from './intake/prepare.ts';
export type { RowInput } from './intake/row.ts';
export type { Source } from './intake/source.ts';
export type { Role, Roles } from './jobs/roles.ts';
export { KeyConflict } from './jobs/submit.ts';
export { createLog } from './log.ts';
export { RedisError } from './redis/connection.ts';
export type { Report } from './results/report.ts';
