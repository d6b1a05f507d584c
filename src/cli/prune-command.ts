import { Command, InvalidArgumentError } from 'commander';
import { expires, keepLimitsOf } from '../jobs/expiry.ts';
import type { PruneAsked, Pruned } from '../jobs/prune.ts';
import { EXIT, onInterrupt, readContext, tell, UsageError, withBefriend } from './context.ts';
import { bytes, plural } from './figures.ts';

interface Flags {
  olderThan?: number;
  keepBytes?: number;
  dryRun?: boolean;
  json?: boolean;
}

const HELP = `
Jobs go with their input, results and all that Redis has of them. A job stays
that is not over, of which a consumer has outcomes to come, or that ended less
than a minute ago; and a retry as long as the job whose rows it ran. Copies made
with --out and --rejects stay.

Example:
  befriend jobs prune --older-than 30d --keep-bytes 10GB --dry-run`;

/** `befriend jobs prune`: removes jobs that are over, and what a crash left. */
export function pruneCommand(exit: (code: number) => void): Command {
  return (
    new Command('prune')
      .description('remove jobs that are over, oldest first')
      .option('--older-than <time>', 'those that ended so long ago: 30d, 12h, 90m', parseTime)
      .option('--keep-bytes <size>', 'the oldest beyond so much of files together: 10GB, 500MB', parseSize)
      .option('--dry-run', 'say what would go, and remove nothing')
      .option('--json', 'what went as one JSON object')
      .addHelpText('after', HELP)
      // `jobs` takes --json for its own wherever it stands.
      .action(async (_flags: Flags, command: Command) => exit(await pruneJobs(command.optsWithGlobals<Flags>())))
  );
}

async function pruneJobs({ olderThan, keepBytes, dryRun, json }: Flags): Promise<number> {
  const context = readContext('app');
  const { tuning } = context.config;
  if (olderThan === undefined && keepBytes === undefined && !expires(tuning)) throw new UsageError(NO_LIMIT);
  const limits =
    olderThan === undefined && keepBytes === undefined ? keepLimitsOf(tuning) : { olderThanMs: olderThan, keepBytes };
  const { signal, release } = onInterrupt();
  try {
    const asked: PruneAsked = { ...limits, dryRun, leftovers: true, signal };
    const pruned = await withBefriend(context, (befriend) => befriend.prune(asked));
    process.stdout.write(json ? `${JSON.stringify({ dryRun: dryRun === true, ...pruned })}\n` : textOf(pruned, dryRun));
    if (!json) tellStaying(pruned);
    return EXIT.ok;
  } finally {
    release();
  }
}

const NO_LIMIT =
  'befriend jobs prune: what may go? Say --older-than 30d, --keep-bytes 10GB or both, or set BEFRIEND_KEEP_DAYS or ' +
  'BEFRIEND_KEEP_GB. With --dry-run nothing is removed.';

function textOf({ jobs, leftovers, kept }: Pruned, dryRun = false): string {
  const all = [...jobs, ...leftovers];
  const longest = Math.max(0, ...all.map(({ job }) => job.length));
  const lines = [
    ...jobs.map(({ job, bytes: size }) => `${job.padEnd(longest)}  ${bytes(size)}`),
    ...leftovers.map(({ job, bytes: size }) => `${job.padEnd(longest)}  ${bytes(size)}  left by a crash, never a job`),
  ];
  const freed = all.reduce((sum, { bytes: size }) => sum + size, 0);
  const what = [plural(jobs.length, 'job'), ...(leftovers.length > 0 ? [plural(leftovers.length, 'leftover')] : [])];
  const verb = dryRun ? 'would remove' : 'removed';
  const stay = `${plural(kept.jobs, 'job')} that ${kept.jobs === 1 ? 'is' : 'are'} over ${kept.jobs === 1 ? 'stays' : 'stay'}, ${bytes(kept.bytes)}`;
  return [...lines, `${verb} ${what.join(' and ')}, ${bytes(freed)}; ${stay}`, ''].join('\n');
}

/** What one might have expected to go. */
function tellStaying({ held, lost }: Pruned): void {
  if (held.length > 0) {
    tell(`${plural(held.length, 'job')} of these, such as ${held[0]}: a durable group has outcomes to come`);
  }
  if (lost.length > 0) {
    tell(
      `${plural(lost.length, 'folder')} in jobs/ of the home, such as ${lost[0]}: Redis has lost the job, and there are ` +
        'results. Remove what you do not need by hand',
    );
  }
}

const MS: Record<string, number> = { d: 86_400_000, h: 3_600_000, m: 60_000 };
const BYTES: Record<string, number> = { B: 1, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 };

function parseTime(text: string): number {
  const [, digits, unit = ''] = /^(\d{1,9})([dhm])$/.exec(text.trim()) ?? [];
  if (digits === undefined) throw new InvalidArgumentError('Expected a whole number and d, h or m: 30d, 12h, 90m.');
  return Number(digits) * MS[unit]!;
}

function parseSize(text: string): number {
  const [, digits, unit = ''] = /^(\d{1,9}(?:\.\d{1,9})?)([KMGT]?B)$/i.exec(text.trim()) ?? [];
  if (digits === undefined) throw new InvalidArgumentError('Expected a number and B, kB, MB, GB or TB: 10GB, 500MB.');
  return Number(digits) * BYTES[unit.toUpperCase()]!;
}
