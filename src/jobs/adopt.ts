import { open, type FileHandle } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import type { Logger } from 'pino';
import { countPieces, pieceAt } from '../domain/pieces.ts';
import { IntakeError } from '../intake/error.ts';
import { openSpool } from '../intake/spool.ts';
import { PRIVATE_FILE } from '../private.ts';
import { CRC_BYTES, PART_FILES } from './hand-over.ts';
import { ADOPTER_MS, type Answer, type Handovers, type Offer } from './handovers.ts';
import { fullText } from './home.ts';
import { openIntakeFolder } from './intake-folder.ts';
import { accept, type AcceptParts, makeId } from './submit.ts';

export interface AdoptParts extends AcceptParts {
  handovers: Handovers;
  random: () => number;
  log: Logger;
  /** How often it looks for spools that want a home. */
  lookMs?: number;
}

const LOOK_MS = 250;
/** How often it looks for the next piece. */
const PIECE_MS = 20;
/** Spools that one worker takes at once. */
const AT_ONCE = 8;

/** Takes spools of producers that share only Redis into this home, until stopped. Any number of workers may. */
export async function runAdopter(parts: AdoptParts, signal: AbortSignal): Promise<void> {
  const { handovers, log, lookMs = LOOK_MS } = parts;
  const going = new Map<string, Promise<void>>();
  while (!signal.aborted) {
    const waiting = await handovers.waiting().catch(() => []);
    for (const id of waiting) {
      if (going.has(id) || going.size >= AT_ONCE) continue;
      const adopting = adopt(id, parts, signal)
        .catch((error: unknown) => {
          if (!signal.aborted) log.warn({ err: error, handover: id }, 'adopter: trying again');
        })
        .finally(() => going.delete(id));
      going.set(id, adopting);
    }
    await wait(lookMs, undefined, { signal }).catch(() => {});
  }
  await Promise.all(going.values());
}

/**
 * Takes one spool in, piece by piece, makes the job of it and tells the producer. A crash leaves a folder under `intake`,
 * or one under `jobs` that no job names, as one of a submission does; another worker begins with the first piece.
 */
export async function adopt(id: string, parts: AdoptParts, signal: AbortSignal): Promise<void> {
  const { handovers, home, log } = parts;
  const offer = await handovers.offered(id);
  const job = makeId(offer?.job.operation ?? 'import', parts);
  if ((await handovers.adopt(id, job)) !== 'adopted' || offer === null) return;
  const beats = setInterval(() => void handovers.stillAtIt(id).catch(() => {}), ADOPTER_MS / 4);
  try {
    const answer = await takeIn(id, job, offer, parts, signal);
    if (answer === null)
      return log.info({ handover: id, job }, 'adopter: its producer is gone, or another worker has it');
    await handovers.answer(id, job, answer);
    if (answer.kind === 'refused') log.error({ handover: id, job }, `adopter: not taken, ${answer.why}`);
    else log.info({ handover: id, job: answer.job, home }, `adopter: ${answer.kind}`);
  } finally {
    clearInterval(beats);
  }
}

/** @returns null when somebody else decides: there is nothing here to be told */
async function takeIn(
  id: string,
  job: string,
  offer: Offer,
  parts: AdoptParts,
  signal: AbortSignal,
): Promise<Answer | null> {
  const folder = openIntakeFolder(parts.home, job, parts.wallClock);
  try {
    if (!(await receive(folder.path, offer, (has) => nextPiece(id, job, has, parts, signal)))) return null;
    await (await openSpool(folder.path)).close();
    const { kind, job: named } = await accept(
      folder.path,
      { ...offer.job, id: job, name: offer.job.name ?? job },
      offer.makesRoom,
      parts,
    );
    return kind === 'withdrawn' ? null : { kind, job: named };
  } catch (error) {
    const why = refusal(error, parts.home);
    if (why === null) throw error;
    return { kind: 'refused', why };
  } finally {
    await folder.remove();
  }
}

/** What of this home or of the spool stands against it; null: Redis failed, and another try may do. */
function refusal(error: unknown, home: string): string | null {
  const { code } = error as NodeJS.ErrnoException;
  const place = `${hostname()}:${home}`;
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'no-space') return `${fullText(place)}; then submit again`;
  if (error instanceof IntakeError) return error.message;
  return ['EACCES', 'EPERM', 'EROFS', 'EIO', 'EMFILE'].includes(code ?? '')
    ? `the home ${place} cannot be written: ${(error as Error).message}`
    : null;
}

/** The next piece, checked and ready to be written; null when the spool is lost to this worker. */
async function nextPiece(
  id: string,
  job: string,
  has: number,
  { handovers }: AdoptParts,
  signal: AbortSignal,
): Promise<Buffer | null> {
  for (;;) {
    signal.throwIfAborted();
    const drawn = await handovers.draw(id, job, has);
    if (drawn.kind === 'lost') return null;
    if (drawn.kind === 'none') {
      await wait(PIECE_MS, undefined, { signal });
      continue;
    }
    const piece = drawn.bytes.subarray(CRC_BYTES);
    if (drawn.bytes.length > CRC_BYTES && drawn.bytes.readUInt32LE(0) === crc32(piece)) return piece;
    throw new IntakeError(
      'spool-damaged',
      `piece ${has} of the spool came damaged through Redis. Submit the rows again`,
    );
  }
}

/** Writes all files of the spool, durably. @returns false when the spool is lost to this worker */
async function receive(
  folder: string,
  { files, pieceBytes }: Offer,
  next: (has: number) => Promise<Buffer | null>,
): Promise<boolean> {
  // What comes from elsewhere names no path here.
  const odd = files.find(({ name }) => !PART_FILES.includes(name));
  if (odd !== undefined) throw new IntakeError('spool-damaged', 'the spool has a file that befriend does not know');
  const handles: FileHandle[] = [];
  try {
    for (const { name } of files) handles.push(await open(join(folder, name), 'w', PRIVATE_FILE));
    const pieces = countPieces(files, pieceBytes);
    for (let n = 0; n < pieces; n += 1) {
      const bytes = await next(n);
      if (bytes === null) return false;
      const { file, offset, length } = pieceAt(files, n, pieceBytes);
      if (bytes.length !== length) throw new IntakeError('spool-damaged', `piece ${n} of the spool has another length`);
      await writeAt(handles[file]!, bytes, offset);
    }
    for (const handle of handles) await handle.sync();
  } finally {
    await Promise.all(handles.map((handle) => handle.close()));
  }
  const directory = await open(folder);
  await directory.sync().finally(() => directory.close());
  return true;
}

async function writeAt(file: FileHandle, bytes: Buffer, at: number): Promise<void> {
  for (let written = 0; written < bytes.length;) {
    written += (await file.write(bytes, written, bytes.length - written, at + written)).bytesWritten;
  }
}
