import { open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobStatus } from '../domain/job.ts';
import { chooseExpired, type KeepLimits } from '../domain/retention.ts';
import { spoolPaths } from '../intake/spool-file.ts';
import { RESULTS_FILE } from '../results/file.ts';
import { jobFolder } from './home.ts';
import type { Ledger } from './ledger.ts';
import { isSubmittedHere, noteWhereabouts, WHEREABOUTS_FILE, type Whereabouts } from './whereabouts.ts';

export interface PruneAsked extends Partial<KeepLimits> {
  /** Say what would go, and change nothing. */
  dryRun?: boolean;
  /** Also folders that a crash left between the move of a spool and the submission. */
  leftovers?: boolean;
  /** Ends it between two jobs. */
  signal?: AbortSignal;
}

export interface PrunedFolder {
  /** Its id; of a leftover the one that it would have had. */
  job: string;
  /** Of its files. */
  bytes: number;
}

/** What went, or would. */
export interface Pruned {
  jobs: PrunedFolder[];
  leftovers: PrunedFolder[];
  /** Jobs that are over and stay, and the bytes of their files. */
  kept: { jobs: number; bytes: number };
  /** Of these, jobs of which a durable group has outcomes to come. */
  held: string[];
  /** Folders with results whose jobs this Redis has lost: they stay. */
  lost: string[];
}

export interface PruneParts {
  home: string;
  ledger: Ledger;
  /** The app and the Redis of this process. */
  redis: Omit<Whereabouts, 'fingerprint'>;
  /** Milliseconds since 1970. */
  wallClock: () => number;
}

const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * Where the folder of a job goes that is pruned, before Redis forgets the job: that move is the decision, and whatever
 * follows can be done again. The empty folder stays for a day, for a Redis that loses its last second and has the job back.
 */
const prunedFolder = (home: string, job: string): string => join(home, 'pruned', job);

/** Whether a job was pruned from this home, though Redis may know it yet. */
export async function isPruned(home: string, job: string): Promise<boolean> {
  return (await stat(prunedFolder(home, job)).catch(() => null)) !== null;
}

/** What to say of a job that was pruned; null of any other. The word is there for a day. */
export async function prunedText(home: string, job: string): Promise<string | null> {
  if (!(await isPruned(home, job))) return null;
  return `Job ${job} was pruned: befriend has nothing of it any more. Copies that were made with --out are where they were.`;
}

/** Removes jobs that are over, by age and by the size of their files. Any number of processes may do so at once. */
export async function prune(asked: PruneAsked, parts: PruneParts): Promise<Pruned> {
  const { dryRun = false, leftovers: withLeftovers = false, signal } = asked;
  const limits = { olderThanMs: asked.olderThanMs ?? null, keepBytes: asked.keepBytes ?? null };
  if (!dryRun) await finishPruned(parts);
  const { over, held } = await jobsThatAreOver(parts);
  const chosen = new Set(chooseExpired(over, limits, parts.wallClock()));
  const unnamed = withLeftovers ? await unnamedFolders(parts) : { leftovers: [], lost: [] };
  const gone: PrunedFolder[] = [];
  for (const id of chosen) {
    signal?.throwIfAborted();
    const { bytes } = over.find((job) => job.id === id)!;
    if (dryRun || (await takeAway(id, parts))) gone.push({ job: id, bytes });
  }
  const leftovers: PrunedFolder[] = [];
  for (const leftover of unnamed.leftovers) {
    signal?.throwIfAborted();
    if (dryRun || ((await parts.ledger.withdraw(leftover.job)) && (await takeAway(leftover.job, parts)))) {
      leftovers.push(leftover);
    }
  }
  const went = new Set(gone.map(({ job }) => job));
  const staying = over.filter(({ id }) => !went.has(id));
  return {
    jobs: gone,
    leftovers,
    kept: { jobs: staying.length, bytes: staying.reduce((sum, { bytes }) => sum + bytes, 0) },
    held: staying.map(({ id }) => id).filter((id) => held.has(id)),
    lost: unnamed.lost,
  };
}

/** Ends what a crash in the middle of a prune has left. */
export async function finishPruned(parts: PruneParts): Promise<void> {
  const { home, ledger, redis, wallClock } = parts;
  const traces = await namesIn(join(home, 'pruned'));
  const known = new Set(traces.length === 0 ? [] : await ledger.list());
  for (const id of traces) {
    const folder = prunedFolder(home, id);
    const changed = await stat(folder).catch(() => null);
    const emptied = (await namesIn(folder)).every((name) => name === WHEREABOUTS_FILE);
    if (emptied && !known.has(id)) {
      if (changed !== null && wallClock() - changed.mtimeMs > DAY_MS) await rm(folder, FORCE);
    } else if (await isSubmittedHere(folder, redis)) await finish(id, parts);
  }
}

const FORCE = { recursive: true, force: true } as const;

/** @returns false where another process was faster, or the job must stay */
async function takeAway(id: string, parts: PruneParts): Promise<boolean> {
  const { home, redis, ledger } = parts;
  const folder = jobFolder(home, id);
  // Whose it was must be known when a crash leaves the rest to somebody else.
  if (!(await isSubmittedHere(folder, redis))) {
    await noteWhereabouts(folder, { ...redis, fingerprint: (await ledger.descriptor(id))?.fingerprint ?? '' });
  }
  try {
    await rename(folder, prunedFolder(home, id));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
  // A power cut must not bring the folder back after Redis has forgotten the job.
  for (const name of ['pruned', 'jobs']) await syncFolder(join(home, name));
  return finish(id, parts);
}

/** Redis forgets the job, then its files go. Can be done again from anywhere in it. */
async function finish(id: string, { home, ledger }: PruneParts): Promise<boolean> {
  const folder = prunedFolder(home, id);
  if ((await ledger.forget(id)) !== 'kept') {
    // The manifest first: as long as it is there, all is there.
    await rm(spoolPaths(folder).manifest, { force: true });
    for (const name of await namesIn(folder)) if (name !== WHEREABOUTS_FILE) await rm(join(folder, name), FORCE);
    return true;
  }
  // Redis went back to a state in which the job is not over: it has its files again, if they are there yet.
  const whole = (await stat(spoolPaths(folder).manifest).catch(() => null)) !== null;
  if (whole) await rename(folder, jobFolder(home, id));
  else await rm(folder, FORCE);
  return false;
}

async function jobsThatAreOver({ home, ledger }: PruneParts) {
  const held = new Set(await ledger.held());
  const here = new Set(await namesIn(join(home, 'jobs')));
  const jobs: JobStatus[] = [];
  for (const id of await ledger.list()) {
    const job = here.has(id) ? await ledger.status(id) : null;
    if (job?.delivered) jobs.push(job);
  }
  const over = jobs.map(async ({ id, finishedAt, retryOf }) => ({
    id,
    finishedAt: Date.parse(finishedAt),
    bytes: await bytesIn(jobFolder(home, id)),
    retryOf,
    held: held.has(id),
  }));
  return { over: await Promise.all(over), held };
}

/**
 * Folders of this app and Redis that no job of it names. Without results and a day old a crash left them before there was
 * a job; with results there was one, which Redis has lost.
 */
async function unnamedFolders(parts: PruneParts): Promise<Pick<Pruned, 'leftovers' | 'lost'>> {
  const { home, ledger, redis, wallClock } = parts;
  const folders = await namesIn(join(home, 'jobs'));
  const named = new Set(await ledger.list());
  const leftovers: PrunedFolder[] = [];
  const lost: string[] = [];
  for (const id of folders) {
    const folder = jobFolder(home, id);
    if (named.has(id) || !(await isSubmittedHere(folder, redis))) continue;
    const results = await stat(join(folder, RESULTS_FILE)).catch(() => null);
    const { ctimeMs, mtimeMs } = await stat(folder);
    if (results !== null) lost.push(id);
    else if (wallClock() - Math.max(ctimeMs, mtimeMs) > DAY_MS) {
      leftovers.push({ job: id, bytes: await bytesIn(folder) });
    }
  }
  return { leftovers, lost };
}

async function bytesIn(folder: string): Promise<number> {
  const names = await namesIn(folder);
  const sizes = names.map(async (name) => (await stat(join(folder, name)).catch(() => null))?.size ?? 0);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

const namesIn = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
