import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readError } from './error.ts';
import { checkFile } from './source.ts';

/**
 * SHA-256 of a file's bytes, hex: what `Prepared.digest` is for a file, found without reading its rows.
 * Errors: `missing`, `directory`, `unreadable`.
 */
export async function digestOf(path: string): Promise<string> {
  await checkFile(path);
  const hash = createHash('sha256');
  try {
    for await (const bytes of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(bytes as Buffer);
  } catch (error) {
    throw readError(path, error);
  }
  return hash.digest('hex');
}
