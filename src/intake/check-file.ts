import { stat } from 'node:fs/promises';
import { readError } from './error.ts';

/** Whether it is there and may be read. Errors: `missing`, `directory`, `unreadable`. */
export async function checkFile(path: string): Promise<void> {
  const found = await stat(path).catch((error: unknown) => {
    throw readError(path, error);
  });
  if (found.isDirectory()) throw readError(path, Object.assign(new Error('is a directory'), { code: 'EISDIR' }));
}
