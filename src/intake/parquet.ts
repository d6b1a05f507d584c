import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { columnNamed } from './columns.ts';
import { digestOfFile } from './digest.ts';
import { openEngine, quotedInput } from './engine.ts';
import { IntakeError } from './error.ts';
import type { OpenSource } from './source.ts';

/** How every Parquet file begins, and ends. */
export const PARQUET_MAGIC = Buffer.from('PAR1', 'latin1');

/** Of the reader: it holds one row group's columns at a time. */
const MEMORY_LIMIT = '256MB';
/** Ids are text, whatever they are kept as. */
const WHOLE_NUMBER = /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?)$/;
const IDS: ReadonlySet<string | undefined> = new Set(['from', 'to', 'account']);

/**
 * A Parquet file as JSON lines, one a row, so that line n is its n-th row and columns, lists and structs mean what they mean
 * there. Read in its order, a row group at a time.
 */
export async function openParquet(path: string, signal?: AbortSignal): Promise<OpenSource> {
  const { size } = await stat(path);
  const digest = await digestOfFile(path);
  let part = 0;
  async function* bytes(): AsyncGenerator<Buffer> {
    // One thread: several would hand out row groups as they are done.
    const { connection, close } = await openEngine({
      tempDir: tmpdir(),
      memoryLimit: MEMORY_LIMIT,
      threads: 1,
      ...(signal && { signal }),
    });
    const ask = async (sql: string) => (await connection.runAndReadAll(sql)).getRowsJS();
    // Older writers do not mark text as such. Folders in the path say nothing of the rows.
    const file = `read_parquet(${quotedInput(path)}, binary_as_string=true, hive_partitioning=false)`;
    try {
      const columns = await ask(`DESCRIBE SELECT * FROM ${file}`);
      const replaced = replacedIn(path, columns as [string, string][]);
      const [[rows]] = (await ask(`SELECT count(*) FROM ${file}`)) as [[bigint]];
      const lines = await connection.stream(
        `SELECT to_json(row)::VARCHAR FROM (SELECT * ${replaced} FROM ${file}) row`,
      );
      let read = 0;
      for (
        let chunk = await lines.fetchChunk();
        chunk !== null && chunk.rowCount > 0;
        chunk = await lines.fetchChunk()
      ) {
        read += chunk.rowCount;
        part = read / Number(rows);
        yield Buffer.from(`${chunk.getColumnValues(0).join('\n')}\n`);
      }
    } catch (error) {
      if (signal?.aborted || error instanceof IntakeError) throw error;
      const { message } = error as Error;
      throw new IntakeError(
        'unreadable',
        `${path}: the Parquet file is damaged or cut short, or is of a kind that is not read (${message.split('\n')[0]})`,
        error,
      );
    } finally {
      close();
    }
  }
  return {
    name: path,
    format: 'jsonl',
    delimiter: ',',
    bytes: bytes(),
    taken: () => Math.round(part * size),
    digest: () => digest,
  };
}

/**
 * What makes text of columns of ids that are numbers, and spares reading those that mean nothing to befriend: their names
 * alone are kept, for the warning. Error: `no-columns` where no column is one of ids.
 */
function replacedIn(path: string, columns: readonly [name: string, type: string][]): string {
  if (!columns.some(([name]) => IDS.has(columnNamed(name)?.kind))) {
    const names = columns.map(([name]) => JSON.stringify(name)).join(', ');
    throw new IntakeError(
      'no-columns',
      `${path}: no column is called from, to or account; it has ${names}. Name them as docs/formats.md has them`,
    );
  }
  const replaced = columns.flatMap(([name, type]) => {
    const column = columnNamed(name);
    const quotedName = `"${name.replaceAll('"', '""')}"`;
    if (column === null) return [`NULL AS ${quotedName}`];
    return IDS.has(column.kind) && WHOLE_NUMBER.test(type) ? [`${quotedName}::VARCHAR AS ${quotedName}`] : [];
  });
  return replaced.length === 0 ? '' : `REPLACE (${replaced.join(', ')})`;
}
