import { Argument, Command } from 'commander';
import type { Befriend } from '../befriend.ts';
import type { Job } from '../job.ts';
import { ROLES } from '../jobs/roles.ts';
import type { JobState, JobStatus } from '../domain/job.ts';
import { type Status, STATUSES } from '../domain/outcome.ts';
import { reachText, type Stranger } from '../jobs/whereabouts.ts';
import { exitCodeOf } from '../results/report.ts';
import { type CliContext, EXIT, readContext, tell, UsageError, withBefriend } from './context.ts';
import { count } from './figures.ts';
import { openProgress } from './progress.ts';
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
      .addHelpText('after', '\nExample:\n  befriend jobs')
      .action(async (flags: { json?: boolean }) => exit(await jobs(flags))),
    withJob('status', 'state, totals, calls of a job', ' --watch')
      .option('--watch', 'follow it until it is over')
      .option('--json', 'the report as one JSON object')
      .action(async (id: string, flags: { watch?: boolean; json?: boolean }) => exit(await status(id, flags))),
    withJob('results', 'outcomes of a job, one JSON line a row', ' --status failed,unknown')
      .option('--follow', 'go on until the job is over')
      .option('--status <list>', `only these, e.g. failed,unknown (${STATUSES.join(', ')})`)
      .action(async (id: string, flags: { follow?: boolean; status?: string }) => exit(await results(id, flags))),
    steering('pause', 'stop calling; resume goes on', 'paused', (_, job) => job.pause(), exit),
    steering('resume', 'let a paused or stopped job go on', 'running', resume, exit),
    steering('cancel', 'end a job: rows never sent become skipped', 'cancelled', cancel, exit),
  ];
}

/** `flags`: what the example shows behind the job. */
function withJob(name: string, about: string, flags = ''): Command {
  return new Command(name)
    .description(about)
    .addArgument(new Argument('<job>', 'its id: befriend jobs lists them'))
    .addHelpText('after', `\nExample:\n  befriend ${name} import-20261121-100000-4f2a9c01${flags}`);
}

async function jobs({ json }: { json?: boolean }): Promise<number> {
  const [all, strangers] = await withBefriend(readContext('app'), (befriend) =>
    Promise.all([befriend.jobs(), befriend.strangers()]),
  );
  if (json) process.stdout.write(`${JSON.stringify(all)}\n`);
  else process.stdout.write(all.length === 0 ? 'no jobs yet\n' : `${all.map(jobLine).join('\n')}\n`);
  if (strangers.length > 0) tell(strangersLine(strangers));
  return EXIT.ok;
}

/** One line, of the newest: those of one home are mostly in one other Redis. */
function strangersLine(strangers: readonly Stranger[]): string {
  const last = strangers.at(-1) as Stranger;
  const more = strangers.length === 1 ? '' : ` and ${count(strangers.length - 1)} more`;
  return `not listed: ${last.job}${more}, which this Redis does not know; submitted with ${reachText(last)}`;
}

function jobLine({ id, name, state, totals, retryOf }: JobStatus): string {
  const done = totals.accepted - totals.open;
  const named = name === id ? '' : `  ${name}`;
  const bad = (['failed', 'unknown', 'skipped'] as const).filter((word) => totals[word] > 0);
  const noted = bad.map((word) => `, ${count(totals[word])} ${word}`).join('');
  const again = retryOf === undefined ? '' : `  retry of ${retryOf}`;
  return `${id}  ${state.padEnd(9)}  ${count(done)}/${count(totals.accepted)} rows${noted}${named}${again}`;
}

async function status(id: string, { watch: follow, json }: { watch?: boolean; json?: boolean }): Promise<number> {
  const context = readContext('app');
  return withBefriend(context, async (befriend) => {
    const job = await befriend.job(id);
    const progress = openProgress(process.stderr, () => performance.now());
    const report = follow ? await watch(befriend, job, { progress, here: false }) : await job.report();
    const { tuning } = context.config;
    const stream = process.stdout;
    stream.write(json ? `${JSON.stringify(report)}\n` : reportText(report, { tuning, stream }));
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
  const command = withJob(name, about).option('--json', 'the report as one JSON object');
  return command.action(async (id: string, { json }: { json?: boolean }) => {
    const context = readContext('app');
    const state = await withBefriend(context, async (befriend) => {
      const job = await befriend.job(id);
      const now = await act(befriend, job, context);
      if (json) process.stdout.write(`${JSON.stringify(await job.report())}\n`);
      else process.stderr.write(`job ${id}: ${now}\n`);
      return now;
    });
    if (state !== wanted) throw new UsageError(`a job that is ${state} cannot be changed by ${name}.`);
    exit(EXIT.ok);
  });
}

async function resume(_: Befriend, job: Job, { config }: CliContext): Promise<JobState> {
  const state = await job.resume();
  if (state === 'running' && config.redisUrl === null) {
    tell('Nobody works on it yet: run its command again, or befriend worker.');
  }
  return state;
}

/** With the private Redis no worker would settle the rest: it is done here. That calls nothing. */
async function cancel(befriend: Befriend, job: Job, { config }: CliContext): Promise<JobState> {
  const state = await job.cancel();
  if (state === 'cancelled' && config.redisUrl === null && config.chat !== null) {
    befriend.work(ROLES, { only: { id: job.id, operation: (await job.status()).operation } });
    await job.done();
  }
  return state;
}
