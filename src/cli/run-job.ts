import type { Befriend, SubmittedJob } from '../befriend.ts';
import { ConfigError } from '../config.ts';
import type { JobState, JobStatus } from '../domain/job.ts';
import type { OperationOptions } from '../domain/operation.ts';
import type { Prepared } from '../intake/prepare.ts';
import { within } from '../redis/in-time.ts';
import { exitCodeOf } from '../results/report.ts';
import {
  type CliContext,
  EXIT,
  Interrupted,
  type Need,
  readContext,
  tell,
  UsageError,
  withBefriend,
} from './context.ts';
import { deliver, printFile, printOutcomes } from './deliver.ts';
import { count, plural } from './figures.ts';
import { goingOn } from './going-on.ts';
import { type Called, sameCommand } from './next-steps.ts';
import type { Preflight } from './preflight.ts';
import type { Progress } from './progress.ts';
import { reach } from './reach.ts';
import { compared, neverAnswered, type RelationName } from './relations.ts';
import { reportText } from './report-text.ts';
import { watch } from './watch.ts';

/** Options of every command that runs a job. */
export interface JobFlags {
  out?: string;
  rejects?: string;
  json?: boolean;
  detach?: boolean;
  /** Where workers find the spool of a detached job: in this home, or through Redis in theirs. */
  spool?: 'home' | 'redis';
  preflight?: boolean;
  allowRejects?: boolean;
  idempotencyKey?: string;
  /** Relations that rows of a check should have. Not part of the job: the same job may be looked at with others. */
  expect?: RelationName[];
  /** Of a check. */
  type?: OperationOptions['type'];
  /** Whether the report ends with what to type next. Default true. */
  steps?: boolean;
}

/** The job that rows came to. */
export interface Taken {
  job: SubmittedJob;
  /** What the check of their accounts found, where there was one. */
  preflight?: Preflight;
}

/** A command that takes rows in as a job and sees it through, wherever the rows come from. */
export interface JobRun {
  submit(befriend: Befriend, context: CliContext): Promise<Taken>;
  /** The roles start before the rows are taken in: the limiter's wait after a start of Redis passes meanwhile. */
  startsEarly: boolean;
  /** Where the results go, if --out does not say. */
  outOf(job: JobStatus): string;
  /** Absent: the job has none. */
  rejects?: string;
  called?: Called;
  flags: JobFlags;
  signal: AbortSignal;
  progress: Progress;
}

/**
 * Looks at options and settings before anything else.
 * @throws UsageError or ConfigError with all that is wrong
 */
export function checkCall(flags: JobFlags, need: Need): void {
  const problems = problemsOf(flags);
  const bad = configProblems(() => {
    const { config } = readContext(need as 'app');
    if (flags.detach && config.redisUrl === null) problems.push(NEEDS_REDIS);
  });
  if (problems.length === 0 && bad !== null) throw bad;
  if (problems.length > 0) throw new UsageError([...problems, ...(bad === null ? [] : [bad.message])].join('\n'));
}

const NEEDS_REDIS =
  '--detach needs REDIS_URL: the embedded Redis ends with this command, and no worker could take the job.';

function configProblems(read: () => void): ConfigError | null {
  try {
    read();
    return null;
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
}

/** Two outputs that want the same place, or one that comes too early. */
function problemsOf(flags: JobFlags): string[] {
  const { detach: detached, out, json, rejects, idempotencyKey } = flags;
  const printed = [
    ...(json ? ['--json'] : []),
    ...(out === '-' ? ['--out -'] : []),
    ...(rejects === '-' ? ['--rejects -'] : []),
    ...(detached && !json ? ['--detach'] : []),
  ];
  return [
    ...(detached && out !== undefined
      ? ['--detach returns before there are results: leave --out, and use befriend results JOB.']
      : []),
    ...(flags.spool === 'redis' && !detached
      ? ['--spool redis hands the rows to workers elsewhere: it goes with --detach.']
      : []),
    ...(detached && flags.preflight
      ? ['--detach returns before the accounts are checked: run with --dry-run --preflight first, then without.']
      : []),
    ...(printed.length > 1
      ? [`${printed.join(' and ')} ${printed.length === 2 ? 'both' : 'all'} want stdout: choose one.`]
      : []),
    ...expectProblems(flags),
    ...(idempotencyKey === '' ? ['--idempotency-key is empty: is a variable not set?'] : []),
  ];
}

function expectProblems({ detach: detached, expect = [], type }: JobFlags): string[] {
  const never = neverAnswered(expect, type);
  return [
    ...(detached && expect.length > 0
      ? ['--detach returns before there are relations: leave --expect, and give it to befriend status JOB --watch.']
      : []),
    ...(never.length > 0
      ? [`--expect ${never.join(',')} with --type single: such a check answers AWithB or NoRelation only.`]
      : []),
  ];
}

/** The job is accepted and left to workers. */
export async function detach(run: JobRun): Promise<number> {
  const context = readContext('app');
  return withBefriend(context, async (befriend) => {
    const { job } = await accept(befriend, run, context);
    // Rejects of a spool that went elsewhere were written before it did.
    if (run.flags.spool !== 'redis') await deliver(job, { rejects: run.rejects });
    process.stdout.write(run.flags.json ? `${JSON.stringify(await job.report())}\n` : `${job.id}\n`);
    return EXIT.ok;
  });
}

/** All roles in this process, from the first row to the report. */
export async function runHere(run: JobRun): Promise<number> {
  const context = readContext('chat');
  const { flags, rejects, called } = run;
  return withBefriend(context, async (befriend) => {
    await reach(befriend, context, run.signal);
    const early = run.startsEarly ? befriend.work() : null;
    const { job, preflight } = await accept(befriend, run, context);
    const roles = early ?? befriend.work();
    await tellOthers(befriend, job.id, context);
    const printed = flags.out === '-' ? printOutcomes(job, process.stdout) : null;
    await follow(befriend, job, run, context);
    await printed;
    // Calls in hand are answered and delivered, so that report and files say the same, also of a paused job.
    await roles.stop();
    const report = await job.report();
    const out = flags.out ?? run.outOf(await job.status());
    const files = await deliver(job, { ...(rejects !== '-' && { rejects }), ...(out !== '-' && { out }) });
    if (rejects === '-' && files.rejects !== null) await printFile(files.rejects, process.stdout);
    const { expect } = flags;
    const final = { ...compared(report, expect), ...files, ...(preflight && { preflight }) };
    // With --out - stdout carries the outcomes and nothing else, with --rejects - the rejects.
    const stream = flags.out === '-' || rejects === '-' ? process.stderr : process.stdout;
    const { tuning } = context.config;
    const text = () =>
      reportText(final, { tuning, stream, steps: flags.steps, called: { ...called, expected: expect } });
    stream.write(flags.json ? `${JSON.stringify(final)}\n` : text());
    return exitCodeOf(final, flags.allowRejects === true);
  });
}

async function accept(befriend: Befriend, { submit, progress }: JobRun, context: CliContext): Promise<Taken> {
  const taken = await submit(befriend, context);
  const { job } = taken;
  progress.end();
  if (job.prepared) warn(job.prepared);
  if (job.hint !== undefined) tell(`warning: ${job.hint}`);
  const found = await job.status();
  const { state, totals, retryOf } = found;
  // The same command again is the word to go on, also after the fix of a credentials fault.
  if (state === 'paused' || state === 'stopped') await job.resume();
  if (job.kind === 'existing') tell(goingOn(found, 'row'));
  else if (retryOf === undefined)
    tell(`job ${job.id}: ${plural(totals.accepted, 'row')} accepted of ${count(totals.rows)}`);
  else tell(`job ${job.id}: ${plural(totals.accepted, 'row')} of job ${retryOf} to run again`);
  return taken;
}

/** Running jobs of the home go on in this process too: nobody should learn that from the service. */
async function tellOthers(befriend: Befriend, mine: string, { config }: CliContext): Promise<void> {
  if (config.redisUrl !== null) return;
  for (const { id, state } of await befriend.jobs()) {
    if (state !== 'running' || id === mine) continue;
    tell(`job ${id} of this home is running too, of another command or of one that was killed: this one works on both`);
  }
}

/** Shows progress until the job is over. @throws the interrupt, after saying how to go on */
export async function follow(
  befriend: Befriend,
  job: SubmittedJob,
  { signal, progress, called }: Pick<JobRun, 'signal' | 'progress' | 'called'>,
  { config }: CliContext,
): Promise<void> {
  try {
    await watch(befriend, job, { progress, here: true, signal });
  } catch (error) {
    if (!signal.aborted) throw error;
    const again = sameCommand(called?.fresh);
    if (config.redisUrl !== null) {
      throw new Interrupted(
        `interrupted. Workers of this Redis go on with job ${job.id}; ${again} follows it again, and ` +
          `befriend pause ${job.id} stops it.`,
      );
    }
    // Paused, so that no other command of this home goes on with it unasked.
    const paused = await within(job.pause('interrupted'), PAUSE_MS);
    throw new Interrupted(
      `interrupted. ${paused === null ? notKnown(job.id, again) : WAYS_ON[paused.value](job.id, again)}`,
    );
  }
}

/** A command that was interrupted waits no longer for Redis. */
const PAUSE_MS = 2000;

/** How to go on, by the state that the pause found or made. */
const WAYS_ON: Record<JobState, (id: string, again: string) => string> = {
  paused: (id, again) => `Job ${id} is paused: ${again} goes on with it.`,
  running: (id) => `Job ${id} is still running: befriend pause ${id} stops it.`,
  stopped: (id, again) => `Job ${id} had stopped: befriend status ${id} says why, and ${again} goes on with it.`,
  cancelled: (id) => `Job ${id} was cancelled meanwhile: befriend status ${id} shows what was done.`,
  completed: (id) => `Job ${id} was completed already: befriend results ${id} prints its outcomes.`,
};

function notKnown(id: string, again: string): string {
  return (
    `Redis does not answer, so it is not known whether job ${id} is paused. When it answers, befriend status ${id} ` +
    `tells, and ${again} goes on with it.`
  );
}

/** What intake noticed and took all the same. */
export function warn({ warnings }: Prepared): void {
  for (const warning of warnings) tell(`warning: ${warning}`);
}
