import { mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Operation, OperationOptions } from '../domain/operation.ts';
import type { IntakeTotals } from '../domain/totals.ts';
import { ColumnNames } from './columns.ts';
import { CsvParser } from './csv.ts';
import { cutRows } from './cut-rows.ts';
import { IntakeError, workError } from './error.ts';
import { JsonlParser } from './jsonl.ts';
import { checkRejectsPath, publishRejects } from './publish.ts';
import { BlockReader, readBlocks } from './reader.ts';
import { Rejects, type RejectSummary } from './rejects.ts';
import { RowSink } from './sink.ts';
import { sortRejects, sortStage, type SortOptions } from './sort.ts';
import { openSource, type OpenSource, type Source } from './source.ts';
import { discardSpool, hasSpool } from './spool.ts';
import { SPOOL_VERSION, spoolPaths } from './spool-file.ts';
import { SpoolWriter } from './spool-writer.ts';
import { Stage } from './stage.ts';

export type { Source };

export interface PrepareOptions {
  operation: Operation;
  options: OperationOptions;
  /** The spool's directory, its own; made where it is missing. Scratch space too: about three times the input. */
  dir: string;
  /** Written only when there are rejects; a file already there is replaced, or removed when there are none. */
  rejectsPath: string;
  /** Any characters but control characters in ids. Default false. */
  looseIds?: boolean;
  /** Most bytes of a call's body. Default 512 KiB. */
  bodyCapBytes?: number;
  /** Of the sort, in DuckDB's notation. Default 256MB; the process takes 120–250 MB more. */
  memoryLimit?: string;
  /** Of the sort. Default: one a core. */
  threads?: number;
  signal?: AbortSignal;
  /** Called between blocks of input: bytes of the source taken (before unpacking), rows found. */
  onProgress?(progress: { bytes: number; rows: number }): void;
}

export interface Prepared {
  totals: IntakeTotals;
  chunks: number;
  /** Distinct From_Accounts. */
  accounts: number;
  /** SHA-256 of the input's bytes as they came, hex. */
  digest: string;
  warnings: string[];
  rejects: RejectSummary;
  /** Where the spool is. */
  dir: string;
}

const BODY_CAP = 512 * 1024;
const MEMORY_LIMIT = '256MB';

/**
 * Turns an input into a spool: reads and checks every row (rejects on the way), sorts, finds duplicates, cuts chunks,
 * commits. Bad rows never stop it; it throws `IntakeError` when the input or the disk as a whole is unusable, and then
 * there is no spool and nothing left over. A crash leaves no spool either.
 */
export async function prepare(source: Source, given: PrepareOptions): Promise<Prepared> {
  const options = { ...given, dir: resolve(given.dir), rejectsPath: resolve(given.rejectsPath) };
  const { dir, signal } = options;
  if (await hasSpool(dir)) {
    throw new IntakeError('spool-exists', `${dir} holds a spool already. Discard it, or choose another directory`);
  }
  try {
    signal?.throwIfAborted();
    await discardSpool(dir);
    await mkdir(spoolPaths(dir).work, { recursive: true });
    await checkRejectsPath(options.rejectsPath, source);
    const input = await openSource(source, signal);
    return await prepareIn(input, options);
  } catch (error) {
    await discardSpool(dir).catch(() => {});
    throw workError(dir, signal, error);
  }
}

async function prepareIn(input: OpenSource, options: PrepareOptions): Promise<Prepared> {
  const { dir, operation, signal } = options;
  const work = spoolPaths(dir).work;
  const files = {
    stage: join(work, 'stage'),
    sorted: join(work, 'sorted'),
    rejects: join(work, 'rejects'),
    rejectsSorted: join(work, 'rejects.sorted'),
  };
  const sort: SortOptions = {
    tempDir: join(work, 'sort'),
    memoryLimit: options.memoryLimit ?? MEMORY_LIMIT,
    threads: options.threads,
    signal,
  };
  const rejects = await Rejects.create(files.rejects);
  const spool = await SpoolWriter.create(dir).catch(async (error: unknown) => {
    await rejects.close();
    throw error;
  });
  try {
    const read = await readRows(input, files.stage, rejects, options);
    const invalid = rejects.count;
    if (read.rows > invalid) await sortStage(files.stage, files.sorted, sort);
    await rm(files.stage);
    const cut = await cutRows(read.rows > invalid ? files.sorted : null, rejects, spool, {
      rules: { operation, options: options.options, bodyCapBytes: options.bodyCapBytes ?? BODY_CAP },
      format: input.format,
      signal,
    });
    await rejects.close();
    // Invalid rows were written in the order of their lines; duplicates turn up in the order of the sort.
    if (cut.duplicates > 0) await sortRejects(files.rejects, files.rejectsSorted, sort);
    const totals = { rows: read.rows, invalid, duplicate: cut.duplicates, accepted: cut.accepted };
    const result = {
      totals,
      accounts: cut.accounts,
      digest: input.digest(),
      warnings: read.warnings,
      rejects: rejects.summary(),
    };
    const written = cut.duplicates > 0 ? files.rejectsSorted : files.rejects;
    await publishRejects(rejects.count > 0 ? written : null, options.rejectsPath);
    signal?.throwIfAborted();
    await rm(work, { recursive: true, force: true });
    await spool.commit({
      version: SPOOL_VERSION,
      kind: 'file',
      operation: operation.name,
      options: options.options,
      ...result,
    });
    return { ...result, chunks: spool.chunks, dir };
  } finally {
    // Both are whole on disk by now, or of no use: an error here would hide the one that matters.
    await Promise.allSettled([rejects.close(), spool.close()]);
  }
}

/** Reads the whole input: valid rows to the stage, the others to the rejects. */
async function readRows(
  input: OpenSource,
  stagePath: string,
  rejects: Rejects,
  { operation, looseIds = false, signal, onProgress }: PrepareOptions,
): Promise<{ rows: number; warnings: string[] }> {
  const stage = await Stage.create(stagePath);
  try {
    const sink = new RowSink({ operation, looseIds }, stage, rejects);
    const names = new ColumnNames(operation);
    const parser =
      input.format === 'jsonl'
        ? new JsonlParser(names, sink)
        : new CsvParser(input.name, input.format === 'tsv' ? '\t' : ',', names, sink);
    await readBlocks(input.bytes, new BlockReader(parser), async () => {
      signal?.throwIfAborted();
      await stage.flush();
      await rejects.flush();
      onProgress?.({ bytes: input.taken(), rows: sink.rows });
    });
    const own = parser instanceof CsvParser ? parser.warnings : [];
    return { rows: sink.rows, warnings: [...own, ...names.warnings()] };
  } finally {
    await stage.close();
  }
}
