import { createReadStream, createWriteStream } from 'node:fs';
import { access, chmod, constants, copyFile, open, realpath, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { publishFile } from '../intake/publish.ts';
import type { Job } from '../job.ts';
import type { Outcome } from '../domain/outcome.ts';
import { UsageError } from './context.ts';

/** Puts a job's files where the user wants them. What the job does not have (no rejects) is not made. */
export async function deliver(
  job: Job,
  wanted: { out?: string; rejects?: string },
): Promise<{ results: string | null; rejects: string | null }> {
  const { results, rejects } = await job.files();
  if (wanted.out !== undefined && results !== null) await place(results, wanted.out);
  if (wanted.rejects !== undefined && rejects !== null) await place(rejects, wanted.rejects);
  // What an earlier run of the same file left there would be taken for this one's.
  else if (wanted.rejects !== undefined) await publishFile(null, wanted.rejects);
  return {
    results: results === null ? null : (wanted.out ?? results),
    rejects: rejects === null ? null : (wanted.rejects ?? rejects),
  };
}

/**
 * Looks before anything is read or sent whether the outputs can be written where they are wanted.
 * @throws UsageError when one is the input, both are one, or a folder cannot be written
 */
export async function checkTargets(
  inputs: readonly string[],
  targets: { name: string; path: string }[],
): Promise<void> {
  const seen = new Map<string, string>();
  for (const input of inputs) seen.set(await realPath(input), 'the input');
  for (const { name, path } of targets) {
    const real = await realPath(path);
    const taken = seen.get(real);
    if (taken !== undefined)
      throw new UsageError(`${name} ${path} is also ${taken}, which it would replace: name another file.`);
    seen.set(real, name);
    const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENAMETOOLONG') throw new UsageError(`${name} ${path.slice(0, 80)}… has too long a name.`);
      return null;
    });
    if (found?.isDirectory()) throw new UsageError(`${name} ${path} is a directory: name a file in it.`);
    await tryToWrite(path, found !== null).catch((error: NodeJS.ErrnoException) => {
      const why = NOT_WRITABLE[error.code ?? ''] ?? error.code ?? error.message;
      throw new UsageError(
        `${name} ${path} cannot be written: ${why}. Nothing was read or sent: name other places with --out and ` +
          '--rejects.',
      );
    });
  }
}

/** By the system's code: its own words would name the file that was tried, and not the one that is wanted. */
const NOT_WRITABLE: Record<string, string> = {
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  ENOENT: 'there is no such folder',
  ENOTDIR: 'a file is where its folder should be',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: "this user's quota is used up",
};

/**
 * Permissions alone do not tell (/proc, a read-only disk): a file is made for a moment. Beside the target and of this
 * process alone: another command may be writing the target now.
 */
async function tryToWrite(path: string, exists: boolean): Promise<void> {
  if (exists) return access(path, constants.W_OK);
  const beside = join(dirname(resolve(path)), `.befriend-${process.pid}`);
  const file = await open(beside, 'w');
  await file.close();
  await unlink(beside);
}

/** Where a path leads; one that does not exist yet leads where its folder does. */
async function realPath(path: string): Promise<string> {
  return realpath(path).catch(async () =>
    join(await realpath(dirname(path)).catch(() => dirname(resolve(path))), basename(path)),
  );
}

/** A copy of the home's file, which stays the job's own; a clone that shares its blocks where the file system can. */
export async function place(from: string, to: string): Promise<void> {
  await copyOut(from, to).catch((error: Error) => {
    throw new UsageError(`${to} cannot be written: ${error.message}. Nothing is lost: the same is in ${from}.`);
  });
}

/** The copy is the user's: its mode is that of the file that was there, or what the umask says. */
async function copyOut(from: string, to: string): Promise<void> {
  const there = await stat(to).catch(() => null);
  if (there !== null && !there.isFile()) return pipeline(createReadStream(from), createWriteStream(to));
  await copyFile(from, to, constants.COPYFILE_FICLONE);
  await chmod(to, there === null ? 0o666 & ~process.umask() : there.mode & 0o777);
}

/** A whole file as it is. A reader that has enough ends it. */
export async function printFile(path: string, stream: NodeJS.WritableStream): Promise<void> {
  await pipeline(createReadStream(path), stream, { end: false }).catch(ignoreClosedPipe);
}

/** Every outcome of the job as a JSON line, as it comes, until the job is over. */
export async function printOutcomes(job: Job, stream: NodeJS.WritableStream): Promise<void> {
  await pipeline(Readable.from(job.lines({ follow: true })), stream, { end: false }).catch(ignoreClosedPipe);
}

/** A reader that has enough (`head`) ends the printing, not the job. */
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE' && error.code !== 'ERR_STREAM_PREMATURE_CLOSE' && error.code !== 'ERR_STREAM_DESTROYED')
    throw error;
}

/** Outcomes that match (absent: all) as JSON lines: those there are now, or with `follow` until the end. */
export async function printMatching(
  job: Job,
  stream: NodeJS.WritableStream,
  { matches, ...which }: { follow: boolean; withRetries: boolean; matches?: (outcome: Outcome) => boolean },
): Promise<void> {
  async function* matching(): AsyncGenerator<string | Buffer> {
    for await (const lines of job.lines(which)) {
      if (!matches) yield lines;
      else
        yield lines
          .toString()
          .split('\n')
          .filter((line) => line !== '' && matches(JSON.parse(line) as Outcome))
          .map((line) => `${line}\n`)
          .join('');
    }
  }
  await pipeline(Readable.from(matching()), stream, { end: false });
}
