import { existsSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { glob, isDynamicPattern } from 'tinyglobby';
import { IntakeError } from './error.ts';

/** What befriend itself writes beside an input: a pattern that took it in would be another one after each run. */
const OURS = /\.(?:results\.jsonl|rejects\.jsonl|missing-accounts\.txt)$/;

/**
 * The files that names and patterns mean (`*`, `?`, `[a-c]`, `{a,b}`, `**`), sorted by where they lead (code units), so that
 * other words for the same files are the same input; each once. A file whose name begins with a dot is meant only by a
 * pattern that does so too, befriend's own results and rejects by none. What exists under its very name is no pattern.
 * Error: `missing` for a pattern without a file.
 */
export async function fileNames(given: readonly string[]): Promise<string[]> {
  /** By where they lead: one file by two names would be a file of duplicates. */
  const found = new Map<string, string>();
  for (const name of given) {
    const names = isDynamicPattern(name) && !existsSync(name) ? await matching(name) : [name];
    if (names.length === 0) {
      throw new IntakeError(
        'missing',
        `${name}: no file has such a name. Check the pattern, and the folder it begins in`,
      );
    }
    for (const one of names) found.set(await realpath(one).catch(() => one), one);
  }
  return [...found].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, name]) => name);
}

async function matching(pattern: string): Promise<string[]> {
  const names = await glob(pattern, { expandDirectories: false, absolute: isAbsolute(pattern) });
  return names.filter((name) => !OURS.test(name));
}
