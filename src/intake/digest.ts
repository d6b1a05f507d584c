import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { checkFile } from './check-file.ts';
import { readError } from './error.ts';

/**
 * SHA-256 of the bytes of files, hex: what `Prepared.digest` is of them, found without reading their rows.
 * Errors: `missing`, `directory`, `unreadable`.
 */
export async function digestOf(paths: readonly string[]): Promise<string> {
  const digests: string[] = [];
  for (const path of paths) digests.push(await digestOfFile(path));
  return combined(digests);
}

/** Of one input its own; of several that of their digests, so that no two divisions of the same bytes are the same. */
export function combined(digests: readonly string[]): string {
  if (digests.length === 1) return digests[0] as string;
  return createHash('sha256').update(digests.join('\n')).digest('hex');
}

export async function digestOfFile(path: string): Promise<string> {
  await checkFile(path);
  const hash = createHash('sha256');
  try {
    for await (const bytes of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(bytes as Buffer);
  } catch (error) {
    throw readError(path, error);
  }
  return hash.digest('hex');
}
