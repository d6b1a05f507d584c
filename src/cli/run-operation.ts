import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Befriend, SubmittedJob } from '../befriend.ts';
import type { Config } from '../config.ts';
import type { Priority } from '../domain/job.ts';
import type { OperationName, OperationOptions } from '../domain/operation.ts';
import type { Prepared } from '../intake/prepare.ts';
import { checkFile } from '../intake/check-file.ts';
import { fileNames } from '../intake/file-names.ts';
import { pathsOf, type Source } from '../intake/source.ts';
import type { Submission } from '../jobs/submit.ts';
import {
  type CliContext,
  EXIT,
  type Need,
  onInterrupt,
  readContext,
  tell,
  UsageError,
  withBefriend,
} from './context.ts';
import { checkTargets } from './deliver.ts';
import { quoted } from './next-steps.ts';
import { plannedReport, plannedText } from './planned.ts';
import { forecast } from './forecast.ts';
import { intakeOnly } from './intake-only.ts';
import { type Checked, missingPath, type Preflight, preflight, tellRefused } from './preflight.ts';
import { openProgress, type Progress, readingLine } from './progress.ts';
import { reach } from './reach.ts';
import { checkCall, detach, follow, type JobFlags, type JobRun, runHere, type Taken, warn } from './run-job.ts';

export interface Flags extends JobFlags {
  dryRun?: boolean;
  looseIds?: boolean;
  name?: string;
  priority: Priority;
  new?: boolean;
  single?: boolean;
  force?: boolean;
  both?: boolean;
  tags?: string[];
  /** False: --no-verify. */
  verify?: boolean;
  /** False: --no-plan. */
  plan?: boolean;
}

/** What one operation command works on, all of it from its arguments. */
interface Run extends JobRun {
  /** The name of the input, from which the names of the outputs are made. */
  base: string;
  source: Source;
  asked: Submission;
  rejects: string;
  flags: Flags;
}

/** The settings that a call needs. */
function needOf({ dryRun: dry, preflight: checks, detach: detached }: Flags): Need {
  if (dry && !checks) return 'nothing';
  return detached ? 'app' : 'chat';
}

/** Runs one operation command. @returns the exit code */
export async function runOperation(operation: OperationName, given: readonly string[], flags: Flags): Promise<number> {
  checkCall(flags, needOf(flags));
  if (given.length > 1 && given.includes('-'))
    throw new UsageError('- is stdin, and is read alone: leave the files out.');
  const files = given[0] === '-' ? [] : await fileNames(given);
  const base = baseOf(files);
  const { signal, release } = onInterrupt();
  const source = sourceOf(files);
  const asked = submissionOf(operation, flags);
  const progress = openProgress(process.stderr, () => performance.now());
  const run: Run = {
    base,
    source,
    asked,
    submit: (befriend, context) => submitRows(befriend, run, context),
    // Before the accounts are checked nothing may be written, of other jobs of the home neither.
    startsEarly: !flags.preflight,
    outOf: ({ id }) => `${base}.${id}.results.jsonl`,
    rejects: flags.rejects ?? `${base}.rejects.jsonl`,
    called: {
      ...(files.length > 0 &&
        given.length <= FEW && { rows: `${given.map(quoted).join(' ')}${flags.looseIds ? ' --loose-ids' : ''}` }),
      fresh: flags.new,
    },
    flags,
    signal,
    progress,
  };
  try {
    // First of all: a mistyped path should be called that, whatever else is wrong with its folder.
    for (const file of files) await checkFile(file);
    await checkTargets(files, [
      ...(flags.out !== undefined && flags.out !== '-' ? [{ name: '--out', path: flags.out }] : []),
      ...(run.rejects === '-'
        ? []
        : [{ name: flags.rejects === undefined ? 'the rejects file' : '--rejects', path: run.rejects }]),
      ...(flags.preflight ? [{ name: 'the list of missing accounts', path: missingPath(base) }] : []),
    ]);
    if (flags.dryRun) return await dryRun(run);
    if (flags.detach) return await detach(run);
    return await runHere(run);
  } finally {
    run.progress.end();
    release();
  }
}

/** More names than these are not said again in what to type next. */
const FEW = 3;

/** What the outputs are named after: the first file, and how many more there are. */
function baseOf(files: readonly string[]): string {
  const [first = 'stdin'] = files;
  return files.length > 1 ? `${first}+${files.length - 1}` : first;
}

function sourceOf(files: readonly string[]): Source {
  const [first] = files;
  if (first === undefined) return { kind: 'stdin', stream: process.stdin };
  return files.length === 1 ? { kind: 'file', path: resolve(first) } : { kind: 'files', paths: files };
}

function submissionOf(operation: OperationName, flags: Flags): Submission {
  const { type, single, force, both, tags, verify, plan } = flags;
  // Each command has only those that its operation knows; what is absent is no part of the job's identity.
  const options: OperationOptions = {
    type,
    single,
    force,
    both,
    tags,
    ...(verify === false && { noVerify: true }),
    ...(plan === false && { noPlan: true }),
  };
  return {
    operation,
    options,
    name: flags.name,
    priority: flags.priority,
    idempotencyKey: flags.idempotencyKey,
    again: flags.new,
    looseIds: flags.looseIds,
    ...(flags.preflight && { preflight: true }),
  };
}

/** Rows to a job; if that is wanted, their accounts are checked before it exists. */
async function submitRows(befriend: Befriend, run: Run, context: CliContext): Promise<Taken> {
  const { source, asked, rejects, flags, signal, progress } = run;
  const onProgress = await reading(progress, source);
  const through = flags.spool === 'redis' && { spool: flags.spool, rejects: resolve(rejects) };
  if (!flags.preflight) return { job: await befriend.submit(source, { ...asked, ...through, signal, onProgress }) };
  let checked: Preflight | undefined;
  const inspect = async (prepared: Prepared): Promise<void> => {
    progress.end();
    const { found, refusal } = await checkAccounts(befriend, prepared, run, context);
    checked = found ?? undefined;
    if (refusal === null) return;
    await tellRefused(prepared, found, { asked, rejects, json: flags.json === true }, context);
    throw refusal;
  };
  const job = await befriend.submit(source, { ...asked, signal, onProgress, inspect });
  if (job.kind === 'existing' && checked === undefined) await mustBeChecked(job);
  return { job, preflight: checked };
}

/** Rows of a job that was begun before are not checked again; those that never were must not slip through. */
async function mustBeChecked(job: SubmittedJob): Promise<void> {
  const { preflight: checked } = await job.status();
  if (checked) return tell(`job ${job.id} was begun before: its accounts were checked then`);
  throw new UsageError(
    `Job ${job.id} has these rows, is not over, and was begun without --preflight: some of them may be written already. ` +
      `Leave --preflight out to go on with it, or end it with befriend cancel ${job.id} and run this again.`,
  );
}

function checkAccounts(befriend: Befriend, prepared: Prepared, run: Run, context: CliContext): Promise<Checked> {
  return preflight(befriend, prepared, {
    base: run.base,
    looseIds: run.flags.looseIds,
    priority: run.flags.priority,
    signal: run.signal,
    // Its job is found again with --new too.
    follow: (job) => follow(befriend, job, { signal: run.signal, progress: run.progress }, context),
    say: tell,
  });
}

/** Intake and nothing else: needs no Redis and no credentials, unless the accounts are to be checked. */
async function dryRun(run: Run): Promise<number> {
  if (!run.flags.preflight) return planRows(run, readContext('nothing'));
  const context = readContext('chat');
  return withBefriend(context, async (befriend) => {
    await reach(befriend, context, run.signal);
    return planRows(run, context, (prepared) => checkAccounts(befriend, prepared, run, context));
  });
}

async function planRows(
  { source, asked, rejects, flags, signal, progress }: Run,
  context: CliContext<Config>,
  check?: (prepared: Prepared) => Promise<Checked>,
): Promise<number> {
  const checked: Checked = { found: null, refusal: null };
  const inspect = async (prepared: Prepared): Promise<void> => {
    progress.end();
    Object.assign(checked, await check?.(prepared));
  };
  const onProgress = await reading(progress, source);
  const parts = { home: context.config.home, wallClock: Date.now, random: Math.random, signal, onProgress, inspect };
  const prepared = await intakeOnly(source, asked, rejects, parts);
  progress.end();
  const time = await forecast(asked.operation, { calls: prepared.chunks, priority: flags.priority }, context);
  const report = plannedReport(prepared, asked, rejects === '-' ? 'on stdout' : rejects, time);
  warn(prepared);
  const stream = rejects === '-' ? process.stderr : process.stdout;
  const how = { checked: check !== undefined, readAfterMs: context.config.tuning.serviceLimitMs };
  const whole = { ...report, ...(checked.found && { preflight: checked.found }) };
  stream.write(flags.json ? `${JSON.stringify(whole)}\n` : plannedText(report, prepared, how));
  if (checked.refusal !== null) throw checked.refusal;
  return report.totals.invalid > 0 && !flags.allowRejects ? EXIT.rowsFailed : EXIT.ok;
}

async function reading(progress: Progress, source: Source) {
  let size = 0;
  for (const path of pathsOf(source)) size += (await stat(path).catch(() => null))?.size ?? 0;
  return (taken: { rows: number; bytes: number }) => progress.show(readingLine(taken, size || null));
}
