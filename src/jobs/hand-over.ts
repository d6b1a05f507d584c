import { open, stat, type FileHandle } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { countPieces, PIECE_BYTES, pieceAt } from '../domain/pieces.ts';
import { ANSWER_MS, unlessAborted, within } from '../redis/in-time.ts';
import { workError } from '../intake/error.ts';
import { checkRejectsPath, publishRejects } from '../intake/publish.ts';
import { spoolPaths } from '../intake/spool-file.ts';
import type { Source } from '../intake/source.ts';
import type { Answer, Handovers, Offer, Standing } from './handovers.ts';
import { REJECTS_FILE } from './home.ts';
import { openIntakeFolder } from './intake-folder.ts';
import {
  conflict,
  describe,
  findJob,
  identityOf,
  makeId,
  prepareIn,
  type Submission,
  type Submitted,
  type SubmitParts,
} from './submit.ts';

/**
 * No worker has taken the spool in, or nobody can tell: the text says whether something may have been accepted, and what to
 * do.
 */
export class HandoverFailed extends Error {
  override name = 'HandoverFailed';
}

export interface HandOverParts extends SubmitParts {
  handovers: Handovers;
  /** Of one spool in Redis at once: with more there, the producer waits. */
  mostBytes: number;
  /** So long without any progress, and the producer gives up. */
  patienceMs: number;
  /** Said once to whoever waits for a worker. */
  tell: (text: string) => void;
  /** Milliseconds, for patience only. */
  now: () => number;
  /** Default: `PIECE_BYTES`. */
  pieceBytes?: number;
  /** How often it looks how far the worker is. */
  lookMs?: number;
}

/** Before each piece stands its CRC-32, little endian. */
export const CRC_BYTES = 4;

/** What a spool may consist of, by name. */
const { blocks, index, manifest } = spoolPaths('');
export const PART_FILES: readonly string[] = [...[blocks, index, manifest].map((path) => basename(path)), REJECTS_FILE];

const LOOK_MS = 50;
/** Before it says that it waits. */
const TELL_MS = 5000;

/**
 * Prepares an input on this host and hands its spool, piece by piece, to a worker that has a home: for producers that
 * share only Redis. Accepted when it resolves, as with `submit`.
 * @param rejectsPath where rejected rows are written on this side; null: only the worker's home has them
 * @throws HandoverFailed, KeyConflict, IntakeError: nothing was accepted
 */
export async function submitThroughRedis(
  source: Source,
  asked: Submission,
  rejectsPath: string | null,
  parts: HandOverParts,
): Promise<Submitted> {
  const id = makeId(asked.operation, parts);
  const folder = openIntakeFolder(parts.home, id, parts.wallClock);
  try {
    if (rejectsPath !== null) await checkRejectsPath(resolve(rejectsPath), source);
    const prepared = await prepareIn(folder.path, source, asked, parts);
    const rejects = join(folder.path, REJECTS_FILE);
    if (rejectsPath !== null) await publishRejects(prepared.rejects.count > 0 ? [rejects] : null, rejectsPath);
    await parts.inspect?.(prepared);
    const { makesRoom, ...identity } = identityOf(asked, prepared);
    const known = asked.again ? null : await findJob(identity.fingerprint, asked, parts.ledger);
    if (known !== null) return { kind: 'existing', job: known, prepared };
    const { id: _, ...described } = describe(id, identity, asked, prepared, parts);
    const job = { ...described, name: asked.name };
    const spool = await openParts(folder.path, parts);
    try {
      const offer: Offer = { job, makesRoom, files: spool.files, pieceBytes: spool.pieceBytes };
      const answer = await handOver(id, offer, spool.read, parts);
      if (answer.kind === 'refused') throw new HandoverFailed(`A worker did not take the rows: ${answer.why}.`);
      if (answer.kind === 'conflict') throw conflict(asked, answer.job);
      return { kind: answer.kind, job: answer.job, prepared };
    } finally {
      await spool.close();
    }
  } catch (error) {
    // What cannot be told is not to be told as if nothing was accepted.
    if (error instanceof HandoverFailed || !parts.signal?.aborted) throw error;
    throw workError(folder.path, parts.signal, error);
  } finally {
    await folder.remove();
  }
}

/**
 * Offers a spool and sends what is asked for until there is an answer. Gives up when nothing moves for `patienceMs`, or by
 * the signal: then there is no job, unless one was made in that instant.
 * @param read the n-th piece
 */
export async function handOver(
  id: string,
  offer: Offer,
  read: (n: number) => Promise<Buffer>,
  parts: Omit<HandOverParts, 'home' | 'ledger' | 'wallClock' | 'random'>,
): Promise<Answer> {
  const { handovers } = parts;
  try {
    return await sendAll(id, offer, read, parts);
  } catch (error) {
    const abandoned = await within(handovers.abandon(id), ANSWER_MS).catch(() => null);
    if (abandoned === null) throw silent(error);
    if (abandoned.value !== null) return { kind: 'created', job: abandoned.value };
    throw error instanceof Error && error.name === 'ReplyError' ? refused(error) : error;
  }
}

type SendParts = Parameters<typeof handOver>[3];

async function sendAll(
  id: string,
  offer: Offer,
  read: (n: number) => Promise<Buffer>,
  parts: SendParts,
): Promise<Answer> {
  const { handovers, mostBytes, now, lookMs = LOOK_MS, signal } = parts;
  const pieces = countPieces(offer.files, offer.pieceBytes);
  const watch = new Watch(parts, pieces, now());
  let offered = false;
  for (;;) {
    signal?.throwIfAborted();
    const standing = offered ? await inPatience(handovers.look(id), parts) : null;
    if (standing?.answer) {
      // What is left in Redis where this fails expires.
      await within(handovers.abandon(id), ANSWER_MS).catch(() => null);
      return standing.answer;
    }
    if (offered && standing === null) throw lost();
    watch.saw(standing, now());
    const due = standing?.sent ?? 0;
    const length = due < pieces ? pieceAt(offer.files, due, offer.pieceBytes).length + CRC_BYTES : 0;
    const room = standing !== null && (standing.bytes === 0 || standing.bytes + length <= mostBytes);
    try {
      if (!offered) {
        await inPatience(handovers.offer(id, offer), parts);
        offered = true;
        continue;
      }
      if (standing?.adoption && due < pieces && room) {
        await inPatience(handovers.handOver(id, due, withCrc(await read(due))), parts);
        continue;
      }
    } catch (error) {
      if (!isOutOfMemory(error)) throw error;
      watch.full = true;
    }
    await wait(lookMs, undefined, { signal });
  }
}

/** What Redis answers, while there is patience: a client of ours waits for it for ever. */
async function inPatience<T>(asked: Promise<T>, { patienceMs, signal }: SendParts): Promise<T> {
  const answer = await within(unlessAborted(asked, signal), patienceMs);
  if (answer === null) throw silent();
  return answer.value;
}

/** Sees whether anything moves, says that it does not, and gives up. */
class Watch {
  full = false;
  readonly #parts: SendParts;
  readonly #pieces: number;
  #since: number;
  #told = false;
  #last = '';
  #standing: Standing | null = null;

  constructor(parts: SendParts, pieces: number, now: number) {
    this.#parts = parts;
    this.#pieces = pieces;
    this.#since = now;
  }

  /** @throws HandoverFailed */
  saw(standing: Standing | null, now: number): void {
    const at = JSON.stringify([standing?.adoption, standing?.sent, standing?.taken]);
    if (at !== this.#last) {
      [this.#last, this.#since, this.#standing, this.full] = [at, now, standing, false];
      return;
    }
    const { patienceMs, tell } = this.#parts;
    const idle = now - this.#since;
    if (idle >= patienceMs) {
      const seconds = Math.round(patienceMs / 1000);
      throw new HandoverFailed(`${this.#why()}; it waited ${seconds} s. Nothing was accepted. ${this.#advice()}`);
    }
    if (idle >= TELL_MS && !this.#told) {
      this.#told = true;
      tell(`${this.#why()}: waiting`);
    }
  }

  #why(): string {
    if (this.full) return 'Redis is full and takes no piece of the spool';
    if (this.#standing?.adoption == null) return 'no worker takes the rows';
    const { taken, adoption } = this.#standing;
    return `the worker that takes the rows (as ${adoption}) has stopped at piece ${taken} of ${this.#pieces}`;
  }

  #advice(): string {
    return this.full
      ? 'Give Redis more memory, or wait until jobs that run are done, and submit again.'
      : 'Start one for this app with this Redis: befriend worker --roles feed,record, where the home is, and submit again.';
  }
}

function lost(): HandoverFailed {
  return new HandoverFailed(
    'Redis has nothing of the spool that was handed over any more: it has lost data, or for more than a minute it was away ' +
      'or this process stood still. Submit the rows again: if a worker had all of them, that finds its job.',
  );
}

function silent(cause?: unknown): HandoverFailed {
  return new HandoverFailed(
    'Redis does not answer, so it cannot be told whether a worker has made a job of the rows. Submit them again when it ' +
      'does: that finds the job, if there is one.',
    { cause },
  );
}

function refused(cause: Error): HandoverFailed {
  return new HandoverFailed(
    `Redis refused a piece of the spool: ${cause.message}. Nothing was accepted. Mend that, and submit the rows again.`,
    { cause },
  );
}

const isOutOfMemory = (error: unknown): boolean => error instanceof Error && /\bOOM\b/.test(error.message);

function withCrc(bytes: Buffer): Buffer {
  const crc = Buffer.allocUnsafe(CRC_BYTES);
  crc.writeUInt32LE(crc32(bytes));
  return Buffer.concat([crc, bytes]);
}

interface OpenParts {
  files: Offer['files'];
  pieceBytes: number;
  read(n: number): Promise<Buffer>;
  close(): Promise<void>;
}

/** The files of the spool in `folder` and its rejects, to be read in pieces. */
async function openParts(folder: string, { pieceBytes = PIECE_BYTES }: HandOverParts): Promise<OpenParts> {
  const files: Offer['files'] = [];
  const handles: FileHandle[] = [];
  for (const name of PART_FILES) {
    const path = join(folder, name);
    const found = await stat(path).catch(() => null);
    if (found === null) continue;
    files.push({ name, bytes: found.size });
    handles.push(await open(path));
  }
  return {
    files,
    pieceBytes,
    async read(n) {
      const { file, offset, length } = pieceAt(files, n, pieceBytes);
      const bytes = Buffer.allocUnsafe(length);
      for (let got = 0; got < length;) {
        const { bytesRead } = await handles[file]!.read(bytes, got, length - got, offset + got);
        if (bytesRead === 0) throw new HandoverFailed(`${files[file]!.name} became shorter while it was handed over.`);
        got += bytesRead;
      }
      return bytes;
    },
    async close() {
      await Promise.all(handles.map((handle) => handle.close()));
    },
  };
}
