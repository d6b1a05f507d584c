import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PRIVATE_FILE } from '../private.ts';

/**
 * Which Redis knows a job, noted beside its files when it is submitted: Redis and home are two settings, and with
 * another Redis a job would silently not be there.
 */
export interface Whereabouts {
  sdkAppId: number;
  /** Address without password; null: the private Redis of the home. */
  redis: string | null;
  fingerprint: string;
}

/** Its name, in the job's folder. */
export const WHEREABOUTS_FILE = 'submitted.json';

/** Before the job's folder gets its name, so that every job has it. */
export async function noteWhereabouts(folder: string, whereabouts: Whereabouts): Promise<void> {
  await writeFile(join(folder, WHEREABOUTS_FILE), `${JSON.stringify(whereabouts)}\n`, { mode: PRIVATE_FILE });
}

/** A job whose files are in this home, while the Redis in use does not know it. */
export interface Stranger extends Whereabouts {
  job: string;
}

/** The app and the Redis of this process. */
export type Here = Pick<Whereabouts, 'sdkAppId' | 'redis'>;

/**
 * Jobs of the app in this home that another Redis knows, and the one in use, whose jobs are `known`, does not. What this
 * very Redis has lost is not among them.
 */
export async function strangersIn(home: string, at: Here, known: readonly string[]): Promise<Stranger[]> {
  const folders = await readdir(join(home, 'jobs')).catch(() => []);
  const listed = new Set(known);
  const unknown = folders.filter((job) => !listed.has(job)).toSorted();
  const strangers = await Promise.all(unknown.map((job) => strangerOf(home, job)));
  return strangers.filter(
    (stranger): stranger is Stranger => stranger?.sdkAppId === at.sdkAppId && stranger.redis !== at.redis,
  );
}

async function strangerOf(home: string, job: string): Promise<Stranger | null> {
  const noted = await whereaboutsOf(join(home, 'jobs', job));
  return noted && { ...noted, job };
}

async function whereaboutsOf(folder: string): Promise<Whereabouts | null> {
  try {
    return JSON.parse(await readFile(join(folder, WHEREABOUTS_FILE), 'utf8')) as Whereabouts;
  } catch {
    return null;
  }
}

/** Whether the job of a folder was submitted for this app with this Redis. */
export async function isSubmittedHere(folder: string, at: Here): Promise<boolean> {
  const noted = await whereaboutsOf(folder);
  return noted !== null && noted.sdkAppId === at.sdkAppId && noted.redis === at.redis;
}

/** Why a job that is asked for is not found, where its files are here. */
export async function strangerText(home: string, at: Here, job: string): Promise<string | null> {
  const stranger = await strangerOf(home, job);
  if (stranger === null) return null;
  if (stranger.sdkAppId === at.sdkAppId && stranger.redis === at.redis)
    return (
      `Redis has lost job ${job} (a restart without persistence, a flush), and only its files are left in ${home}. Run ` +
      'its command again: that makes a new job.'
    );
  return (
    `This Redis does not know job ${job}, though its files are in ${home}. It was submitted for app ` +
    `${stranger.sdkAppId} with ${reachText(stranger)}.`
  );
}

/** A word about a new job whose rows were submitted from this home with another Redis. */
export async function sameRowsHint(
  home: string,
  at: Here,
  made: { fingerprint: string } | null,
  known: readonly string[],
): Promise<string | undefined> {
  const strangers = await strangersIn(home, at, known);
  const same = strangers.findLast(({ fingerprint }) => fingerprint === made?.fingerprint);
  if (same === undefined) return undefined;
  return (
    `this is a new job, while job ${same.job} of this home has the same rows and this Redis does not know it. It was ` +
    `submitted with ${reachText(same)}`
  );
}

/** How to get at a stranger's Redis. */
export function reachText({ redis }: Whereabouts): string {
  return redis === null
    ? 'the private Redis of this home: leave REDIS_URL out to go on with it'
    : `${redis}: set REDIS_URL to it to go on`;
}
