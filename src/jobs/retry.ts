import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { mayPass } from '../chat/codes.ts';
import type { JobStatus, Priority } from '../domain/job.ts';
import type { Outcome } from '../domain/outcome.ts';
import { type Totals, totalsWithRetries } from '../domain/totals.ts';
import { IntakeError } from '../intake/error.ts';
import { RESULTS_FILE } from '../results/file.ts';
import { followOutcomes } from '../results/follow.ts';
import { type Report, reportOf } from '../results/report.ts';
import { jobFolder } from './home.ts';
import type { Ledger } from './ledger.ts';
import { createJob, JobElsewhere, type Submitted, type SubmitParts } from './submit.ts';

export interface RetryAsked {
  /** Also the rows that failed for good. Default false. */
  all?: boolean;
  /** For people; default: the name of the job that is retried, where it was given one. */
  name?: string;
  /** Default: that of the job that is retried. */
  priority?: Priority;
}

/** The job cannot be retried now, or was already. The text says what to do instead. */
export class RetryRefused extends Error {
  override name = 'RetryRefused';
}

/** The job has no row to run again. */
export class NothingToRetry extends Error {
  override name = 'NothingToRetry';
  /** Of the job that has none to run again. Rows of it that failed, failed for good. */
  readonly report: Report;

  constructor(message: string, report: Report) {
    super(message);
    this.report = report;
  }
}

/**
 * Which rows of a job a retry takes: those that may pass now, those that failed for good, or both. A row is taken by
 * one retry of its job only; that retry can be retried in turn.
 */
export type RetryRows = 'may-pass' | 'permanent' | 'all';

/** Whether a retry of `rows` takes a row that ended so. */
export function takesRow(rows: RetryRows, { status, code }: Pick<Outcome, 'status' | 'code'>): boolean {
  if (status === 'ok' || status === 'satisfied' || status === 'pending') return false;
  const may = status !== 'failed' || code === null || mayPass(code);
  return rows === 'all' || may === (rows === 'may-pass');
}

/**
 * Runs rows of a job that is over again, as a job of their own with the same operation, options and fields. The same
 * call while that job is unfinished finds it.
 * @throws RetryRefused, NothingToRetry, JobElsewhere, IntakeError: nothing was submitted
 */
export async function retryJob(parent: JobStatus, asked: RetryAsked, parts: SubmitParts): Promise<Submitted> {
  mustBeOver(parent);
  if (notHolding(parent) === 0) throw allHold(parent, parts);
  const found = await untaken(parent, asked.all === true, parts.ledger);
  if ('by' in found) {
    if (isFinal(found.by)) throw await retriedAlready(parent, found.by, parts.ledger);
    await mustBeHere(parts.home, found.by.id);
    return { kind: 'existing', job: found.by.id, prepared: null };
  }
  await mustBeHere(parts.home, parent.id);
  const made = await createRetry(parent, found.rows, asked, parts);
  // Somebody retried it at the same instant: theirs is found now.
  return made.kind === 'created' ? made : retryJob(parent, asked, parts);
}

/** The rows that no retry of the job has taken yet, or the retry that has them. */
async function untaken(
  parent: JobStatus,
  all: boolean,
  ledger: Ledger,
): Promise<{ rows: RetryRows } | { by: JobStatus }> {
  const first = await retryNamed(parent.id, 'first', ledger);
  if (first === null) return { rows: all ? 'all' : 'may-pass' };
  if (!all || leftBy(parent, first) === 0) return { by: first };
  const second = await retryNamed(parent.id, 'rest', ledger);
  return second === null ? { rows: 'permanent' } : { by: second };
}

/** Rows that do not hold, and that its first retry did not take: all of them failed for good. */
const leftBy = (parent: JobStatus, first: JobStatus): number => notHolding(parent) - first.accepted;

/** The first retry of a job takes what may pass, or all; another one takes what the first one left. */
type Turn = 'first' | 'rest';

/** The identity of a retry: a key that names one job for good. */
const keyOf = (parent: string, turn: Turn): string =>
  createHash('sha256')
    .update(JSON.stringify(['retry', parent, turn]))
    .digest('hex');

async function retryNamed(parent: string, turn: Turn, ledger: Ledger): Promise<JobStatus | null> {
  const id = await ledger.find(keyOf(parent, turn));
  return id === null ? null : ledger.status(id);
}

function createRetry(parent: JobStatus, rows: RetryRows, asked: RetryAsked, parts: SubmitParts): Promise<Submitted> {
  const { id, operation, options } = parent;
  const results = join(jobFolder(parts.home, id), RESULTS_FILE);
  const { chosen, failedForGood } = chooseRows(parent, rows, results);
  const key = keyOf(id, rows === 'permanent' ? 'rest' : 'first');
  const name = asked.name ?? (parent.name === id ? undefined : parent.name);
  return createJob(
    { kind: 'again', spool: jobFolder(parts.home, id), chosen },
    { operation, options, name, priority: asked.priority ?? parent.priority },
    ({ totals }) => {
      if (totals.accepted === 0) throw noneMayPass(parent, failedForGood, parts);
      return { key, fingerprint: key, makesRoom: 'none', retryOf: id };
    },
    parts,
  );
}

/** The rows to run again, as a stream, and what was passed over on the way: rows that failed for good, by code. */
function chooseRows(parent: JobStatus, rows: RetryRows, path: string) {
  const failedForGood = new Map<number, number>();
  async function* chosen(): AsyncGenerator<Outcome> {
    let outcomes = 0;
    try {
      for await (const outcome of followOutcomes(path, async () => true)) {
        outcomes += 1;
        const { status, code } = outcome;
        if (takesRow(rows, outcome)) yield outcome;
        else if (status === 'failed' && code !== null) failedForGood.set(code, (failedForGood.get(code) ?? 0) + 1);
      }
    } catch (error) {
      if (error instanceof SyntaxError) throw damaged(path, `line ${outcomes + 1} is not JSON`);
      throw error;
    }
    // A row that has no outcome there would silently be left out.
    if (outcomes !== parent.accepted) throw damaged(path, `it has ${outcomes} of ${parent.accepted} outcomes`);
  }
  return { chosen: chosen(), failedForGood };
}

const damaged = (path: string, what: string): IntakeError =>
  damagedResults(
    path,
    `${what}. Nothing was submitted: what is to run again cannot be told from it. Make a file of these rows and run that`,
  );

export const damagedResults = (path: string, what: string): IntakeError =>
  new IntakeError('unreadable', `${path} was changed or damaged: ${what}`);

const isFinal = ({ state }: JobStatus): boolean => state === 'completed' || state === 'cancelled';
const notHolding = ({ totals }: JobStatus): number => totals.failed + totals.unknown + totals.skipped;

function mustBeOver(job: JobStatus): void {
  const { id, state } = job;
  if (state === 'running') {
    throw new RetryRefused(
      `Job ${id} is not over: it is running, and tries again by itself what may pass. Wait for its end (befriend status ` +
        `${id} --watch where workers run; elsewhere the command that began it again), or end it with befriend cancel ` +
        `${id}; then retry it.`,
    );
  }
  if (!isFinal(job)) {
    throw new RetryRefused(
      `Job ${id} is not over: it is ${state}. Go on with it (the command that began it again, or befriend resume ${id} ` +
        `where workers run), or end it with befriend cancel ${id}: rows never sent become skipped, and can be retried.`,
    );
  }
  if (!job.delivered) {
    throw new RetryRefused(
      `Job ${id} was cancelled, and its last rows are not settled yet. befriend status ${id} --watch waits for that ` +
        `where workers run; elsewhere befriend cancel ${id} settles them. Then retry it.`,
    );
  }
}

/** The last of the retries of a retry: what became of the rows in the end. */
async function lastOf(job: JobStatus, ledger: Ledger): Promise<JobStatus> {
  const next = (await retryNamed(job.id, 'rest', ledger)) ?? (await retryNamed(job.id, 'first', ledger));
  return next === null ? job : lastOf(next, ledger);
}

/** The retries of a job, and which of its rows they took together; null: none was. */
export async function retriesNamed(
  job: JobStatus,
  ledger: Ledger,
): Promise<{ retries: JobStatus[]; rows: RetryRows | null }> {
  const first = await retryNamed(job.id, 'first', ledger);
  if (first === null) return { retries: [], rows: null };
  const rest = await retryNamed(job.id, 'rest', ledger);
  if (rest !== null) return { retries: [first, rest], rows: 'all' };
  return { retries: [first], rows: leftBy(job, first) === 0 ? 'all' : 'may-pass' };
}

/** What of a job's rows was run again; null: nothing. */
export async function retriesOf(job: JobStatus, ledger: Ledger): Promise<NonNullable<Report['retried']> | null> {
  const { retries, rows } = isFinal(job) && notHolding(job) > 0 ? await retriesNamed(job, ledger) : NO_RETRIES;
  if (rows === null) return null;
  const by = (await lastOf(retries.at(-1)!, ledger)).id;
  const left = rows === 'all' ? 0 : leftBy(job, retries[0]!);
  return { by, left, totals: await totalsInAll(job, ledger) };
}

const NO_RETRIES = { retries: [], rows: null };

/** Of a job's rows, with those that were run again as they ended in the last of its retries. */
async function totalsInAll(job: JobStatus, ledger: Ledger): Promise<Totals> {
  const { retries, rows } = await retriesNamed(job, ledger);
  if (rows === null) return job.totals;
  const [first, rest] = await Promise.all(retries.map((retry) => totalsInAll(retry, ledger)));
  return totalsWithRetries(job.totals, first!, rest ?? null);
}

async function retriedAlready(parent: JobStatus, first: JobStatus, ledger: Ledger): Promise<RetryRefused> {
  const left = leftBy(parent, first);
  const rest = left > 0 && (await retryNamed(parent.id, 'rest', ledger)) === null;
  const last = await lastOf(first, ledger);
  const sentences = [
    `Job ${parent.id} was retried already, by job ${first.id}${last.id === first.id ? '' : `, whose last retry is ${last.id}`}.`,
    fateOf(last),
    ...(rest ? [`befriend retry ${parent.id} --all runs the rows that failed for good before (${left}).`] : []),
  ];
  return new RetryRefused(sentences.join(' '));
}

function fateOf(job: JobStatus): string {
  if (!isFinal(job)) return `That is ${job.state}.`;
  const bad = notHolding(job);
  if (bad === 0) return 'Every row of that holds or waits for its peer.';
  return (
    `${bad} of its ${job.accepted} rows did not pass: befriend retry ${job.id} takes it from there (with --all also what ` +
    'failed for good).'
  );
}

function allHold(job: JobStatus, parts: SubmitParts): NothingToRetry {
  const text = `Nothing to retry: every row of job ${job.id} holds or waits for its peer.`;
  return new NothingToRetry(text, parentReport(job, parts));
}

function parentReport(job: JobStatus, { home, wallClock }: SubmitParts): Report {
  const results = join(jobFolder(home, job.id), RESULTS_FILE);
  return reportOf(job, { results, rejects: null }, wallClock());
}

/** Codes named in a message. */
const EXAMPLES = 3;

function noneMayPass(
  parent: JobStatus,
  failedForGood: ReadonlyMap<number, number>,
  parts: SubmitParts,
): NothingToRetry {
  const codes = [...failedForGood].toSorted(([, a], [, b]) => b - a);
  const named = codes.slice(0, EXAMPLES).map(([code, rows]) => `${rows} × ${code}`);
  const more = codes.length > EXAMPLES ? ', …' : '';
  return new NothingToRetry(
    `Nothing to retry in job ${parent.id}: what does not hold failed for good (${named.join(', ')}${more}). befriend ` +
      `retry ${parent.id} --all runs that too, once the cause is mended.`,
    parentReport(parent, parts),
  );
}

/** @param needs who needs the files, for the message */
export async function mustBeHere(home: string, job: string, needs = 'a retry'): Promise<void> {
  const here = await stat(jobFolder(home, job)).catch(() => null);
  if (here !== null) return;
  throw new JobElsewhere(
    `The input and results of job ${job} are not in this home (${home}), and ${needs} needs them. Set BEFRIEND_HOME to ` +
      'the home it was submitted from. If they were removed, make a file of the rows and run that.',
  );
}
