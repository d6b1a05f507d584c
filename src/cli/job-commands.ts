import { Argument, Command } from 'commander';
import type { Befriend } from '../befriend.ts';
import type { Job } from '../job.ts';
import { ROLES } from '../domain/role.ts';
import { type JobState, type Priority, TRANSITIONS } from '../domain/job.ts';
import { OPERATIONS } from '../domain/operation.ts';
import { ACCOUNT_STATUSES, type AccountStatus, type Outcome, type Status, STATUSES } from '../domain/outcome.ts';
import { WEIGHT } from '../domain/shares.ts';
import { reachText, type Stranger } from '../jobs/whereabouts.ts';
import type { WorkerFigures } from '../jobs/worker-figures.ts';
import { exitCodeOf, type Report } from '../results/report.ts';
import { type CliContext, EXIT, readContext, tell, UsageError, withBefriend } from './context.ts';
import { wordsOf } from './command-words.ts';
import { count, plural } from './figures.ts';
import { groupsCommand } from './groups-command.ts';
import { jobTable, sharesAmong } from './job-table.ts';
import { listOption } from './list-option.ts';
import { openProgress } from './progress.ts';
import { rateInForce, rateLines } from './rate-in-force.ts';
import { printMatching } from './deliver.ts';
import { pruneCommand } from './prune-command.ts';
import { compared, neverAnswered, relationNameOf, type RelationName, relationOption } from './relations.ts';
import { reportText } from './report-text.ts';
import { watch } from './watch.ts';

type Exit = (code: number) => void;

/** `befriend jobs`, `status`, `results`, `pause`, `resume`, `cancel`, `priority`: look and steer. They run no job themselves. */
export function jobCommands(exit: Exit): Command[] {
  return [
    new Command('jobs')
      .description('all jobs, newest first')
      .option('--json', 'one JSON array')
      .addHelpText('after', '\nExample:\n  befriend jobs')
      .action(async (flags: { json?: boolean }) => exit(await jobs(flags)))
      .addCommand(pruneCommand(exit))
      .addCommand(groupsCommand(exit)),
    withJob('status', 'state, totals, calls of a job', ' --watch')
      .option('--watch', 'follow it until it is over')
      .option('--json', 'the report as one JSON object')
      .addOption(relationOption('--expect <list>', 'of a check: count the rows with another relation as unexpected'))
      .action(async (id: string, flags: StatusFlags) => exit(await status(id, flags))),
    withJob('results', 'outcomes of a job, one JSON line a row', ' --status failed,unknown')
      .option('--follow', 'go on until the job is over')
      .option('--with-retries', 'rows that were run again as they ended in the last retry of theirs')
      .addOption(listOption('--status <list>', 'only these', STATUSES))
      .addOption(relationOption('--relation <list>', 'of a check: only rows with these relations'))
      .addOption(listOption('--account <list>', 'of accounts check: only these', ACCOUNT_STATUSES))
      .action(async (id: string, flags: ResultsFlags) => exit(await results(id, flags))),
    steering('pause', 'stop calling; resume goes on', 'paused', (_, job) => job.pause(), exit),
    steering('resume', 'let a paused or stopped job go on', 'running', resume, exit).option(
      '--force',
      'also where the failure brake stopped it; then it is not braked again',
    ),
    steering('cancel', 'end a job: rows never sent become skipped', 'cancelled', cancel, exit),
    priorityCommand(exit),
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
  const shares = sharesAmong(all);
  if (json) process.stdout.write(`${JSON.stringify(all.map((job, n) => ({ ...job, share: shares[n] })))}\n`);
  else process.stdout.write(all.length === 0 ? 'no jobs yet\n' : jobTable(all, shares, process.stdout));
  if (strangers.length > 0) tell(strangersLine(strangers));
  return EXIT.ok;
}

/** One line, of the newest: those of one home are mostly in one other Redis. */
function strangersLine(strangers: readonly Stranger[]): string {
  const last = strangers.at(-1) as Stranger;
  const more = strangers.length === 1 ? '' : ` and ${count(strangers.length - 1)} more`;
  return `not listed: ${last.job}${more}, which this Redis does not know; submitted with ${reachText(last)}`;
}

interface StatusFlags {
  watch?: boolean;
  json?: boolean;
  expect?: RelationName[];
}

async function status(id: string, { watch: follow, json, expect }: StatusFlags): Promise<number> {
  const context = readContext('app');
  return withBefriend(context, async (befriend) => {
    const job = await befriend.job(id);
    if (expect !== undefined) await mayExpect(job, expect);
    const progress = openProgress(process.stderr, () => performance.now());
    const found = follow ? await watch(befriend, job, { progress, here: false }) : await job.report();
    const report = compared(found, expect);
    const { tuning } = context.config;
    const stream = process.stdout;
    const now = await job.status();
    const outlook = await befriend.outlook(now.operation);
    const workers = TRANSITIONS.cancel.from.includes(now.state) ? await befriend.workers() : [];
    if (json) {
      const rate = now.state === 'running' ? { rate: rateInForce(id, outlook), workers } : {};
      stream.write(`${JSON.stringify({ ...report, ...rate })}\n`);
    } else {
      const called = { expected: expect };
      const about = workers.length === 0 && now.state === 'running' ? [NO_WORKER] : workers.map(workerLine);
      stream.write(reportText(report, { tuning, stream, called, rate: [...rateLines(now, outlook), ...about] }));
    }
    return follow ? exitCodeOf(report, false) : EXIT.ok;
  });
}

const NO_WORKER = '  worker   none works now: its command, run again, goes on with it, and so does befriend worker';

/** Which process has which roles, and what it takes. */
function workerLine({ host, pid, roles, cores, rssBytes, inFlight }: WorkerFigures): string {
  const calls = Object.values(inFlight).reduce((sum, some) => sum + some, 0);
  const flying = calls === 0 ? '' : `, ${plural(calls, 'call')} in flight`;
  return `  worker   ${host} ${pid}: ${roles.join(', ')}; ${cores.toFixed(2)} cores, ${Math.round(rssBytes / 1e6)} MB${flying}`;
}

/** @throws UsageError where the job's rows have no relation, or never an expected one */
async function mayExpect(job: Job, expected: readonly RelationName[]): Promise<void> {
  await mustTell(job, 'relation', '--expect');
  const { type = 'both' } = (await job.status()).options;
  const never = neverAnswered(expected, type);
  if (never.length === 0) return;
  throw new UsageError(`--expect ${never.join(',')}: job ${job.id} asks for one direction: AWithB or NoRelation only.`);
}

/** @throws UsageError where rows of the job have nothing of that kind to choose by */
async function mustTell(job: Job, what: 'relation' | 'account', option: string): Promise<void> {
  const { operation } = await job.status();
  if (OPERATIONS[operation].tells === what) return;
  const whose = what === 'relation' ? 'check' : 'accounts check';
  throw new UsageError(`${option} is for jobs of ${whose}, and job ${job.id} is of ${wordsOf(operation).join(' ')}.`);
}

interface ResultsFlags {
  follow?: boolean;
  withRetries?: boolean;
  status?: Status[];
  relation?: RelationName[];
  account?: AccountStatus[];
}

async function results(id: string, flags: ResultsFlags): Promise<number> {
  return withBefriend(readContext('app'), async (befriend) => {
    const job = await befriend.job(id);
    if (flags.relation !== undefined) await mustTell(job, 'relation', '--relation');
    if (flags.account !== undefined) await mustTell(job, 'account', '--account');
    const { follow = false, withRetries = false } = flags;
    await printMatching(job, process.stdout, { follow, withRetries, matches: matcherOf(flags) });
    if (withRetries) tellOpen((await job.report()).retried);
    return EXIT.ok;
  });
}

/** Rows that are missing above, since they are being run again. */
function tellOpen(retried: Report['retried']): void {
  if (retried === undefined || retried.totals.open === 0) return;
  tell(
    `${count(retried.totals.open)} more rows are being run again: befriend status ${retried.by} --watch, then this again`,
  );
}

/** Whether a row is wanted; absent where all are. What is asked for must all hold. */
function matcherOf(wanted: ResultsFlags): ((outcome: Outcome) => boolean) | undefined {
  if (wanted.status === undefined && wanted.relation === undefined && wanted.account === undefined) return undefined;
  return ({ status: is, relation, account }) =>
    isAmong(is, wanted.status) &&
    isAmong(relation && relationNameOf(relation), wanted.relation) &&
    isAmong(account, wanted.account);
}

const isAmong = <T>(value: T | undefined, wanted: readonly T[] | undefined): boolean =>
  wanted === undefined || (value !== undefined && wanted.includes(value));

interface SteerFlags {
  json?: boolean;
  /** Of `resume`. */
  force?: boolean;
}

/** @returns the state afterwards */
type Act = (befriend: Befriend, job: Job, context: CliContext, flags: SteerFlags) => Promise<JobState>;

function steering(name: string, about: string, wanted: JobState, act: Act, exit: Exit): Command {
  const command = withJob(name, about).option('--json', 'the report as one JSON object');
  return command.action(async (id: string, flags: SteerFlags) => {
    const context = readContext('app');
    await withBefriend(context, async (befriend) => {
      const job = await befriend.job(id);
      const state = await act(befriend, job, context, flags);
      if (flags.json) process.stdout.write(`${JSON.stringify(await job.report())}\n`);
      if (state !== wanted)
        throw new UsageError(`Job ${id} is ${state}: nothing to ${name}. ${INSTEAD[state]?.(id) ?? ''}`);
      if (!flags.json) tell(`job ${id}: ${stateText(state, context)}`);
    });
    exit(EXIT.ok);
  });
}

/** `befriend priority JOB high|normal|low`: also of a job that runs. */
function priorityCommand(exit: Exit): Command {
  return withJob('priority', "change a job's share of its command's calls, at any time", ' high')
    .addArgument(new Argument('<priority>', SHARES_TEXT).choices(Object.keys(WEIGHT)))
    .option('--json', 'the report as one JSON object')
    .action(async (id: string, priority: Priority, flags: SteerFlags) => exit(await prioritize(id, priority, flags)));
}

const SHARES_TEXT = `running jobs of a command share its calls ${Object.values(WEIGHT).join(' : ')}`;

async function prioritize(id: string, priority: Priority, { json }: SteerFlags): Promise<number> {
  return withBefriend(readContext('app'), async (befriend) => {
    const job = await befriend.job(id);
    const state = await job.prioritize(priority);
    if (json) process.stdout.write(`${JSON.stringify(await job.report())}\n`);
    if (!TRANSITIONS.cancel.from.includes(state)) {
      throw new UsageError(`Job ${id} is ${state}: it makes no calls that a priority could share.`);
    }
    if (!json) tell(`job ${id}: ${priority} priority`);
    return EXIT.ok;
  });
}

/** By the state that could not be changed: what can be done instead. */
const INSTEAD: Partial<Record<JobState, (id: string) => string>> = {
  completed: (id) => `befriend retry ${id} runs rows that did not pass again, as a new job.`,
  cancelled: (id) => `That is for good; befriend retry ${id} runs its skipped rows as a new job.`,
  stopped: (id) => `Nothing is called. befriend status ${id} says why and what to do.`,
};

/** Of the private Redis only commands on this machine know, and the one that resumes a job does not stay to work on it. */
function stateText(state: JobState, { config }: CliContext): string {
  if (state !== 'running' || config.redisUrl !== null) return state;
  return 'running, as soon as somebody works on it: run its command again, or befriend worker';
}

const resume: Act = (_befriend, job, _context, { force }) => job.resume({ force });

/** With the private Redis no worker would settle the rest: it is done here. That calls nothing. */
async function cancel(befriend: Befriend, job: Job, { config }: CliContext): Promise<JobState> {
  const state = await job.cancel();
  if (state === 'cancelled' && config.redisUrl === null && config.chat !== null) {
    befriend.work(ROLES, { only: { id: job.id, operation: (await job.status()).operation } });
    await job.done();
  }
  return state;
}
