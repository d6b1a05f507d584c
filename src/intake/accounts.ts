import { createReadStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeChunk } from '../domain/block.ts';
import { AppendFile } from './append-file.ts';
import { workError } from './error.ts';
import { publishFile } from './publish.ts';
import { sortLines, sortMentions, type SortOptions } from './sort.ts';
import { openSpool } from './spool.ts';

/** The accounts that the rows of a spool name, as from or as to. Its files are in a scratch folder until `remove`. */
export interface SpoolAccounts {
  /** How many, each counted once. */
  count: number;
  /** An input of operations on accounts: JSON lines, each account once, in the order of the sort. */
  path: string;
  /**
   * Writes those accounts that a check found missing to `path`, sorted, one a line, whole or not at all; where there are
   * none, a file of an earlier run is removed. `missing` gives accounts of the spool only, each once, in any order.
   * @returns how many are missing, and how many rows name one of them
   */
  writeMissing(missing: AsyncIterable<string>, path: string): Promise<{ missing: number; rowsTouched: number }>;
  remove(): Promise<void>;
}

export interface AccountsOptions {
  /** Of the sort, in DuckDB's notation. Default 224MB. */
  memoryLimit?: string;
  /** Of the sort. Default: as `EngineOptions` has it. */
  threads?: number;
  signal?: AbortSignal;
}

const MEMORY_LIMIT = '224MB';

/** Blocks of the spool read at once. */
const BLOCKS = 64;

/**
 * Gathers the accounts of the spool in `dir`, with scratch space in `work` of about twice the size of its rows. In memory
 * stands one bit a row at most. Errors: `no-space`, `spool-damaged` and others of `IntakeError`.
 */
export async function accountsOfSpool(dir: string, work: string, options: AccountsOptions): Promise<SpoolAccounts> {
  const { signal } = options;
  const file = (name: string) => join(work, name);
  const sort: SortOptions = { ...options, memoryLimit: options.memoryLimit ?? MEMORY_LIMIT, tempDir: file('sort') };
  const remove = () => rm(work, { recursive: true, force: true });
  try {
    await mkdir(work, { recursive: true });
    const rows = await stageMentions(dir, file('mentions'), signal);
    if (rows > 0) await sortMentions(file('mentions'), file('mentions.sorted'), sort);
    await rm(file('mentions'));
    const count = rows > 0 ? await writeAccounts(file('mentions.sorted'), file('accounts.jsonl'), signal) : 0;
    return {
      count,
      path: file('accounts.jsonl'),
      async writeMissing(missing, path) {
        try {
          const found = await writeLines(file('missing'), missing);
          if (found > 0) await sortLines(file('missing'), file('missing.sorted'), sort);
          const touched =
            found > 0 ? await rowsTouched(file('mentions.sorted'), file('missing.sorted'), rows, signal) : 0;
          await publishFile(found > 0 ? [file('missing.sorted')] : null, path);
          return { missing: found, rowsTouched: touched };
        } catch (error) {
          throw workError(work, signal, error);
        }
      },
      remove,
    };
  } catch (error) {
    await remove();
    throw workError(work, signal, error);
  }
}

/**
 * Every account of every chunk as a line `account TAB row TAB count`: it is named in `count` rows from `row` on, rows
 * numbered as the spool has them. A From_Account is named once a chunk. @returns the number of rows
 */
async function stageMentions(dir: string, path: string, signal: AbortSignal | undefined): Promise<number> {
  const spool = await openSpool(dir);
  const mentions = await AppendFile.create(path);
  let row = 0;
  try {
    for (let first = 0; first < spool.chunks; first += BLOCKS) {
      signal?.throwIfAborted();
      for (const block of await spool.read(first, BLOCKS)) {
        const { from, items } = decodeChunk(block);
        if (from !== null) mentions.text(`${from}\t${row}\t${items.length}\n`);
        for (const { to } of items) mentions.text(`${to}\t${row++}\t1\n`);
      }
      await mentions.flush();
    }
    await mentions.flush(true);
    return row;
  } finally {
    await Promise.all([mentions.close(), spool.close()]);
  }
}

/** Each account of the sorted mentions once, as an input. @returns how many */
async function writeAccounts(sorted: string, path: string, signal: AbortSignal | undefined): Promise<number> {
  const accounts = await AppendFile.create(path);
  let count = 0;
  let last: string | null = null;
  try {
    for await (const lines of linesIn(sorted, signal)) {
      for (const line of lines) {
        const account = line.slice(0, line.indexOf('\t'));
        if (account === last) continue;
        last = account;
        count += 1;
        accounts.text(`${JSON.stringify({ account })}\n`);
      }
      await accounts.flush();
    }
    await accounts.flush(true);
    return count;
  } finally {
    await accounts.close();
  }
}

async function writeLines(path: string, lines: AsyncIterable<string>): Promise<number> {
  const file = await AppendFile.create(path);
  let count = 0;
  try {
    for await (const line of lines) {
      count += 1;
      file.text(`${line}\n`);
      if (count % 10_000 === 0) await file.flush();
    }
    await file.flush(true);
    return count;
  } finally {
    await file.close();
  }
}

/**
 * How many rows name an account of `missing`. Both files are in the order of the sort, and every missing account has a
 * mention, so that equality alone finds them.
 */
async function rowsTouched(
  mentions: string,
  missing: string,
  rows: number,
  signal: AbortSignal | undefined,
): Promise<number> {
  const touched = new Uint8Array(Math.ceil(rows / 8));
  const accounts = singleLines(missing, signal);
  let next = (await accounts.next()).value;
  let met = false;
  let count = 0;
  for await (const lines of linesIn(mentions, signal)) {
    for (const line of lines) {
      const [account, first, length] = line.split('\t') as [string, string, string];
      if (met && account !== next) {
        next = (await accounts.next()).value;
        met = false;
      }
      if (account !== next) continue;
      met = true;
      const start = Number(first);
      for (let row = start; row < start + Number(length); row++) {
        const bit = 1 << (row & 7);
        const byte = touched[row >>> 3] as number;
        if ((byte & bit) === 0) count += 1;
        touched[row >>> 3] = byte | bit;
      }
    }
  }
  return count;
}

async function* singleLines(path: string, signal: AbortSignal | undefined): AsyncGenerator<string, undefined> {
  for await (const lines of linesIn(path, signal)) yield* lines;
}

/** The lines of a file, some at a time. */
async function* linesIn(path: string, signal: AbortSignal | undefined): AsyncGenerator<string[]> {
  let rest = '';
  for await (const text of createReadStream(path, { encoding: 'utf8', highWaterMark: 256 * 1024, signal })) {
    const lines = (rest + (text as string)).split('\n');
    rest = lines.pop() as string;
    yield lines;
  }
}
