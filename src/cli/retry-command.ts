import { Argument, Command, Option } from 'commander';
import type { JobStatus, Priority } from '../domain/job.ts';
import { NothingToRetry } from '../jobs/retry.ts';
import { EXIT, onInterrupt, tell } from './context.ts';
import { checkTargets } from './deliver.ts';
import { count } from './figures.ts';
import { openProgress } from './progress.ts';
import { checkCall, detach, type JobRun, runHere } from './run-job.ts';

interface Flags {
  all?: boolean;
  out?: string;
  json?: boolean;
  detach?: boolean;
  name?: string;
  priority?: Priority;
}

/** `befriend retry JOB`: rows of a finished job once more, as a job of their own, in this process. */
export function retryCommand(exit: (code: number) => void): Command {
  return new Command('retry')
    .description('run again, as a new job, the rows of a finished job that may pass now')
    .addArgument(new Argument('<job>', 'its id: befriend jobs lists them'))
    .option('--all', 'also the rows that failed for good: when their cause is mended')
    .option('--out <file>', 'results, one JSON line a row; - for stdout (default: <job>.<new job>.results.jsonl)')
    .option('--detach', 'print the job id and return; workers elsewhere do the work (needs REDIS_URL)')
    .option('--name <name>', 'a name for people (default: that of the job)')
    .addOption(new Option('--priority <priority>', 'default: that of the job').choices(['high', 'normal', 'low']))
    .option('--json', 'the report as one JSON object on stdout')
    .addHelpText('after', '\nExample:\n  befriend retry import-20261121-100000-4f2a9c01')
    .action(async (id: string, flags: Flags) => exit(await retry(id, flags)));
}

async function retry(id: string, flags: Flags): Promise<number> {
  checkCall(flags, flags.detach ? 'app' : 'chat');
  const { all, name, priority, out } = flags;
  const { signal, release } = onInterrupt();
  const progress = openProgress(process.stderr, () => performance.now());
  const onProgress = ({ rows }: { rows: number }) => progress.show(['choosing', `${count(rows)} rows`]);
  const run: JobRun = {
    submit: async (befriend) => ({ job: await befriend.retry(id, { all, name, priority, signal, onProgress }) }),
    // A job that is not over must not go on because somebody asked for its retry.
    startsEarly: false,
    outOf,
    flags,
    signal,
    progress,
  };
  try {
    const target = out ?? `${id}.results.jsonl`;
    await checkTargets(
      [],
      target === '-' ? [] : [{ name: out === undefined ? 'the results file' : '--out', path: target }],
    );
    return await (flags.detach ? detach(run) : runHere(run));
  } catch (error) {
    if (!(error instanceof NothingToRetry)) throw error;
    tell(error.message);
    if (flags.json) process.stdout.write(`${JSON.stringify(error.report)}\n`);
    return error.report.totals.failed > 0 ? EXIT.rowsFailed : EXIT.ok;
  } finally {
    progress.end();
    release();
  }
}

/** In the working directory, by the name of the job that was retried: names are free text, file names are not. */
function outOf({ id, name, retryOf = id }: JobStatus): string {
  const base = name === id ? retryOf : name;
  return `${withinBytes(base.replaceAll(/[/\\\p{Cc}]/gu, '_'), 100)}.${id}.results.jsonl`;
}

/** The beginning of a text, of so many bytes at most: file names are counted in bytes. */
function withinBytes(text: string, most: number): string {
  let kept = '';
  for (const character of text) {
    if (Buffer.byteLength(kept + character) > most) break;
    kept += character;
  }
  return kept;
}
