import { open, type FileHandle } from 'node:fs/promises';
import { PRIVATE_FILE } from '../private.ts';

const BLOCK = 1 << 20;
/** Blocks that were written, kept to be filled again. */
const SPARE_BLOCKS = 2;

/**
 * A file written at its end only. Writing fills memory and never waits, so that parsers stay synchronous;
 * `flush` takes it to disk and is awaited between blocks of input, which bounds what is held.
 */
export class AppendFile {
  /** Bytes written, flushed or not. */
  length = 0;
  /** What a writer of single bytes fills, from `used` on, after `reserve`. */
  block: Buffer;
  used = 0;
  readonly #path: string;
  readonly #blockBytes: number;
  #file: FileHandle | null = null;
  readonly #full: Buffer[] = [];
  readonly #spare: Buffer[] = [];

  private constructor(path: string, blockBytes: number) {
    this.#path = path;
    this.#blockBytes = blockBytes;
    this.block = Buffer.allocUnsafeSlow(blockBytes);
  }

  /** Creates the file, or empties it. */
  static async create(path: string): Promise<AppendFile> {
    const file = new AppendFile(path, BLOCK);
    await file.#opened();
    return file;
  }

  /** The same with the first flush. */
  static later(path: string, blockBytes: number): AppendFile {
    return new AppendFile(path, blockBytes);
  }

  /** A flush has something to write. */
  get isBehind(): boolean {
    return this.#full.length > 0;
  }

  /** Makes room for `bytes` (at most a block) in `block`. The caller then moves `used` and calls `wrote`. */
  reserve(bytes: number): void {
    if (this.used + bytes > this.#blockBytes) this.#roll();
  }

  wrote(from: number): void {
    this.length += this.used - from;
  }

  text(text: string): void {
    // Three bytes of UTF-8 at most for each UTF-16 unit.
    if (text.length * 3 > this.#blockBytes - this.used) return this.bytes(Buffer.from(text));
    const written = this.block.write(text, this.used);
    this.used += written;
    this.length += written;
  }

  bytes(bytes: Buffer): void {
    if (this.used + bytes.length > this.#blockBytes) this.#roll();
    if (bytes.length > this.#blockBytes) this.#full.push(bytes);
    else {
      bytes.copy(this.block, this.used);
      this.used += bytes.length;
    }
    this.length += bytes.length;
  }

  /** Takes every full block to the file; with `all`, the begun one too. */
  async flush(all = false): Promise<void> {
    if (all) this.#roll();
    const file = await this.#opened();
    while (this.#full.length > 0) {
      const bytes = this.#full.shift() as Buffer;
      await file.writeFile(bytes);
      const isSpare = bytes.buffer.byteLength === this.#blockBytes && this.#spare.length < SPARE_BLOCKS;
      if (isSpare) this.#spare.push(Buffer.from(bytes.buffer));
    }
  }

  /** Everything on disk for good. */
  async sync(): Promise<void> {
    await this.flush(true);
    await (await this.#opened()).sync();
  }

  async close(): Promise<void> {
    await this.#file?.close();
  }

  async #opened(): Promise<FileHandle> {
    return (this.#file ??= await open(this.#path, 'w', PRIVATE_FILE));
  }

  #roll(): void {
    if (this.used === 0) return;
    this.#full.push(this.block.subarray(0, this.used));
    this.block = this.#spare.pop() ?? Buffer.allocUnsafeSlow(this.#blockBytes);
    this.used = 0;
  }
}
