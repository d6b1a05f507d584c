import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { PRIVATE_FOLDER } from '../private.ts';
import { type EngineOptions, quoted, quotedInput, withEngine } from './engine.ts';
import { filesIn, nameOf } from './partitions.ts';
import { type Order, sortLong } from './sort-long.ts';
import { STAGE_MAX_ROW } from './stage.ts';

export interface SortOptions extends EngineOptions {
  /** Files that are sorted at once as long as they are small. Bytes. Default 128 MB. */
  groupBytes?: number;
}

/** The files hold plain lines and tabs, checked before: no quotes, no guessing. Buffers beyond 4 MiB cost memory. */
const PLAIN = `auto_detect=false, header=false, quote='', escape='', comment='', compression='none', buffer_size=4194304`;
const PLAIN_OUT = `FORMAT csv, HEADER false, QUOTE '', ESCAPE '', COMPRESSION 'none'`;

/** Whole lines as one column, by a delimiter that no line holds: splitting and joining columns takes as long as sorting them. */
function linesOf(inputs: readonly string[]): string {
  return `read_csv(${listOf(inputs)}, columns={'text': 'VARCHAR'}, delim='\x01', max_line_size=${STAGE_MAX_ROW}, ${PLAIN})`;
}

function linesByTheirBytes(inputs: readonly string[], output: string, keepsKey = true): string {
  const text = keepsKey ? 'text' : 'substr(text, instr(text, chr(9)) + 1)';
  return `COPY (SELECT ${text} FROM ${linesOf(inputs)} ORDER BY text) TO ${quoted(output)} (DELIMITER '\x01', ${PLAIN_OUT})`;
}

/**
 * Sorts staged rows (`Stage`) by from, to and line, so that equal pairs stand together, the first line first. Rows of one
 * from stand in one file; the files of `output` are to be read in the order of their names.
 */
export async function sortRows(input: string, output: string, options: SortOptions): Promise<void> {
  await sortPartitions(input, output, { keyTabs: 3, keepsKey: true }, options);
}

/** Sorts what `Rejects` wrote by place, and leaves the places away. Files as of `sortRows`. */
export async function sortRejects(input: string, output: string, options: SortOptions): Promise<void> {
  await sortPartitions(input, output, { keyTabs: 1, keepsKey: false }, options);
}

/** Sorts the lines of a file by their bytes. */
export async function sortLines(input: string, output: string, options: SortOptions): Promise<void> {
  await run(linesByTheirBytes([input], output), options);
}

/** Sorts mentions of accounts (`intake/accounts.ts`) by account. Equal accounts stand together; their order is open. */
export async function sortMentions(input: string, output: string, options: SortOptions): Promise<void> {
  const columns = `{'account': 'VARCHAR', 'first': 'BIGINT', 'count': 'BIGINT'}`;
  const mentions = `read_csv(${quotedInput(input)}, columns=${columns}, delim='\t', max_line_size=${STAGE_MAX_ROW}, ${PLAIN})`;
  await run(
    `COPY (SELECT * FROM ${mentions} ORDER BY account) TO ${quoted(output)} (DELIMITER '\t', ${PLAIN_OUT})`,
    options,
  );
}

const GROUP_BYTES = 128e6;

/** Sorts the files of `input`, some at a time, into those of `output`. Each is removed once it is sorted. */
async function sortPartitions(input: string, output: string, order: Order, options: SortOptions): Promise<void> {
  const { groupBytes = GROUP_BYTES, signal } = options;
  await mkdir(output, { mode: PRIVATE_FOLDER });
  await withEngine(options, async (connection) => {
    const sortShort = async (from: string, to: string) => void (await connection.run(linesByTheirBytes([from], to)));
    let areLong = false;
    for (const [n, group] of (await groupsIn(input, groupBytes)).entries()) {
      // Between two statements there is nothing to interrupt.
      signal?.throwIfAborted();
      const sorted = join(output, nameOf(n));
      areLong ||= !(await fits(connection.run(linesByTheirBytes(group, sorted, order.keepsKey))));
      if (areLong) await sortLong(group, sorted, order, sortShort, signal);
      for (const file of group) await rm(file);
    }
  });
  await rm(input, { recursive: true });
}

/** False where the memory limit is too low for it: lines of some hundred bytes. */
async function fits(sorting: Promise<unknown>): Promise<boolean> {
  try {
    await sorting;
    return true;
  } catch (error) {
    if (/out of memory/i.test((error as Error).message)) return false;
    throw error;
  }
}

async function groupsIn(folder: string, groupBytes: number): Promise<string[][]> {
  const groups: string[][] = [];
  let bytes = Infinity;
  for (const file of await filesIn(folder)) {
    const { size } = await stat(file);
    bytes += size;
    if (bytes > groupBytes) {
      groups.push([]);
      bytes = size;
    }
    groups.at(-1)?.push(file);
  }
  return groups;
}

const listOf = (files: readonly string[]) => `[${files.map(quotedInput).join(', ')}]`;

async function run(sql: string, options: SortOptions): Promise<void> {
  await withEngine(options, (connection) => connection.run(sql));
}
