import { createReadStream, createWriteStream } from 'node:fs';
import { access, constants, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { IntakeError } from './error.ts';
import { pathsOf, type Source } from './source.ts';

/** Finds out before the work begins whether rejects could be written. Error: `rejects-path`. */
export async function checkRejectsPath(path: string, source: Source): Promise<void> {
  const found = await stat(path).catch(() => null);
  if (found?.isDirectory()) throw refusal(path, 'is a directory. Name a file');
  for (const input of found ? pathsOf(source) : []) {
    const file = await stat(input).catch(() => null);
    if (file && file.ino === found?.ino && file.dev === found.dev) throw refusal(path, 'is the input itself');
  }
  const target = found && !found.isFile() ? path : dirname(path);
  await access(target, constants.W_OK).catch((error: unknown) => {
    throw refusal(path, `cannot be written (${(error as Error).message})`);
  });
}

/** Puts the rejects where the user wants them. Null: there are none. Error: `rejects-path`. */
export async function publishRejects(written: readonly string[] | null, path: string): Promise<void> {
  await publishFile(written, path).catch((error: Error) => {
    throw refusal(path, `cannot be written: ${error.message}`);
  });
}

/**
 * Puts a copy of files, one behind the other, where the user wants it, whole or not at all. Null: there is nothing, and a
 * file of an earlier run would lie. A device or pipe (`/dev/null`) is written to and otherwise left alone.
 */
export async function publishFile(written: readonly string[] | null, path: string): Promise<void> {
  const found = await stat(path).catch(() => null);
  const special = found !== null && !found.isFile();
  if (written === null) {
    if (!special) await rm(path, { force: true });
    return;
  }
  const draft = special ? path : `${path}.draft`;
  try {
    await pipeline(bytesOf(written), createWriteStream(draft, { mode: 0o644 }));
    if (!special) await rename(draft, path);
  } catch (error) {
    if (!special) await rm(draft, { force: true });
    throw error;
  }
}

async function* bytesOf(files: readonly string[]): AsyncGenerator<Buffer> {
  for (const file of files) yield* createReadStream(file) as AsyncIterable<Buffer>;
}

function refusal(path: string, what: string): IntakeError {
  return new IntakeError('rejects-path', `the rejects file ${path} ${what}. Choose another (--rejects FILE)`);
}
