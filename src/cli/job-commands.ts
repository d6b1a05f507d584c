import { Argument, Command } from 'commander';
import type { Befriend, Job } from '../befriend.ts';
import { ROLES } from '../jobs/roles.ts';
import type { JobState, JobStatus } from '../domain/job.ts';
import { type Status, STATUSES } from '../domain/outcome.ts';
import { exitCodeOf } from '../results/report.ts';
import { type CliContext, EXIT, readContext, UsageError, withBefriend } from './context.ts';
import { count, openProgress } from './progress.ts';
import { printMatching } from './deliver.ts';
import { reportText } from './report-text.ts';
import { watch } from './watch.ts';

type Exit = (code: number) => void;

/** `befriend jobs`, `status`, `results`, `pause`, `resume`, `cancel`: look and steer. They run no job themselves. */
export function jobCommands(exit: Exit): Command[] {
  return [
    new Command('jobs')
      .description('all jobs, newest first')
      .option('--json', 'one JSON array')
      .action(async (flags: { json?: boolean }) => exit(await jobs(flags))),
    withJob('status', 'state, totals, calls of a job')
      .option('--watch', 'follow it until it is over')
      .option('--json', 'the report as one JSON object')
      .action(async (id: string, flags: { watch?: boolean; json?: boolean }) => exit(await status(id, flags))),
    withJob('results', 'outcomes of a job, one JSON line a row')
      .option('--follow', 'go on until the job is over')
      .option('--status <list>', `only these, e.g. failed,unknown (${STATUSES.join(', ')})`)
      .action(async (id: string, flags: { follow?: boolean; status?: string }) => exit(await results(id, flags))),
    steering('pause', 'stop calling; resume goes on', 'paused', (_, job) => job.pause(), exit),
    steering('resume', 'let a paused or stopped job go on', 'running', resume, exit),
    steering('cancel', 'end a job: rows never sent become skipped', 'cancelled', cancel, exit),
  ];
}

function withJob(name: string, about: string): Command {
  return new Command(name).description(about).addArgument(new Argument('<job>', 'its id: befriend jobs lists them'));
}

async function jobs({ json }: { json?: boolean }): Promise<number> {
  const all = await withBefriend(readContext('app'), (befriend) => befriend.jobs());
  if (json) process.stdout.write(`${JSON.stringify(all)}\n`);
  else process.stdout.write(all.length === 0 ? 'no jobs yet\n' : `${all.map(jobLine).join('\n')}\n`);
  return EXIT.ok;
}

function jobLine({ id, name, state, totals }: JobStatus): string {
  const done = totals.accepted - totals.open;
  const named = name === id ? '' : `  ${name}`;
  const bad = (['failed', 'unknown', 'skipped'] as const).filter((word) => totals[word] > 0);
  const noted = bad.map((word) => `, ${count(totals[word])} ${word}`).join('');
  return `${id}  ${state.padEnd(9)}  ${count(done)}/${count(totals.accepted)} rows${noted}${named}`;
}

async function status(id: string, { watch: follow, json }: { watch?: boolean; json?: boolean }): Promise<number> {
  const context = readContext('app');
  return withBefriend(context, async (befriend) => {
    const job = await befriend.job(id);
    const progress = openProgress(process.stderr, () => performance.now());
    const report = follow ? await watch(job, context.config.tuning, progress) : await job.report();
    process.stdout.write(json ? `${JSON.stringify(report)}\n` : reportText(report, context.config.tuning));
    return follow ? exitCodeOf(report, false) : EXIT.ok;
  });
}

async function results(id: string, { follow, status: list }: { follow?: boolean; status?: string }): Promise<number> {
  const wanted = list?.split(',').map((name) => name.trim());
  const odd = wanted?.filter((name) => !STATUSES.includes(name as Status)) ?? [];
  if (odd.length > 0) throw new UsageError(`--status ${odd.join(',')}: expected some of ${STATUSES.join(', ')}.`);
  return withBefriend(readContext('app'), async (befriend) => {
    const job = await befriend.job(id);
    await printMatching(job, process.stdout, { follow: follow === true, statuses: wanted as Status[] | undefined });
    return EXIT.ok;
  });
}

type Act = (befriend: Befriend, job: Job, context: CliContext) => Promise<JobState>;

function steering(name: string, about: string, wanted: JobState, act: Act, exit: Exit): Command {
  return withJob(name, about).action(async (id: string) => {
    const context = readContext('app');
    const state = await withBefriend(context, async (befriend) => act(befriend, await befriend.job(id), context));
    process.stderr.write(`job ${id}: ${state}\n`);
    if (state !== wanted) throw new UsageError(`a job that is ${state} cannot be changed by ${name}.`);
    exit(EXIT.ok);
  });
}

async function resume(_: Befriend, job: Job, { config }: CliContext): Promise<JobState> {
  const state = await job.resume();
  if (state === 'running' && config.redisUrl === null) {
    process.stderr.write('Nobody works on it yet: run its command again, or befriend worker.\n');
  }
  return state;
}

/** With the private Redis no worker would settle the rest: it is done here. That calls nothing. */
async function cancel(befriend: Befriend, job: Job, { config }: CliContext): Promise<JobState> {
  const state = await job.cancel();
  if (state === 'cancelled' && config.redisUrl === null && config.chat !== null) {
    befriend.work(ROLES, { only: job.id });
    await job.done();
  }
  return state;
}
