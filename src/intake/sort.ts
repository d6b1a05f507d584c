import { MARK } from './again.ts';
import { type EngineOptions, quoted, withEngine } from './engine.ts';
import { placeOf, STAGE_MAX_ROW } from './stage.ts';

export type SortOptions = EngineOptions;

/** The files hold plain lines and tabs, checked before: no quotes, no guessing. Buffers beyond 4 MiB cost memory. */
const PLAIN = `auto_detect=false, header=false, quote='', escape='', comment='', compression='none', buffer_size=4194304`;
const PLAIN_OUT = `FORMAT csv, HEADER false, QUOTE '', ESCAPE '', COMPRESSION 'none'`;

/** A whole line as one column, by a delimiter that no line holds: splitting and joining columns takes as long as sorting them. */
function linesOf(input: string): string {
  return `read_csv(${quoted(input)}, columns={'text': 'VARCHAR'}, delim='\x01', max_line_size=${STAGE_MAX_ROW}, ${PLAIN})`;
}

/**
 * Sorts lines by their bytes: staged rows (`Stage`) by from, to and line, so that equal pairs stand together, the first line
 * first; accounts, one a line, as `sortMentions` does.
 */
export async function sortLines(input: string, output: string, options: SortOptions): Promise<void> {
  await run(
    `COPY (SELECT text FROM ${linesOf(input)} ORDER BY text) TO ${quoted(output)} (DELIMITER '\x01', ${PLAIN_OUT})`,
    options,
  );
}

/**
 * Pairs of accounts from rows sorted by `sortLines`: each pair once, asked from the end that has more pairs (where both have
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
  const columns = `{'a': 'VARCHAR', 'b': 'VARCHAR', 'place': 'VARCHAR', 'fields': 'VARCHAR'}`;
  const rows = `read_csv(${quoted(input)}, columns=${columns}, delim='\t', max_line_size=${STAGE_MAX_ROW}, ${PLAIN})`;
  const calls = (asked: string) =>
    `(SELECT sum(ceil(n / ${capacity})) FROM (SELECT count(*) AS n FROM asked GROUP BY if(${asked}, u, v)))`;
  await run(
    `COPY (
      WITH pairs AS MATERIALIZED (
        SELECT least(a, b) AS u, greatest(a, b) AS v, bool_or(a < b) AS uv, bool_or(a > b) AS vu
        FROM (SELECT a, b FROM ${rows} GROUP BY a, b ${marked ? `HAVING min(place) = '${placeOf(MARK)}'` : ''}) GROUP BY u, v
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
      SELECT if(by_u, u, v) AS a, if(by_u, v, u) AS b, '${placeOf(0)}' AS place,
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

/** Sorts what `Rejects` wrote by place, and leaves the places away. JSON holds no tab. */
export async function sortRejects(input: string, output: string, options: SortOptions): Promise<void> {
  const columns = `{'place': 'VARCHAR', 'json': 'VARCHAR'}`;
  const rejects = `read_csv(${quoted(input)}, columns=${columns}, delim='\t', max_line_size=${STAGE_MAX_ROW}, ${PLAIN})`;
  await run(
    `COPY (SELECT json FROM ${rejects} ORDER BY place) TO ${quoted(output)} (DELIMITER '\x01', ${PLAIN_OUT})`,
    options,
  );
}

async function run(sql: string, options: SortOptions): Promise<void> {
  await withEngine(options, (connection) => connection.run(sql));
}
