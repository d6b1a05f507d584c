import { mkdirSync, statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { PRIVATE_FOLDER } from '../private.ts';

/** Less than this cannot even hold the first lines of an AOF. */
const FULL_BYTES = 64 * 1024;

/**
 * Makes `path`, and the folders above it as the umask says. Not `mkdir -p` of Node: where a folder can be seen but
 * nothing made in it (/proc), that tries for ever.
 * @throws the system's error; ENOTDIR when there is a file in the way
 */
export function makeFolder(path: string, mode = PRIVATE_FOLDER): void {
  const missing: string[] = [];
  for (let at = path; !isThere(at); at = dirname(at)) missing.push(at);
  for (const folder of missing.toReversed()) {
    try {
      mkdirSync(folder, folder === path ? mode : 0o777);
    } catch (error) {
      // Another process was faster; or it is a link that leads nowhere.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !isThere(folder)) throw error;
    }
  }
  if (!statSync(path).isDirectory())
    throw Object.assign(new Error(`ENOTDIR: not a directory, mkdir '${path}'`), { code: 'ENOTDIR' });
}

function isThere(path: string): boolean {
  if (dirname(path) === path) return true;
  try {
    statSync(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/** Whether the disk under a folder has no room left for this user. */
export function isFull(folder: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize < FULL_BYTES;
  } catch {
    return false;
  }
}
