import { constants, copyFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Job } from '../befriend.ts';
import type { Outcome, Status } from '../domain/outcome.ts';

/** Puts a job's files where the user wants them. What the job does not have (no rejects) is not made. */
export async function deliver(
  job: Job,
  wanted: { out?: string; rejects?: string },
): Promise<{ results: string | null; rejects: string | null }> {
  const { results, rejects } = await job.files();
  if (wanted.out !== undefined && results !== null) await place(results, wanted.out);
  if (wanted.rejects !== undefined && rejects !== null) await place(rejects, wanted.rejects);
  return {
    results: results === null ? null : (wanted.out ?? results),
    rejects: rejects === null ? null : (wanted.rejects ?? rejects),
  };
}

/** A copy of the home's file, which stays the job's own; a clone that shares its blocks where the file system can. */
async function place(from: string, to: string): Promise<void> {
  await copyFile(from, to, constants.COPYFILE_FICLONE);
}

/** Every outcome of the job as a JSON line, as it comes, until the job is over. */
export async function printOutcomes(job: Job, stream: NodeJS.WritableStream): Promise<void> {
  await pipeline(Readable.from(job.lines({ follow: true })), stream, { end: false });
}

/** Outcomes of the given statuses (absent: all) as JSON lines: those there are now, or with `follow` until the end. */
export async function printMatching(
  job: Job,
  stream: NodeJS.WritableStream,
  { follow, statuses }: { follow: boolean; statuses?: readonly Status[] },
): Promise<void> {
  const chosen = statuses && new Set(statuses);
  async function* matching(): AsyncGenerator<string | Buffer> {
    for await (const lines of job.lines({ follow })) {
      if (!chosen) yield lines;
      else
        yield lines
          .toString()
          .split('\n')
          .filter((line) => isOf(line, chosen))
          .map((line) => `${line}\n`)
          .join('');
    }
  }
  await pipeline(Readable.from(matching()), stream, { end: false });
}

function isOf(line: string, statuses: ReadonlySet<Status>): boolean {
  return line !== '' && statuses.has((JSON.parse(line) as Outcome).status);
}
