import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openResultsFile, RESULTS_FILE } from '../../src/results/file.ts';

/** A job's folder, as a test sees it. */
export interface Folder {
  dir: string;
  results: string;
  index: string;
  text(): string;
  /** Lines of the index. */
  boundaries(): string[];
  remove(): void;
}

const textOf = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');

export const makeFolder = (): Folder => folderAt(mkdtempSync(join(tmpdir(), 'befriend-results-')));

export function folderAt(dir: string): Folder {
  const results = join(dir, RESULTS_FILE);
  const index = join(dir, 'results.index');
  return {
    dir,
    results,
    index,
    text: () => textOf(results),
    boundaries: () => textOf(index).split('\n').filter(Boolean),
    remove: () => rmSync(dir, { recursive: true, force: true }),
  };
}

/** A folder with batches of three-byte lines at the sequences given, all of one generation. */
export async function folderWith(sequences: readonly number[], generation = 1): Promise<Folder> {
  const folder = makeFolder();
  const file = await openResultsFile(folder.dir);
  for (const sequence of sequences) await file.append(`#${sequence}\n`, { generation, sequence });
  await file.close();
  return folder;
}

export const addBytes = (path: string, bytes: string): void => writeFileSync(path, bytes, { flag: 'a' });
