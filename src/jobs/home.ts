import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Rejected rows of a job, in its folder; absent when there are none. */
export const REJECTS_FILE = 'rejects.jsonl';

/** Everything of one job: spool, rejects, results. */
export const jobFolder = (home: string, job: string): string => join(home, 'jobs', job);

/** Where intake works. The process is part of the name, so that what a killed one left can be told from work. */
export const intakeFolder = (home: string, job: string): string => join(home, 'intake', `${process.pid}.${job}`);

/** Removes what intakes of dead processes left. Nothing of it was accepted. */
export async function removeLitter(home: string): Promise<void> {
  const folders = await readdir(join(home, 'intake')).catch(() => []);
  for (const folder of folders) {
    const pid = Number(folder.split('.')[0]);
    if (pid !== process.pid && !isAlive(pid)) await rm(join(home, 'intake', folder), { recursive: true, force: true });
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
