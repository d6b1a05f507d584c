import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { makeFolder } from '../redis/folder.ts';

/** Rejected rows of a job, in its folder; absent when there are none. */
export const REJECTS_FILE = 'rejects.jsonl';

/** Everything of one job: spool, rejects, results. */
export const jobFolder = (home: string, job: string): string => join(home, 'jobs', job);

/** The folder BEFRIEND_HOME cannot be used. The text says why and what to do. */
export class HomeError extends Error {
  override name = 'HomeError';
}

/** Makes the home where there is none, private to its user. @throws HomeError */
export function openHome(home: string): void {
  inHome(home, () => {
    for (const folder of [home, join(home, 'jobs'), join(home, 'intake'), join(home, 'pruned')]) {
      makeFolder(folder);
      accessSync(folder, constants.W_OK | constants.X_OK);
    }
  });
}

/** Said while a job waits for the disk. */
export const fullText = (home: string): string =>
  `the disk of ${home} is full: free some space there; all goes on by itself then`;

/** Makes a folder of the home. @returns its path. @throws HomeError */
export function makeIn(home: string, name: string): string {
  const folder = join(home, name);
  openHome(home);
  inHome(home, () => makeFolder(folder));
  return folder;
}

function inHome(home: string, act: () => void): void {
  try {
    act();
  } catch (error) {
    throw homeError(home, error as NodeJS.ErrnoException);
  }
}

const ELSEWHERE = 'Set BEFRIEND_HOME to a folder of this user on a disk of this machine';

/** Why a folder cannot be made or written, by the system's code. */
const REASONS: Record<string, [what: string, advice: string]> = {
  ENOTDIR: [
    'it is a file, or a file is in its way',
    'Set BEFRIEND_HOME to a folder, or to a path where one can be made',
  ],
  EEXIST: ['it is a link that leads nowhere', 'Set BEFRIEND_HOME to a folder, or to a path where one can be made'],
  ENOENT: ['no folder can be made there', ELSEWHERE],
  EROFS: ['it is on a read-only file system', ELSEWHERE],
  EACCES: ['this user may not write there', `Let this user write there (chown, chmod). Or: ${ELSEWHERE}`],
  EPERM: ['this user may not write there', `Let this user write there (chown, chmod). Or: ${ELSEWHERE}`],
  ENAMETOOLONG: ['its path is too long', 'Set BEFRIEND_HOME to a shorter path'],
  ELOOP: ['its links lead in a circle', 'Set BEFRIEND_HOME to a folder'],
  ENOSPC: ['the disk is full', 'Free some space there, or set BEFRIEND_HOME to a folder on another disk'],
  EDQUOT: ['the disk quota is used up', 'Free some space there, or set BEFRIEND_HOME to a folder on another disk'],
};

function homeError(home: string, error: NodeJS.ErrnoException): HomeError {
  const [what, advice] = REASONS[error.code ?? ''] ?? [error.message, ELSEWHERE];
  // A path that is too long would fill the screen.
  const shown = home.length > 200 ? `${home.slice(0, 200)}…` : home;
  return new HomeError(`The home ${shown} cannot be used: ${what}. ${advice}. Nothing was read or sent.`, {
    cause: error,
  });
}
