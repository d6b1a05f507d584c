import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Befriend, SubmittedJob } from '../befriend.ts';
import type { Priority } from '../domain/job.ts';
import type { Outcome } from '../domain/outcome.ts';
import { accountsOfSpool } from '../intake/accounts.ts';
import type { Prepared } from '../intake/prepare.ts';
import { JobBraked } from '../job.ts';
import { REJECTS_FILE } from '../jobs/home.ts';
import { ROLES } from '../domain/role.ts';
import type { Submission } from '../jobs/submit.ts';
import { isBraked } from '../results/report.ts';
import { type CliContext, EXIT, PreflightRefused } from './context.ts';
import { place, printFile } from './deliver.ts';
import { count, plural } from './figures.ts';
import { forecast } from './forecast.ts';
import { goingOn } from './going-on.ts';
import { plannedReport } from './planned.ts';

/** What a check of the accounts of an input found, before any row of it was written. */
export interface Preflight {
  /** The job that checked them; null where there was no account to check. */
  job: string | null;
  /** Accounts of the accepted rows, each counted once. */
  accounts: number;
  /** Those that are not in the app. */
  missing: number;
  /** Those that the service gave no answer about. */
  unchecked: number;
  /** Rows that name a missing account. */
  rowsTouched: number;
  /** The missing accounts, one a line; null where there are none. */
  file: string | null;
}

export interface PreflightParts {
  /** The name of the input. */
  base: string;
  looseIds?: boolean;
  /** Of its job: that of the rows. */
  priority: Priority;
  signal: AbortSignal;
  /** Shows a job until it is over. Rejects when it is interrupted. */
  follow: (job: SubmittedJob) => Promise<void>;
  /** A line for people. */
  say: (text: string) => void;
}

/** What a preflight came to: `refusal` unless every account is in the app; `found` null when it did not come to its end. */
export interface Checked {
  found: Preflight | null;
  refusal: PreflightRefused | null;
}

/** Where the missing accounts of an input are listed. */
export const missingPath = (base: string): string => `${base}.missing-accounts.txt`;

/**
 * Checks all accounts of a prepared input with a job of its own, which the same command goes on with after a crash.
 * Changes nothing at the service.
 */
export async function preflight(befriend: Befriend, prepared: Prepared, parts: PreflightParts): Promise<Checked> {
  const { base, signal, say } = parts;
  const accounts = await accountsOfSpool(prepared.dir, join(prepared.dir, 'preflight'), { signal });
  try {
    const job = accounts.count === 0 ? null : await checkAll(befriend, accounts.path, parts);
    if (job instanceof PreflightRefused) return { found: null, refusal: job };
    const results = job === null ? null : (await job.files()).results;
    const answers = { good: 0 };
    const path = missingPath(base);
    const { missing, rowsTouched } = await accounts.writeMissing(missingIn(results, answers), path);
    // Whatever the results do not say was not checked, also where they are cut short.
    const unchecked = accounts.count - answers.good;
    const file = missing > 0 ? path : null;
    const found = { job: job?.id ?? null, accounts: accounts.count, missing, unchecked, rowsTouched, file };
    if (missing + unchecked > 0) {
      return { found, refusal: new PreflightRefused(refusalText(base, found, prepared), EXIT.rowsFailed) };
    }
    say(
      `preflight of ${base}: ${accounts.count === 1 ? 'its account is' : `all ${count(found.accounts)} accounts are`} in the app`,
    );
    return { found, refusal: null };
  } finally {
    await accounts.remove();
  }
}

/** The check as a job, run to its end. */
async function checkAll(
  befriend: Befriend,
  path: string,
  parts: PreflightParts,
): Promise<SubmittedJob | PreflightRefused> {
  const { base, looseIds, priority, signal, follow, say } = parts;
  const source = { kind: 'file', path, format: 'jsonl' } as const;
  const job = await befriend.submit(source, {
    operation: 'accounts-check',
    name: `preflight of ${base}`,
    looseIds,
    priority,
    signal,
  });
  const found = await job.status();
  const { state, totals } = found;
  const checked = plural(totals.accepted, 'account');
  if (job.kind === 'created') say(`preflight of ${base}, job ${job.id}: checks ${checked}, writes nothing`);
  else say(`preflight of ${base}: ${goingOn(found, 'account')}`);
  if (state === 'paused' || state === 'stopped') await job.resume();
  // This job alone: others of the home may be writes, and this command writes nothing before the check has passed.
  const roles = befriend.work(ROLES, { only: { id: job.id, operation: 'accounts-check' } });
  await follow(job).finally(() => roles.stop());
  const report = await job.report();
  if (report.state === 'completed') return job;
  const notEnded = `the preflight of ${base} has not come to its end`;
  if (isBraked(report)) {
    return new PreflightRefused(`${notEnded}. ${new JobBraked(job.id).message} Nothing was written.`, EXIT.stopped);
  }
  const why = report.reason ? ` (${report.reason})` : '';
  return new PreflightRefused(
    `${notEnded}: job ${job.id} is ${report.state}${why}. Nothing was written. ` +
      `The same command again ${report.state === 'cancelled' ? 'begins a new one' : 'goes on with it'}.`,
    EXIT.stopped,
  );
}

/** The accounts that the service does not know; counts the answers on the way. */
async function* missingIn(results: string | null, answers: { good: number }): AsyncGenerator<string> {
  if (results === null) return;
  for await (const line of createInterface({ input: createReadStream(results) })) {
    const { to, status, account } = JSON.parse(line) as Outcome;
    if (status !== 'ok') continue;
    answers.good += 1;
    if (account === 'NotImported') yield to;
  }
}

function refusalText(
  base: string,
  { job, accounts, missing, unchecked, rowsTouched, file }: Preflight,
  { totals }: Prepared,
): string {
  const are = (n: number) => (n === 1 ? 'is' : 'are');
  const parts = [`preflight of ${base}:`];
  if (missing > 0) {
    parts.push(
      `${count(missing)} of ${plural(accounts, 'account')} ${are(missing)} not in the app; ` +
        `${count(rowsTouched)} of ${plural(totals.accepted, 'row')} name${rowsTouched === 1 ? 's' : ''} one of them.`,
    );
  }
  if (unchecked > 0) {
    parts.push(
      `${count(unchecked)} of ${plural(accounts, 'account')} could not be checked: befriend results ${job} --status ` +
        'failed,unknown,skipped says why.',
    );
  }
  parts.push('Nothing was written.');
  if (missing > 0) {
    parts.push(
      `The missing accounts are listed in ${file}: import them into the app (befriend accounts import ${file}) and run ` +
        'the same command again, or run it without --preflight: then those rows fail with code 30003, and the others are done.',
    );
  } else parts.push('Run the same command again.');
  return parts.join(' ');
}

/** Of an intake that came to no job: its rejects, and for programs the report of a dry run. */
export async function tellRefused(
  prepared: Prepared,
  found: Preflight | null,
  { asked, rejects, json }: { asked: Submission; rejects: string; json: boolean },
  context: CliContext,
): Promise<void> {
  const written = join(prepared.dir, REJECTS_FILE);
  if (prepared.rejects.count > 0)
    await (rejects === '-' ? printFile(written, process.stdout) : place(written, rejects));
  if (!json) return;
  const { operation, priority = 'normal' } = asked;
  const time = await forecast(operation, { calls: prepared.chunks, priority }, context);
  const report = { ...plannedReport(prepared, asked, rejects, time), ...(found && { preflight: found }) };
  process.stdout.write(`${JSON.stringify(report)}\n`);
}
