import { createHash } from 'node:crypto';
import { chmod, open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobDescriptor, Priority } from '../domain/job.ts';
import { type OperationName, type OperationOptions, OPERATIONS } from '../domain/operation.ts';
import { type Origin, type Prepared, type PrepareOptions, prepare } from '../intake/prepare.ts';
import { digestOf } from '../intake/digest.ts';
import { IntakeError, workError } from '../intake/error.ts';
import { pathsOf, type Source } from '../intake/source.ts';
import { PRIVATE_FILE } from '../private.ts';
import { jobFolder, REJECTS_FILE } from './home.ts';
import { openIntakeFolder } from './intake-folder.ts';
import type { Ledger, MakesRoom } from './ledger.ts';
import { noteWhereabouts, type Whereabouts } from './whereabouts.ts';

/** What is asked for. */
export interface Submission {
  operation: OperationName;
  options?: OperationOptions;
  /** For people; default: the job's id. */
  name?: string;
  priority?: Priority;
  /** The same key always means the same job, finished or not. Without one, content and options are the key. */
  idempotencyKey?: string;
  /** Do not go on with an unfinished job of the same content and options: make another one. */
  again?: boolean;
  /** Accept ids with characters that the vendor's rules do not list. */
  looseIds?: boolean;
  /** The accounts of the rows are checked before the job exists (`inspect`): noted, for those who find it later. */
  preflight?: true;
}

export interface Submitted {
  kind: 'created' | 'existing';
  job: string;
  /** What intake found; null when the job was there already and nothing was read. */
  prepared: Prepared | null;
}

/** The idempotency key names a job of other content, operation or options. */
export class KeyConflict extends Error {
  override name = 'KeyConflict';
}

export interface SubmitParts {
  home: string;
  ledger: Ledger;
  /** Where the ledger is, noted beside the job's files. */
  redis?: Omit<Whereabouts, 'fingerprint'>;
  /** Milliseconds since 1970. */
  wallClock: () => number;
  random: () => number;
  signal?: AbortSignal;
  onProgress?: PrepareOptions['onProgress'];
  /**
   * Looks at what was prepared before a job is made of it; its spool is in `prepared.dir` until this resolves. What it
   * throws ends the submission, and nothing was accepted. Not asked where the job was there already.
   */
  inspect?: (prepared: Prepared) => Promise<void>;
}

/** Takes an input in as a job, or finds the unfinished one of the same content. */
export async function submit(source: Source, asked: Submission, parts: SubmitParts): Promise<Submitted> {
  const { home, ledger } = parts;
  const paths = pathsOf(source);
  if (paths.length > 0 && !asked.again) {
    const known = await findJob(fingerprintOf(asked, await digestOf(paths)), asked, ledger);
    if (known !== null) {
      await mustBeHere(home, known);
      return { kind: 'existing', job: known, prepared: null };
    }
  }
  return createJob(source, asked, (prepared) => identityOf(asked, prepared), parts);
}

/** What says which job this is. */
export interface Identity extends Pick<JobDescriptor, 'key' | 'fingerprint' | 'retryOf'> {
  /** Which job of the same key makes room for this one. */
  makesRoom: MakesRoom;
}

/**
 * Intake, spool, job: a row is accepted when the `submit` script has run. A crash before leaves a folder under
 * `intake` that the next start removes, or, in the instant before the script, one under `jobs` that no job names.
 * @param identify may refuse by throwing: then nothing is left behind
 */
export async function createJob(
  origin: Origin,
  asked: Submission,
  identify: (prepared: Prepared) => Identity,
  parts: SubmitParts,
): Promise<Submitted> {
  const { home } = parts;
  const id = makeId(asked.operation, parts);
  const folder = openIntakeFolder(home, id, parts.wallClock);
  try {
    const prepared = await prepareIn(folder.path, origin, asked, parts);
    await parts.inspect?.(prepared);
    const { makesRoom, ...identity } = identify(prepared);
    const job = describe(id, identity, asked, prepared, parts);
    const { kind, job: named } = await accept(folder.path, job, makesRoom, parts);
    if (kind === 'created') return { kind, job: id, prepared };
    if (kind === 'conflict') throw conflict(asked, named);
    if (kind === 'withdrawn') throw withdrawn();
    await mustBeHere(home, named);
    return { kind, job: named, prepared };
  } finally {
    await folder.remove();
  }
}

export type AcceptParts = Pick<SubmitParts, 'home' | 'ledger' | 'redis' | 'wallClock' | 'signal'>;

/**
 * The folder of a committed spool becomes that of its job, and the job is there: the one moment of acceptance. What the
 * ledger does not make a job of is gone afterwards.
 */
export async function accept(
  folder: string,
  job: JobDescriptor,
  makesRoom: MakesRoom,
  parts: AcceptParts,
): Promise<{ kind: 'created' | 'existing' | 'conflict' | 'withdrawn'; job: string }> {
  const { home, ledger } = parts;
  await complete(folder, job, parts);
  await publish(folder, home, job.id);
  const discard = () => rm(jobFolder(home, job.id), { recursive: true, force: true });
  const submitted = await ledger.submit(job, makesRoom, parts.wallClock()).catch(async (error: Error) => {
    if (await isRefused(error, job.id, ledger)) await discard();
    throw error;
  });
  // Somebody was faster with the same rows; theirs are in its spool.
  if (submitted.kind !== 'created') await discard();
  return submitted;
}

/**
 * Whether there surely is no job (Redis is full, or cannot write). The client may have sent the script twice, with the
 * first answer lost: a refusal alone proves nothing, and a replica may not know the job yet. A folder too many does no
 * harm, one too few loses an accepted job.
 */
async function isRefused(error: Error, id: string, ledger: Ledger): Promise<boolean> {
  if (error.name !== 'ReplyError' || /READONLY|MASTERDOWN|LOADING/.test(error.message)) return false;
  return ledger.status(id).then(
    (job) => job === null,
    () => false,
  );
}

/** What else belongs into a job's folder; rejects hold rows, and are as private as the rest. */
async function complete(folder: string, { fingerprint }: JobDescriptor, { redis, signal }: AcceptParts): Promise<void> {
  try {
    if (redis) await noteWhereabouts(folder, { ...redis, fingerprint });
    await chmod(join(folder, REJECTS_FILE), PRIVATE_FILE).catch(ignoreMissing);
  } catch (error) {
    throw workError(folder, signal, error);
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}

/** The spool gets its place in the home, durably: the ledger must never name a spool that a power cut undoes. */
async function publish(folder: string, home: string, id: string): Promise<void> {
  await rename(folder, jobFolder(home, id));
  const jobs = await open(join(home, 'jobs'));
  await jobs.sync();
  await jobs.close();
}

/** Intake only: what the job would be. Leaves nothing behind but the rejects, at `rejectsPath`. */
export async function plan(
  source: Source,
  asked: Submission,
  rejectsPath: string,
  parts: Omit<SubmitParts, 'ledger'>,
): Promise<Prepared> {
  const folder = openIntakeFolder(parts.home, makeId(asked.operation, parts), parts.wallClock);
  try {
    const prepared = await prepareIn(folder.path, source, asked, parts, rejectsPath);
    await parts.inspect?.(prepared);
    return prepared;
  } finally {
    await folder.remove();
  }
}

export function prepareIn(
  folder: string,
  origin: Origin,
  { operation, options = {}, looseIds = false }: Submission,
  { signal, onProgress }: Pick<SubmitParts, 'signal' | 'onProgress'>,
  rejectsPath = join(folder, REJECTS_FILE),
): Promise<Prepared> {
  return prepare(origin, {
    operation: OPERATIONS[operation],
    options,
    dir: folder,
    rejectsPath,
    looseIds,
    signal,
    onProgress,
  });
}

/** The unfinished job of these rows, or the job of the idempotency key. */
export async function findJob(fingerprint: string, asked: Submission, ledger: Ledger): Promise<string | null> {
  const id = await ledger.find(asked.idempotencyKey ?? fingerprint);
  const job = id === null ? null : await ledger.status(id);
  if (job === null) return null;
  if (job.fingerprint !== fingerprint) throw conflict(asked, job.id);
  const finished = job.state === 'completed' || job.state === 'cancelled';
  return finished && asked.idempotencyKey === undefined ? null : job.id;
}

export function conflict({ idempotencyKey }: Submission, job: string): KeyConflict {
  return new KeyConflict(
    `The idempotency key "${idempotencyKey}" belongs to job ${job}, which has other rows, another operation or other ` +
      'options. Nothing was submitted: use a new key for new content.',
  );
}

function withdrawn(): IntakeError {
  return new IntakeError(
    'unreadable',
    'While this process stood still, between reading the input and submitting it, its folder was taken for a leftover and ' +
      'removed (befriend jobs prune). Nothing was accepted: run the same command again',
  );
}

/** A key of the user's names one job for ever; content names its unfinished job, unless another one is wanted. */
export function identityOf(asked: Submission, { digest }: Prepared): Identity {
  const { idempotencyKey, again } = asked;
  const fingerprint = fingerprintOf(asked, digest);
  if (idempotencyKey !== undefined) return { key: idempotencyKey, fingerprint, makesRoom: 'none' };
  return { key: fingerprint, fingerprint, makesRoom: again ? 'any' : 'finished' };
}

/** The job's spool is in another home: nothing here could feed it, and its results file is there. */
export class JobElsewhere extends Error {
  override name = 'JobElsewhere';
}

async function mustBeHere(home: string, job: string): Promise<void> {
  const here = await stat(jobFolder(home, job)).catch(() => null);
  if (here !== null) return;
  throw new JobElsewhere(
    `Job ${job} has these rows already, but its files are not in this home (${home}). Set BEFRIEND_HOME to the home ` +
      `it was submitted from, or end it with \`befriend cancel ${job}\`, or start another one with --new.`,
  );
}

/** The identity of what is asked: operation, options that change calls or rows, and content. */
function fingerprintOf({ operation, options = {}, looseIds = false }: Submission, digest: string): string {
  const chosen = Object.entries({ ...options, looseIds })
    .filter(([, value]) => value !== undefined && value !== false)
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256')
    .update(JSON.stringify([operation, chosen, digest]))
    .digest('hex');
}

export function describe(
  id: string,
  identity: Omit<Identity, 'makesRoom'>,
  { operation, options = {}, name = id, priority = 'normal', preflight }: Submission,
  { totals, chunks }: Prepared,
  { wallClock }: SubmitParts,
): JobDescriptor {
  return {
    id,
    name,
    operation,
    options,
    priority,
    ...identity,
    chunks,
    ...totals,
    ...(preflight && { preflight }),
    createdAt: new Date(wallClock()).toISOString(),
  };
}

/** e.g. import-20261121-231501-4f2a: readable, sorted by time, unique with the ledger's help. */
export function makeId(
  operation: OperationName,
  { wallClock, random }: Pick<SubmitParts, 'wallClock' | 'random'>,
): string {
  const stamp = new Date(wallClock()).toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15);
  const tail = Math.floor(random() * 2 ** 32)
    .toString(16)
    .padStart(8, '0');
  return `${operation}-${stamp}-${tail}`;
}
