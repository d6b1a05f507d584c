import { type EngineOptions, quoted, withEngine } from './engine.ts';
import { STAGE_MAX_ROW } from './stage.ts';

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
