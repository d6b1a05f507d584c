import { open, readFile, rm, rmdir, type FileHandle } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import type { Spool } from '../domain/spool.ts';
import { IntakeError } from './error.ts';
import {
  ENTRY_BYTES,
  readEntry,
  SPOOL_VERSION,
  spoolPaths,
  type BlockEntry,
  type SpoolManifest,
} from './spool-file.ts';

export interface FileSpool extends Spool {
  manifest: SpoolManifest;
}

/** Blocks that lie at most this far apart are read at once, bytes between them included. */
const GAP = 64 * 1024;
/** One read takes at most this. Bytes. */
const MAX_READ = 8 * 1024 * 1024;

/** Opens the spool in `dir`. Errors: `spool-missing`, `spool-damaged`, `unreadable`. */
export async function openSpool(dir: string): Promise<FileSpool> {
  const manifest = await readManifest(dir);
  const paths = spoolPaths(dir);
  const index = await openPart(dir, paths.index, manifest.indexBytes);
  let blocks: FileHandle;
  try {
    blocks = await openPart(dir, paths.blocks, manifest.blocksBytes);
  } catch (error) {
    await index.close();
    throw error;
  }
  return {
    manifest,
    totals: manifest.totals,
    chunks: manifest.chunks,
    async read(first, count) {
      const wanted = Math.max(0, Math.min(count, manifest.chunks - first));
      if (wanted === 0) return [];
      const entries = await readEntries(index, paths.index, first, wanted, manifest);
      return readBlocks(blocks, paths.blocks, entries, first);
    },
    async close() {
      await Promise.all([index.close(), blocks.close()]);
    },
  };
}

/** The manifest of the spool in `dir`, checked. */
export async function readManifest(dir: string): Promise<SpoolManifest> {
  const path = spoolPaths(dir).manifest;
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (!['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) {
      throw new IntakeError('unreadable', `${path}: cannot be read: ${(error as Error).message}`, error);
    }
    throw new IntakeError(
      'spool-missing',
      `${dir} holds no spool (no spool.json): its input was never accepted, or it was removed. Prepare the input again`,
      error,
    );
  }
  let manifest: SpoolManifest;
  try {
    manifest = JSON.parse(text) as SpoolManifest;
  } catch (error) {
    throw damaged(path, 'is not JSON', error);
  }
  if (manifest?.version !== SPOOL_VERSION) {
    throw damaged(path, `has version ${String(manifest?.version)}, this befriend reads version ${SPOOL_VERSION}`);
  }
  const { totals, chunks, blocksBytes, indexBytes } = manifest;
  const { rows, accepted, invalid, duplicate } = totals ?? {};
  const counts = [rows, accepted, invalid, duplicate, chunks, manifest.stride ?? 1, blocksBytes, indexBytes];
  if (!counts.every((count) => Number.isSafeInteger(count) && count >= 0)) throw damaged(path, 'lacks its counts');
  if (indexBytes !== chunks * ENTRY_BYTES || totals.rows !== totals.accepted + totals.invalid + totals.duplicate) {
    throw damaged(path, 'has counts that do not add up');
  }
  return manifest;
}

/** True when `dir` holds a committed spool. */
export async function hasSpool(dir: string): Promise<boolean> {
  try {
    await readManifest(dir);
    return true;
  } catch (error) {
    if (error instanceof IntakeError && error.code === 'spool-missing') return false;
    throw error;
  }
}

/** Removes the spool in `dir`, or what an interrupted `prepare` left of one; then the directory, if that empties it. */
export async function discardSpool(dir: string): Promise<void> {
  const paths = spoolPaths(dir);
  // The manifest first: a crash in between leaves litter, never half a spool.
  for (const path of [paths.manifest, paths.manifestDraft, paths.index, paths.blocks]) await rm(path, { force: true });
  await rm(paths.work, { recursive: true, force: true });
  await rmdir(dir).catch(() => {});
}

async function openPart(dir: string, path: string, size: number): Promise<FileHandle> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    throw damaged(dir, `has a manifest, but ${path} cannot be opened (${(error as Error).message})`, error);
  }
  const found = await file.stat();
  if (found.size === size) return file;
  await file.close();
  throw damaged(path, `has ${found.size} bytes, its manifest says ${size}`);
}

async function readEntries(
  file: FileHandle,
  path: string,
  first: number,
  count: number,
  { stride = 1, chunks }: SpoolManifest,
): Promise<BlockEntry[]> {
  if (stride === 1) {
    const bytes = await readAt(file, path, first * ENTRY_BYTES, count * ENTRY_BYTES);
    return Array.from({ length: count }, (_, i) => readEntry(bytes, i * ENTRY_BYTES));
  }
  const entries: BlockEntry[] = [];
  for (let i = 0; i < count; i++) {
    // Beyond 2^53 only from 10^8 chunks on: their product is no exact number any more.
    const place = Number((BigInt(first + i) * BigInt(stride)) % BigInt(chunks));
    entries.push(readEntry(await readAt(file, path, place * ENTRY_BYTES, ENTRY_BYTES), 0));
  }
  return entries;
}

/** Entries run through the file forwards within a round, so that neighbours come with one read. */
async function readBlocks(file: FileHandle, path: string, entries: BlockEntry[], first: number): Promise<Buffer[]> {
  const blocks: Buffer[] = [];
  while (blocks.length < entries.length) {
    const start = (entries[blocks.length] as BlockEntry).offset;
    let run = blocks.length;
    let end = start;
    for (; run < entries.length; run++) {
      const { offset, length } = entries[run] as BlockEntry;
      const near = offset >= end && offset - end <= GAP && offset + length - start <= MAX_READ;
      if (run > blocks.length && !near) break;
      end = offset + length;
    }
    const bytes = await readAt(file, path, start, end - start);
    for (const { offset, length, crc } of entries.slice(blocks.length, run)) {
      // A copy, so that one block kept does not keep the whole run.
      const block = Buffer.from(bytes.subarray(offset - start, offset - start + length));
      if (crc32(block) !== crc) throw damaged(path, `is corrupt at chunk ${first + blocks.length}, byte ${offset}`);
      blocks.push(block);
    }
  }
  return blocks;
}

async function readAt(file: FileHandle, path: string, at: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  for (let read = 0; read < length;) {
    const { bytesRead } = await file.read(bytes, read, length - read, at + read);
    if (bytesRead === 0) throw damaged(path, `ends at byte ${at + read}, where ${length - read} more are expected`);
    read += bytesRead;
  }
  return bytes;
}

function damaged(path: string, what: string, cause?: unknown): IntakeError {
  return new IntakeError(
    'spool-damaged',
    `spool ${path} ${what}. It cannot be repaired: cancel its job and prepare the input again`,
    cause,
  );
}
