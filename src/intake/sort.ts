import type { DuckDBConnection } from '@duckdb/node-api';
import { STAGE_COLUMNS, STAGE_MAX_ROW } from './stage.ts';

export interface SortOptions {
  /** Where DuckDB puts what does not fit its memory. */
  tempDir: string;
  /** DuckDB's notation, e.g. `256MB`. The process takes 120–250 MB more than this. */
  memoryLimit: string;
  /** Default: as many as there are cores. */
  threads?: number;
  signal?: AbortSignal;
}

/** The files hold plain lines and tabs, checked before: no quotes, no guessing. Buffers beyond 4 MiB cost memory. */
const PLAIN = `auto_detect=false, header=false, quote='', escape='', comment='', compression='none', buffer_size=4194304`;
const PLAIN_OUT = `FORMAT csv, HEADER false, QUOTE '', ESCAPE '', COMPRESSION 'none'`;

/** Sorts staged rows by from, to and line. Ordered by bytes, so that equal pairs stand together, the first line first. */
export async function sortStage(input: string, output: string, options: SortOptions): Promise<void> {
  const rows = `read_csv(${quoted(input)}, columns=${STAGE_COLUMNS}, delim='\t', max_line_size=${STAGE_MAX_ROW}, ${PLAIN})`;
  await run(
    `COPY (SELECT a, b, line, fields FROM ${rows} ORDER BY a, b, line) TO ${quoted(output)} (DELIMITER '\t', ${PLAIN_OUT})`,
    options,
  );
}

/**
 * Pairs of accounts from rows sorted by `sortStage`: each pair once, asked from the end that has more pairs (where both have
 * as many, the smaller id by its bytes), with the rows that it stands for; or, where that takes more calls, from an end that a
 * row of it begins at. Sorted by who is asked. Joins take memory that does not all go to disk.
 * @returns false when there are too many pairs for the memory
 */
export async function pairByDegree(
  input: string,
  output: string,
  options: SortOptions & { marked: boolean; capacity: number },
): Promise<boolean> {
  try {
    await writePairs(input, output, options);
    return true;
  } catch (error) {
    if (error instanceof Error && /out of memory/i.test(error.message)) return false;
    throw error;
  }
}

async function writePairs(
  input: string,
  output: string,
  { marked, capacity, ...options }: SortOptions & { marked: boolean; capacity: number },
): Promise<void> {
  const columns = `{'a': 'VARCHAR', 'b': 'VARCHAR', 'line': 'BIGINT', 'fields': 'VARCHAR'}`;
  const rows = `read_csv(${quoted(input)}, columns=${columns}, delim='\t', max_line_size=${STAGE_MAX_ROW}, ${PLAIN})`;
  const calls = (asked: string) =>
    `(SELECT sum(ceil(n / ${capacity})) FROM (SELECT count(*) AS n FROM asked GROUP BY if(${asked}, u, v)))`;
  await run(
    `COPY (
      WITH pairs AS MATERIALIZED (
        SELECT least(a, b) AS u, greatest(a, b) AS v, bool_or(a < b) AS uv, bool_or(a > b) AS vu
        FROM (SELECT a, b FROM ${rows} GROUP BY a, b ${marked ? 'HAVING min(line) = 0' : ''}) GROUP BY u, v
      ),
      degrees AS MATERIALIZED (
        SELECT account, count(*) AS degree FROM (SELECT u AS account FROM pairs UNION ALL SELECT v FROM pairs) GROUP BY account
      ),
      asked AS MATERIALIZED (
        SELECT u, v, uv, vu, of_u.degree >= of_v.degree AS by_degree
        FROM pairs JOIN degrees of_u ON of_u.account = u JOIN degrees of_v ON of_v.account = v
      ),
      rule AS (SELECT ${calls('by_degree')} <= ${calls('uv')} AS by_degree),
      turned AS (SELECT u, v, uv, vu, if(rule.by_degree, asked.by_degree, uv) AS by_u FROM asked, rule)
      SELECT if(by_u, u, v) AS a, if(by_u, v, u) AS b, 0 AS line,
        CASE WHEN uv AND vu THEN '"both"' WHEN uv = by_u THEN '"forward"' ELSE '"reverse"' END AS fields
      FROM turned ORDER BY a, b
    ) TO ${quoted(output)} (DELIMITER '\t', ${PLAIN_OUT})`,
    options,
  );
}

/** Sorts mentions of accounts (`intake/accounts.ts`) by account. Equal accounts stand together; their order is open. */
export async function sortMentions(input: string, output: string, options: SortOptions): Promise<void> {
  const columns = `{'account': 'VARCHAR', 'first': 'BIGINT', 'count': 'BIGINT'}`;
  const mentions = `read_csv(${quoted(input)}, columns=${columns}, delim='\t', max_line_size=${STAGE_MAX_ROW}, ${PLAIN})`;
  await run(
    `COPY (SELECT * FROM ${mentions} ORDER BY account) TO ${quoted(output)} (DELIMITER '\t', ${PLAIN_OUT})`,
    options,
  );
}

/** Sorts accounts, one a line, as `sortMentions` does. */
export async function sortAccounts(input: string, output: string, options: SortOptions): Promise<void> {
  const accounts = `read_csv(${quoted(input)}, columns={'account': 'VARCHAR'}, delim='\t', max_line_size=${STAGE_MAX_ROW}, ${PLAIN})`;
  await run(
    `COPY (SELECT account FROM ${accounts} ORDER BY account) TO ${quoted(output)} (DELIMITER '\t', ${PLAIN_OUT})`,
    options,
  );
}

/** Sorts lines of a rejects file by their number. The delimiter is a byte that JSON never holds. */
export async function sortRejects(input: string, output: string, options: SortOptions): Promise<void> {
  const lines = `read_csv(${quoted(input)}, columns={'json': 'VARCHAR'}, delim='\x01', max_line_size=${STAGE_MAX_ROW}, ${PLAIN})`;
  const number = `split_part(split_part(json, ':', 2), ',', 1)::BIGINT`;
  await run(
    `COPY (SELECT json FROM ${lines} ORDER BY ${number}) TO ${quoted(output)} (DELIMITER '\x01', ${PLAIN_OUT})`,
    options,
  );
}

/** Runs one statement in a database of its own: its memory is given back with it. */
async function run(sql: string, { tempDir, memoryLimit, threads, signal }: SortOptions): Promise<void> {
  // Loaded on use: a worker that only calls never sorts, and the engine is large.
  const { DuckDBInstance } = await import('@duckdb/node-api');
  const instance = await DuckDBInstance.create(':memory:', {
    memory_limit: memoryLimit,
    temp_directory: tempDir,
    preserve_insertion_order: 'false',
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    ...(threads !== undefined && { threads: String(threads) }),
  });
  try {
    const connection = await instance.connect();
    try {
      await interruptible(connection, sql, signal);
    } finally {
      connection.closeSync();
    }
  } finally {
    instance.closeSync();
  }
}

async function interruptible(connection: DuckDBConnection, sql: string, signal?: AbortSignal): Promise<void> {
  const interrupt = () => connection.interrupt();
  signal?.throwIfAborted();
  signal?.addEventListener('abort', interrupt);
  try {
    await connection.run(sql);
  } finally {
    signal?.removeEventListener('abort', interrupt);
  }
}

function quoted(path: string): string {
  return `'${path.replaceAll("'", "''")}'`;
}
