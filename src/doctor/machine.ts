import { rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Backlog, heldBackText, standingOf, waitingBytes } from '../domain/backlog.ts';
import type { Finding } from '../domain/finding.ts';
import type { JobStatus } from '../domain/job.ts';
import { openHome } from '../jobs/home.ts';
import type { Tuning } from '../jobs/roles.ts';
import { PRIVATE_FILE } from '../private.ts';
import { KEEP_STREAM_BYTES } from '../results/recorder.ts';
import { wordsOf } from './group.ts';

/** The home as it was found. */
export interface HomeFacts {
  path: string;
  /** Why nothing can be written there; null when it can. */
  refused: string | null;
  /** Null where the file system does not tell. */
  freeBytes: number | null;
}

/** Writes a file into the home and takes it away again; the home is made when it is not there. */
export async function inspectHome(path: string, processId: number): Promise<HomeFacts> {
  const trial = join(path, `.doctor-${processId}`);
  let refused: string | null = null;
  try {
    openHome(path);
    await writeFile(trial, 'befriend doctor\n', { mode: PRIVATE_FILE });
  } catch (error) {
    refused = (error as Error).message;
  } finally {
    await rm(trial, { force: true }).catch(() => {});
  }
  const disk = await statfs(path).catch(() => null);
  return { path, refused, freeBytes: disk && disk.bavail * disk.bsize };
}

const OLDEST_NODE = [20, 19] as const;
const GIB = 1024 ** 3;
/** Under this even a small job may not end. */
const NO_ROOM = 64 * 1024 ** 2;

export function judgeNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const fits = major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
  if (fits) return { level: 'ok', area: 'node', text: version };
  return {
    level: 'problem',
    area: 'node',
    text: `${version}, and befriend needs 20.19 or later`,
    advice: 'Install Node 22 or 24.',
  };
}

export function judgeHome({ path, refused, freeBytes }: HomeFacts): Finding[] {
  const home: Finding =
    refused === null
      ? { level: 'ok', area: 'home', text: `${path}, writable` }
      : { level: 'problem', area: 'home', advice: 'Set BEFRIEND_HOME to a folder of this user.', ...wordsOf(refused) };
  return freeBytes === null ? [home] : [home, judgeDisk(freeBytes)];
}

function judgeDisk(freeBytes: number): Finding {
  const area = 'disk';
  const text = `${sizeOf(freeBytes)} free`;
  if (freeBytes >= GIB) return { level: 'ok', area, text };
  return {
    level: freeBytes < NO_ROOM ? 'problem' : 'warning',
    area,
    text,
    advice:
      'Make room (befriend jobs prune removes jobs that are over), or set BEFRIEND_HOME to another disk: an intake takes ' +
      'two to four times its unpacked input, results some 200 bytes a row.',
  };
}

function sizeOf(bytes: number): string {
  return bytes >= GIB ? `${(bytes / GIB).toFixed(1)} GiB` : `${Math.floor(bytes / 1024 ** 2)} MiB`;
}

/** What the app's ledger holds. */
export function judgeJobs(jobs: readonly Pick<JobStatus, 'id' | 'state'>[]): Finding {
  const area = 'jobs';
  if (jobs.length === 0) return { level: 'ok', area, text: 'none yet' };
  const states = [...new Set(jobs.map(({ state }) => state))];
  const text = states.map((state) => `${jobs.filter((job) => job.state === state).length} ${state}`).join(', ');
  const waiting = jobs.find(({ state }) => state === 'stopped' || state === 'paused');
  if (waiting === undefined) return { level: 'ok', area, text };
  return {
    level: 'warning',
    area,
    text,
    advice: `Run the same command again to go on, or: befriend status ${waiting.id} (then resume or cancel).`,
  };
}

/** Outcomes that wait in Redis, and whether nothing new is fed for that. */
export function judgeBacklog(backlog: Backlog, { backlogMegabytes }: Pick<Tuning, 'backlogMegabytes'>): Finding {
  const area = 'outcomes in redis';
  const limits = { mostBytes: backlogMegabytes * 1e6, keptBytes: KEEP_STREAM_BYTES };
  const heldBack = heldBackText(backlog, limits);
  const waiting = standingOf([], backlog).filter(({ entries }) => entries > 0);
  const forWhom =
    waiting.length === 0 ? '' : `; durable groups with some to come: ${waiting.map(({ group }) => group).join(', ')}`;
  const megabytes = Math.round(waitingBytes(backlog, limits) / 1e6);
  if (heldBack === null)
    return { level: 'ok', area, text: `${megabytes} of at most ${backlogMegabytes} MB wait${forWhom}` };
  return {
    level: 'warning',
    area,
    text: `nothing new is fed: ${heldBack}`,
    advice:
      'Run befriend worker with the role record in the home of the jobs, and look at its disk; start the program of a durable ' +
      'group, or befriend jobs groups --forget GROUP. All goes on by itself then.',
  };
}
