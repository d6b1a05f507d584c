import { open, rename } from 'node:fs/promises';
import { chunkJson } from '../domain/block.ts';
import type { Chunk } from '../domain/chunk.ts';
import { PRIVATE_FILE } from '../private.ts';
import { AppendFile } from './append-file.ts';
import { type Batch, pack, type Packed } from './pack.ts';
import { Packer } from './packer.ts';
import { ENTRY_BYTES, spoolPaths, writeEntry, type BlockEntry, type SpoolManifest } from './spool-file.ts';

/** JSON of one batch, in bytes: more is packed beside the cutting, a batch at a time. */
const BATCH = 1 << 20;

/**
 * Writes a spool: chunks in any order, then `commit`. Nothing before the end of `commit` makes a spool. In memory stand two
 * batches, and an entry for each chunk of an account beyond its first.
 */
export class SpoolWriter {
  chunks = 0;
  readonly #dir: string;
  readonly #blocks: AppendFile;
  readonly #index: AppendFile;
  readonly #later = new LaterEntries();
  readonly #packer = new Packer();
  #json = new Uint8Array(2 * BATCH);
  #used = 0;
  #ends: number[] = [];
  #rounds: number[] = [];
  /** The batch that is being packed. */
  #packing: { rounds: number[]; packed: Promise<Packed> } | null = null;

  private constructor(dir: string, blocks: AppendFile, index: AppendFile) {
    this.#dir = dir;
    this.#blocks = blocks;
    this.#index = index;
  }

  static async create(dir: string): Promise<SpoolWriter> {
    const paths = spoolPaths(dir);
    const blocks = await AppendFile.create(paths.blocks);
    try {
      return new SpoolWriter(dir, blocks, await AppendFile.create(paths.index));
    } catch (error) {
      await blocks.close();
      throw error;
    }
  }

  /** `round` counts the chunks of one account, from 0. */
  add(chunk: Chunk, round: number): void {
    const json = chunkJson(chunk);
    // Three bytes of UTF-8 at most for each UTF-16 unit.
    this.#reserve(3 * json.length);
    this.#used += Buffer.from(this.#json.buffer).write(json, this.#used);
    this.#ends.push(this.#used);
    this.#rounds.push(round);
    this.chunks += 1;
  }

  async flush(): Promise<void> {
    if (this.#used < BATCH) return;
    await this.#finish(this.#packing);
    const { rounds, batch } = this.#takeBatch();
    const packed = this.#packer.packBeside(batch);
    // Awaited with the next batch; if another error comes first, this one is of no interest.
    packed.catch(() => {});
    this.#packing = { rounds, packed };
  }

  /** Everything to disk, then the manifest under its name. After this the spool exists, also after a power cut. */
  async commit(manifest: Omit<SpoolManifest, 'blocksBytes' | 'indexBytes' | 'chunks'>): Promise<void> {
    await this.#finish(this.#packing);
    const { rounds, batch } = this.#takeBatch();
    this.#enter(rounds, pack(batch));
    for (const entry of this.#later.inOrder()) this.#index.bytes(entry);
    await this.#blocks.sync();
    await this.#index.sync();
    const paths = spoolPaths(this.#dir);
    const whole: SpoolManifest = {
      ...manifest,
      chunks: this.chunks,
      blocksBytes: this.#blocks.length,
      indexBytes: this.#index.length,
    };
    const draft = await open(paths.manifestDraft, 'w', PRIVATE_FILE);
    try {
      await draft.writeFile(`${JSON.stringify(whole, null, 2)}\n`);
      await draft.sync();
    } finally {
      await draft.close();
    }
    await rename(paths.manifestDraft, paths.manifest);
    await syncDirectory(this.#dir);
  }

  async close(): Promise<void> {
    await Promise.all([this.#packer.close(), this.#blocks.close(), this.#index.close()]);
  }

  #reserve(bytes: number): void {
    const needed = this.#used + bytes;
    if (needed <= this.#json.length) return;
    const grown = new Uint8Array(2 * needed);
    grown.set(this.#json.subarray(0, this.#used));
    this.#json = grown;
  }

  #takeBatch(): { rounds: number[]; batch: Batch } {
    const taken = {
      rounds: this.#rounds,
      batch: { json: this.#json.subarray(0, this.#used), ends: Uint32Array.from(this.#ends) },
    };
    this.#json = new Uint8Array(2 * BATCH);
    this.#used = 0;
    this.#ends = [];
    this.#rounds = [];
    return taken;
  }

  /** Waits for a batch, if there is one, and writes it. */
  async #finish(packing: { rounds: number[]; packed: Promise<Packed> } | null): Promise<void> {
    if (packing === null) return;
    this.#enter(packing.rounds, await packing.packed);
    await this.#blocks.flush();
    await this.#index.flush();
  }

  #enter(rounds: number[], { blocks, ends, crcs }: Packed): void {
    let start = 0;
    for (const [i, round] of rounds.entries()) {
      const end = ends[i] as number;
      const entry = { offset: this.#blocks.length + start, length: end - start, crc: crcs[i] as number };
      if (round > 0) this.#later.add(round, entry);
      else this.#index.bytes(bytesOf(entry));
      start = end;
    }
    this.#blocks.bytes(Buffer.from(blocks.buffer));
  }
}

function bytesOf(entry: BlockEntry): Buffer {
  const bytes = Buffer.allocUnsafe(ENTRY_BYTES);
  writeEntry(entry, bytes, 0);
  return bytes;
}

/**
 * Entries of later rounds, kept until the first round is written: 18 bytes a chunk of some hundred rows, and as much again
 * for a moment while they grow and while they are put in order.
 */
class LaterEntries {
  #rounds = new Uint32Array(1024);
  #entries = Buffer.allocUnsafe(1024 * ENTRY_BYTES);
  #count = 0;
  #most = 0;

  add(round: number, entry: BlockEntry): void {
    if (this.#count === this.#rounds.length) this.#grow();
    this.#rounds[this.#count] = round;
    writeEntry(entry, this.#entries, this.#count * ENTRY_BYTES);
    this.#count += 1;
    this.#most = Math.max(this.#most, round);
  }

  /** Round by round; within a round as they came. */
  *inOrder(): Generator<Buffer> {
    const places = new Uint32Array(this.#most + 2);
    for (const round of this.#rounds.subarray(0, this.#count)) places[round + 1]! += 1;
    for (let round = 1; round < places.length; round++) places[round]! += places[round - 1]!;
    const order = new Uint32Array(this.#count);
    for (let n = 0; n < this.#count; n++) order[places[this.#rounds[n]!]!++] = n;
    for (const n of order) yield this.#entries.subarray(n * ENTRY_BYTES, (n + 1) * ENTRY_BYTES);
  }

  #grow(): void {
    const rounds = new Uint32Array(2 * this.#count);
    rounds.set(this.#rounds);
    this.#rounds = rounds;
    this.#entries = Buffer.concat([this.#entries, Buffer.allocUnsafe(this.#entries.length)]);
  }
}

async function syncDirectory(dir: string): Promise<void> {
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
