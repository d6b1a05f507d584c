import { mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Operation, OperationOptions } from '../domain/operation.ts';
import type { IntakeTotals } from '../domain/totals.ts';
import { PRIVATE_FOLDER } from '../private.ts';
import { type Again, stageAgain } from './again.ts';
import { checkFile } from './check-file.ts';
import { ColumnNames } from './columns.ts';
import { CsvParser } from './csv.ts';
import { cutRows } from './cut-rows.ts';
import { combined } from './digest.ts';
import { IntakeError, workError } from './error.ts';
import { JsonlParser } from './jsonl.ts';
import { filesIn } from './partitions.ts';
import { planRows } from './plan-rows.ts';
import { checkRejectsPath, publishRejects } from './publish.ts';
import { BlockReader, readBlocks } from './reader.ts';
import { Rejects, type RejectSummary } from './rejects.ts';
import { Room } from './room.ts';
import { RowSink } from './sink.ts';
import { type SortOptions, sortRejects, sortRows } from './sort.ts';
import { nameOf, openSource, type OpenSource, partsOf, pathsOf, type SingleSource, type Source } from './source.ts';
import { discardSpool, hasSpool } from './spool.ts';
import { SPOOL_VERSION, spoolPaths, strideOf } from './spool-file.ts';
import { SpoolWriter } from './spool-writer.ts';
import { Stage } from './stage.ts';

export type { Source };

/** What a spool is made of: an input, or rows of a job that is over. */
export type Origin = Source | Again;

export interface PrepareOptions {
  operation: Operation;
  options: OperationOptions;
  /** The spool's directory, its own; made where it is missing. Scratch space too: two to four times the input. */
  dir: string;
  /** Written only when there are rejects; a file already there is replaced, or removed when there are none. */
  rejectsPath: string;
  /** Any characters but control characters in ids. Default false. */
  looseIds?: boolean;
  /** Most bytes of a call's body. Default 512 KiB. */
  bodyCapBytes?: number;
  /** Of the sort, in DuckDB's notation. Default 96MB. */
  memoryLimit?: string;
  /** Of the plan's graph, bytes. Default 160 MB; beyond it a simpler rule plans. */
  planBytes?: number;
  /** Of the sort. Default: as `EngineOptions` has it. */
  threads?: number;
  /** Of the sort. Default: as `SortOptions` has it. */
  groupBytes?: number;
  signal?: AbortSignal;
  /** Called between blocks of input: bytes of the source taken (before unpacking), rows found. */
  onProgress?(progress: { bytes: number; rows: number }): void;
}

export interface Prepared {
  totals: IntakeTotals;
  chunks: number;
  /** Distinct From_Accounts, or distinct accounts where rows are accounts. */
  accounts: number;
  /** Calls when every account is asked about its own rows, and no plan's fewer; null where there was nothing to choose. */
  plan: { everyAccount: number; lowerBound: number } | null;
  /** SHA-256 of the input's bytes as they came, hex; empty where there was none (`Again`). */
  digest: string;
  warnings: string[];
  rejects: RejectSummary;
  /** Where the spool is. */
  dir: string;
}

const BODY_CAP = 512 * 1024;
const MEMORY_LIMIT = '96MB';
const PLAN_BYTES = 160e6;

/**
 * Turns an input into a spool: reads and checks every row (rejects on the way), sorts, finds duplicates, cuts chunks,
 * commits. Bad rows never stop it; it throws `IntakeError` when the input or the disk as a whole is unusable, and then
 * there is no spool and nothing left over. A crash leaves no spool either.
 */
export async function prepare(origin: Origin, given: PrepareOptions): Promise<Prepared> {
  const options = { ...given, dir: resolve(given.dir), rejectsPath: resolve(given.rejectsPath) };
  const { dir, signal } = options;
  if (await hasSpool(dir)) {
    throw new IntakeError('spool-exists', `${dir} holds a spool already. Discard it, or choose another directory`);
  }
  try {
    signal?.throwIfAborted();
    await discardSpool(dir);
    await mkdir(spoolPaths(dir).work, { recursive: true, mode: PRIVATE_FOLDER });
    if (origin.kind === 'again') return await prepareIn(stagerOfAgain(origin, options), options);
    await checkRejectsPath(options.rejectsPath, origin);
    for (const path of pathsOf(origin)) await checkFile(path);
    return await prepareIn(stagerOfInput(origin, options), options);
  } catch (error) {
    await discardSpool(dir).catch(() => {});
    throw workError(dir, signal, error);
  }
}

/** What lies in the stage, and what is known of where it came from. */
interface Staged {
  /** Valid and invalid ones. */
  rows: number;
  /** Only rows with a mark count. */
  marked: boolean;
  digest: string;
  warnings: string[];
}

type Stager = (stagePath: string, rejects: Rejects) => Promise<Staged>;

async function prepareIn(stageRows: Stager, options: PrepareOptions): Promise<Prepared> {
  const { dir, operation, signal } = options;
  const work = spoolPaths(dir).work;
  const files = {
    stage: join(work, 'stage'),
    sorted: join(work, 'sorted'),
    pairs: join(work, 'pairs'),
    planned: join(work, 'planned'),
    rejects: join(work, 'rejects'),
    rejectsSorted: join(work, 'rejects.sorted'),
  };
  const sort: SortOptions = {
    tempDir: join(work, 'sort'),
    memoryLimit: options.memoryLimit ?? MEMORY_LIMIT,
    threads: options.threads,
    groupBytes: options.groupBytes,
    signal,
  };
  const rejects = await Rejects.create(files.rejects);
  const spool = await SpoolWriter.create(dir).catch(async (error: unknown) => {
    await rejects.close();
    throw error;
  });
  try {
    const read = await stageRows(files.stage, rejects);
    const invalid = rejects.count;
    const valid = read.rows - invalid;
    if (valid > 0) await sortRows(files.stage, files.sorted, sort);
    const rules = { operation, options: options.options, bodyCapBytes: options.bodyCapBytes ?? BODY_CAP };
    const { marked } = read;
    const planned =
      valid > 0 && operation.tellsBothWays(options.options)
        ? await planRows(files.sorted, files.planned, {
            capacity: operation.itemsPerCall,
            rows: valid,
            marked,
            memoryBytes: options.planBytes ?? PLAN_BYTES,
            sort,
            scratch: files.pairs,
            duplicate: (line, first, from, to) => rejects.duplicate(line, first, from, to),
            flush: () => rejects.flush(),
          })
        : null;
    const turned = planned?.isPlanned === true;
    const pieces = await cutRows(valid > 0 ? (turned ? files.planned : files.sorted) : null, rejects, spool, {
      rules,
      marked: marked && !turned,
      duplicatesTold: planned !== null,
      signal,
    });
    const cut = { ...pieces, ...planned };
    if (read.marked && cut.accepted !== read.rows) throw missesRows(read.rows, cut.accepted);
    await rejects.close();
    if (rejects.count > 0) await sortRejects(files.rejects, files.rejectsSorted, sort);
    const totals = { rows: read.rows, invalid, duplicate: cut.duplicates, accepted: cut.accepted };
    const result = {
      totals,
      accounts: cut.accounts,
      plan: planned && { everyAccount: planned.everyAccount, lowerBound: planned.lowerBound },
      digest: read.digest,
      // Of rows that run again they were told when these came in.
      warnings: read.marked ? [] : [...read.warnings, ...cut.warnings],
      rejects: rejects.summary(),
    };
    await publishRejects(rejects.count > 0 ? await filesIn(files.rejectsSorted) : null, options.rejectsPath);
    signal?.throwIfAborted();
    await rm(work, { recursive: true, force: true });
    await spool.commit({
      version: SPOOL_VERSION,
      kind: 'file',
      operation: operation.name,
      options: options.options,
      stride: strideOf(spool.chunks, operation, options.options),
      ...result,
    });
    return { ...result, chunks: spool.chunks, dir };
  } finally {
    // Both are whole on disk by now, or of no use: an error here would hide the one that matters.
    await Promise.allSettled([rejects.close(), spool.close()]);
  }
}

function stagerOfInput(source: Source, options: PrepareOptions): Stager {
  return async (stagePath, rejects) => {
    const stage = await Stage.create(stagePath);
    try {
      const read = await readParts(source, stage, rejects, options);
      return { rows: stage.rows + rejects.count, marked: false, ...read };
    } finally {
      await stage.close();
    }
  };
}

/** Reads the parts of an input one after the other: valid rows to the stage, the others to the rejects. */
async function readParts(
  source: Source,
  stage: Stage,
  rejects: Rejects,
  options: PrepareOptions,
): Promise<Pick<Staged, 'digest' | 'warnings'>> {
  const { operation, looseIds = false, signal, onProgress } = options;
  const sink = new RowSink({ operation, looseIds }, stage, rejects);
  const names = new ColumnNames(operation);
  const parts = partsOf(source);
  const room = new Room(options.dir, operation.tellsBothWays(options.options));
  const read = { lines: 0, bytes: 0, digests: [] as string[], warnings: [] as string[] };
  for (const part of parts) {
    const input = await openSource(part, signal);
    await room.begin(pathsOf(part)[0] ?? null, stage.bytes);
    rejects.places.begin(parts.length > 1 ? input.name : null, input.format, read.lines);
    const { lines, warnings } = await readPart(input, names, sink, async () => {
      signal?.throwIfAborted();
      await stage.flush();
      await rejects.flush();
      await room.check(stage.bytes, input.taken());
      onProgress?.({ bytes: read.bytes + input.taken(), rows: sink.rows });
    });
    read.lines += lines;
    read.bytes += input.taken();
    read.digests.push(input.digest());
    read.warnings.push(...warnings.map((warning) => (parts.length > 1 ? `${input.name}: ${warning}` : warning)));
  }
  const what = parts.length > 1 ? `each of ${parts.length} files` : nameOf(parts[0] as SingleSource);
  const nothing = nothingAccepted(what, read.bytes, sink.rows, rejects.count);
  return { digest: combined(read.digests), warnings: [...nothing, ...read.warnings, ...names.warnings()] };
}

/** @returns the number of its lines, and what is worth saying */
async function readPart(
  input: OpenSource,
  names: ColumnNames,
  sink: RowSink,
  afterBlock: () => Promise<void>,
): Promise<{ lines: number; warnings: string[] }> {
  const parser =
    input.format === 'jsonl' ? new JsonlParser(names, sink) : new CsvParser(input.name, input.delimiter, names, sink);
  await readBlocks(input.bytes, new BlockReader(parser), afterBlock);
  return { lines: parser.cursor.line, warnings: parser instanceof CsvParser ? parser.warnings : [] };
}

/**
 * An input without an acceptable row is most likely the wrong one, or a command before the pipe has failed.
 * @param bytes how many it had
 */
function nothingAccepted(name: string, bytes: number, rows: number, invalid: number): string[] {
  if (rows > invalid) return [];
  if (rows > 0) {
    const whole = rows === 1 ? 'the only one was' : `all ${rows.toLocaleString('en-US')} were`;
    return [`0 rows accepted: ${whole} rejected, see the reasons in the rejects file`];
  }
  if (name === 'rows') return ['0 rows: none were given'];
  if (bytes > 0) return [`0 rows: ${name} holds at most a header and empty lines`];
  if (name !== 'stdin') return [`0 rows: ${name} is empty`];
  return ['0 rows: nothing came from stdin. If a command was to write it, see whether that failed'];
}

/** Nothing is checked again, so nothing is rejected: the rows were accepted once. */
function stagerOfAgain(again: Again, { signal, onProgress }: PrepareOptions): Stager {
  return async (stagePath) => {
    const rows = await stageAgain(again, stagePath, signal, onProgress);
    return { rows, marked: true, digest: '', warnings: [] };
  };
}

function missesRows(chosen: number, found: number): IntakeError {
  return new IntakeError(
    'spool-damaged',
    `${chosen} rows of the job's results are to run again, and ${found} of them are in its spool: the two files do ` +
      'not belong together. Nothing was accepted; prepare the input again',
  );
}
