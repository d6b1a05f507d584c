import { resolve } from 'node:path';
import { type Befriend, reachChat, type SubmittedJob } from '../befriend.ts';
import type { CallConfig } from '../config.ts';
import type { Priority } from '../domain/job.ts';
import type { OperationName, OperationOptions } from '../domain/operation.ts';
import type { Prepared } from '../intake/prepare.ts';
import type { Source } from '../intake/source.ts';
import { plan, type Submission } from '../jobs/submit.ts';
import { exitCodeOf } from '../results/report.ts';
import {
  ApiUnreachable,
  type CliContext,
  EXIT,
  Interrupted,
  onInterrupt,
  readContext,
  UsageError,
  withBefriend,
} from './context.ts';
import { checkTargets, deliver, printOutcomes } from './deliver.ts';
import { plannedReport, plannedText } from './planned.ts';
import { count, openProgress, type Progress } from './progress.ts';
import { reportText } from './report-text.ts';
import { watch } from './watch.ts';

export interface Flags {
  out?: string;
  rejects?: string;
  dryRun?: boolean;
  detach?: boolean;
  allowRejects?: boolean;
  looseIds?: boolean;
  name?: string;
  priority: Priority;
  json?: boolean;
  idempotencyKey?: string;
  new?: boolean;
  type?: 'both' | 'single';
  single?: boolean;
  force?: boolean;
}

/** What one command works on, all of it from its arguments. */
interface Run {
  source: Source;
  asked: Submission;
  /** The name of the input, from which the names of the outputs are made. */
  base: string;
  rejects: string;
  flags: Flags;
  signal: AbortSignal;
  progress: Progress;
}

/** Runs one operation command. @returns the exit code */
export async function runOperation(operation: OperationName, file: string, flags: Flags): Promise<number> {
  if (flags.detach && flags.out !== undefined) {
    throw new UsageError('--detach returns before there are results: leave --out, and use befriend results JOB.');
  }
  if (flags.json && flags.out === '-') throw new UsageError('--json and --out - both want stdout: choose one.');
  const base = file === '-' ? 'stdin' : file;
  const { signal, release } = onInterrupt();
  const run: Run = {
    source: file === '-' ? { kind: 'stdin', stream: process.stdin } : { kind: 'file', path: resolve(file) },
    asked: submissionOf(operation, flags),
    base,
    rejects: flags.rejects ?? `${base}.rejects.jsonl`,
    flags,
    signal,
    progress: openProgress(process.stderr, () => performance.now()),
  };
  try {
    await checkTargets(file === '-' ? null : file, [
      ...(flags.out !== undefined && flags.out !== '-' ? [{ name: '--out', path: flags.out }] : []),
      { name: '--rejects', path: run.rejects },
    ]);
    if (flags.dryRun) return await dryRun(run);
    if (flags.detach) return await detach(run);
    return await runHere(run);
  } finally {
    run.progress.end();
    release();
  }
}

function submissionOf(operation: OperationName, flags: Flags): Submission {
  const { type, single = false, force = false } = flags;
  const options: Record<OperationName, OperationOptions> = { check: { type }, import: {}, add: { single, force } };
  return {
    operation,
    options: options[operation],
    name: flags.name,
    priority: flags.priority,
    idempotencyKey: flags.idempotencyKey,
    again: flags.new,
    looseIds: flags.looseIds,
  };
}

/** Intake and nothing else: needs no Redis and no credentials. */
async function dryRun({ source, asked, rejects, flags, signal, progress }: Run): Promise<number> {
  const { config } = readContext('nothing');
  const parts = { home: config.home, wallClock: Date.now, random: Math.random, signal, onProgress: reading(progress) };
  const prepared = await plan(source, asked, rejects, parts);
  progress.end();
  const report = plannedReport(prepared, asked.operation, rejects, config.tuning);
  warn(prepared);
  process.stdout.write(flags.json ? `${JSON.stringify(report)}\n` : plannedText(report, prepared));
  return report.totals.invalid > 0 && !flags.allowRejects ? EXIT.rowsFailed : EXIT.ok;
}

async function detach(run: Run): Promise<number> {
  const context = readContext('app');
  if (context.config.redisUrl === null) {
    throw new UsageError(
      '--detach needs REDIS_URL: the embedded Redis ends with this command, and no worker could take the job.',
    );
  }
  return withBefriend(context, async (befriend) => {
    const job = await accept(befriend, run);
    await deliver(job, { rejects: run.rejects });
    process.stdout.write(run.flags.json ? `${JSON.stringify(await job.report())}\n` : `${job.id}\n`);
    return EXIT.ok;
  });
}

/** All roles in this process, from the first row to the report. */
async function runHere(run: Run): Promise<number> {
  const context = readContext('chat');
  const { flags, base, rejects } = run;
  return withBefriend(context, async (befriend) => {
    await reach(context);
    // Before intake: the limiter's wait after a start of Redis passes while rows are read.
    const roles = befriend.work();
    const job = await accept(befriend, run);
    await tellOthers(befriend, job.id, context);
    const printed = flags.out === '-' ? printOutcomes(job, process.stdout) : null;
    await follow(job, run, context);
    await printed;
    // Calls in hand are answered and delivered, so that report and files say the same, also of a paused job.
    await roles.stop();
    const report = await job.report();
    const out = flags.out ?? `${base}.${job.id}.results.jsonl`;
    const files = await deliver(job, { rejects, ...(out !== '-' && { out }) });
    const final = { ...report, ...files };
    // With --out - stdout carries the outcomes and nothing else.
    const text = flags.json ? `${JSON.stringify(final)}\n` : reportText(final, context.config.tuning);
    (flags.out === '-' ? process.stderr : process.stdout).write(text);
    return exitCodeOf(final, flags.allowRejects === true);
  });
}

async function reach({ config }: CliContext<CallConfig>): Promise<void> {
  await reachChat(config).catch((error: Error) => {
    const where = 'region' in config.chat.endpoint ? config.chat.endpoint.region : config.chat.endpoint.baseUrl;
    throw new ApiUnreachable(
      `The Chat API (${where}) cannot be reached: ${error.message}. Nothing was read or sent. Check CHAT_REGION or ` +
        'CHAT_BASE_URL and the way out of this machine (proxy, firewall).',
    );
  });
}

async function accept(befriend: Befriend, { source, asked, signal, progress }: Run): Promise<SubmittedJob> {
  const job = await befriend.submit(source, { ...asked, signal, onProgress: reading(progress) });
  progress.end();
  if (job.prepared) warn(job.prepared);
  const { state, totals } = await job.status();
  const rows = `${count(totals.accepted)} rows accepted of ${count(totals.rows)}`;
  if (job.kind === 'created') process.stderr.write(`job ${job.id}: ${rows}\n`);
  else process.stderr.write(`job ${job.id}: going on with ${count(totals.open)} open of ${rows} (${state})\n`);
  // The same command again is the word to go on, also after the fix of a credentials fault.
  if (state === 'paused' || state === 'stopped') await job.resume();
  return job;
}

/** Jobs that a killed command left running go on in this process too: nobody should learn that from the service. */
async function tellOthers(befriend: Befriend, mine: string, { config }: CliContext): Promise<void> {
  if (config.redisUrl !== null) return;
  for (const { id, state } of await befriend.jobs()) {
    if (state !== 'running' || id === mine) continue;
    process.stderr.write(`also going on with job ${id}, which was not ended; befriend cancel ${id} ends it\n`);
  }
}

/** Shows progress until the job is over. @throws the interrupt, after saying how to go on */
async function follow(job: SubmittedJob, { signal, progress }: Run, { config }: CliContext): Promise<void> {
  try {
    await watch(job, config.tuning, progress, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
    if (config.redisUrl !== null) {
      throw new Interrupted(
        `interrupted. Workers of this Redis go on with job ${job.id}; the same command follows it again, and ` +
          `befriend pause ${job.id} stops it.`,
      );
    }
    // Paused, so that no other command of this home goes on with it unasked.
    await job.pause('interrupted');
    throw new Interrupted(`interrupted. Job ${job.id} is paused: the same command goes on with it.`);
  }
}

function reading(progress: Progress) {
  return ({ rows, bytes }: { rows: number; bytes: number }) =>
    progress.show('reading', `${count(rows)} rows`, `${(bytes / 1e6).toFixed(1)} MB`);
}

function warn({ warnings }: Prepared): void {
  for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
}
