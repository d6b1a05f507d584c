import { open, rename } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { encodeChunk } from '../domain/block.ts';
import type { Chunk } from '../domain/chunk.ts';
import { PRIVATE_FILE } from '../private.ts';
import { AppendFile } from './append-file.ts';
import { ENTRY_BYTES, spoolPaths, writeEntry, type BlockEntry, type SpoolManifest } from './spool-file.ts';

/** Writes a spool: chunks in any order, then `commit`. Nothing before the end of `commit` makes a spool. */
export class SpoolWriter {
  chunks = 0;
  readonly #dir: string;
  readonly #blocks: AppendFile;
  readonly #index: AppendFile;
  /** Entries of later rounds, kept until the first round is written: at most one for some hundred rows. */
  readonly #later: BlockEntry[][] = [];

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
    const block = encodeChunk(chunk);
    const entry = { offset: this.#blocks.length, length: block.length, crc: crc32(block) };
    this.#blocks.bytes(block);
    this.chunks += 1;
    if (round === 0) this.#enter(entry);
    else (this.#later[round - 1] ??= []).push(entry);
  }

  async flush(): Promise<void> {
    await this.#blocks.flush();
    await this.#index.flush();
  }

  /** Everything to disk, then the manifest under its name. After this the spool exists, also after a power cut. */
  async commit(manifest: Omit<SpoolManifest, 'blocksBytes' | 'indexBytes' | 'chunks'>): Promise<void> {
    for (const round of this.#later) {
      for (const entry of round) this.#enter(entry);
      await this.#index.flush();
    }
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
    await Promise.all([this.#blocks.close(), this.#index.close()]);
  }

  #enter(entry: BlockEntry): void {
    const index = this.#index;
    index.reserve(ENTRY_BYTES);
    const { used } = index;
    writeEntry(entry, index.block, used);
    index.used = used + ENTRY_BYTES;
    index.wrote(used);
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
