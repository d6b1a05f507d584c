import { readdir, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';

/** Rejected rows of a job, in its folder; absent when there are none. */
export const REJECTS_FILE = 'rejects.jsonl';

/** Everything of one job: spool, rejects, results. */
export const jobFolder = (home: string, job: string): string => join(home, 'jobs', job);

/** Where intake works. Host and process are part of the name, so that what a killed one left can be told from work. */
export const intakeFolder = (home: string, job: string): string =>
  join(home, 'intake', `${hostname()}@${process.pid}@${job}`);

/** Removes what intakes of this host's dead processes left. Nothing of it was accepted. */
export async function removeLitter(home: string): Promise<void> {
  const folders = await readdir(join(home, 'intake')).catch(() => []);
  for (const folder of folders) {
    const [host, pid] = folder.split('@');
    if (host === hostname() && Number(pid) !== process.pid && !isAlive(Number(pid)))
      await rm(join(home, 'intake', folder), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
