import { open, type FileHandle } from 'node:fs/promises';
import { PRIVATE_FILE } from '../private.ts';

const BLOCK = 1 << 20;

/**
 * A file written at its end only. Writing fills memory and never waits, so that parsers stay synchronous;
 * `flush` takes it to disk and is awaited between blocks of input, which bounds what is held.
 */
export class AppendFile {
  /** Bytes written, flushed or not. */
  length = 0;
  /** What a writer of single bytes fills, from `used` on, after `reserve`. */
  block: Buffer = Buffer.allocUnsafeSlow(BLOCK);
  used = 0;
  readonly #file: FileHandle;
  readonly #full: Buffer[] = [];
  readonly #spare: Buffer[] = [];

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Creates the file, or empties it. */
  static async create(path: string): Promise<AppendFile> {
    return new AppendFile(await open(path, 'w', PRIVATE_FILE));
  }

  /** Makes room for `bytes` (at most 64 KiB) in `block`. The caller then moves `used` and calls `wrote`. */
  reserve(bytes: number): void {
    if (this.used + bytes > BLOCK) this.#roll();
  }

  wrote(from: number): void {
    this.length += this.used - from;
  }

  text(text: string): void {
    // Three bytes of UTF-8 at most for each UTF-16 unit.
    if (text.length * 3 > BLOCK - this.used) return this.bytes(Buffer.from(text));
    const written = this.block.write(text, this.used);
    this.used += written;
    this.length += written;
  }

  bytes(bytes: Buffer): void {
    if (this.used + bytes.length > BLOCK) this.#roll();
    if (bytes.length > BLOCK) this.#full.push(bytes);
    else {
      bytes.copy(this.block, this.used);
      this.used += bytes.length;
    }
    this.length += bytes.length;
  }

  /** Takes every full block to the file; with `all`, the begun one too. */
  async flush(all = false): Promise<void> {
    if (all) this.#roll();
    while (this.#full.length > 0) {
      const bytes = this.#full.shift() as Buffer;
      await this.#file.writeFile(bytes);
      if (bytes.buffer.byteLength === BLOCK && this.#spare.length < 4) this.#spare.push(Buffer.from(bytes.buffer));
    }
  }

  /** Everything on disk for good. */
  async sync(): Promise<void> {
    await this.flush(true);
    await this.#file.sync();
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  #roll(): void {
    if (this.used === 0) return;
    this.#full.push(this.block.subarray(0, this.used));
    this.block = this.#spare.pop() ?? Buffer.allocUnsafeSlow(BLOCK);
    this.used = 0;
  }
}
