import { createReadStream } from 'node:fs';
import { markedOnly, type TakesRow } from './again.ts';
import { Cutter, type CutRules } from './cut.ts';
import { Quotas } from './quotas.ts';
import type { Rejects } from './rejects.ts';
import { Spellings } from './spellings.ts';
import type { SpoolWriter } from './spool-writer.ts';
import { filesIn } from './partitions.ts';
import { extraOf, lineOf } from './stage.ts';

export interface CutOptions {
  rules: CutRules;
  /** Only rows that have a mark before them. */
  marked: boolean;
  /** Duplicates are with the rejects already. */
  duplicatesTold: boolean;
  signal?: AbortSignal;
}

export interface CutResult {
  accounts: number;
  accepted: number;
  duplicates: number;
  warnings: string[];
}

/**
 * Cuts the sorted rows (null: there are none) into the spool, and puts duplicates with the rejects.
 */
export async function cutRows(
  sorted: string | null,
  rejects: Rejects,
  spool: SpoolWriter,
  { rules, marked, duplicatesTold, signal }: CutOptions,
): Promise<CutResult> {
  const cutter = new Cutter(rules, {
    chunk: (chunk, round) => spool.add(chunk, round),
    duplicate: (line, first, from, to) => {
      if (!duplicatesTold) rejects.duplicate(line, first, from, to);
    },
  });
  const quotas = Quotas.of(rules.operation);
  const spellings = new Spellings();
  const plain: TakesRow = (line, from, to, fields, rows) => {
    const { accepted, accounts } = cutter;
    cutter.row(line, from, to, fields, rows);
    if (cutter.accepted === accepted) return;
    quotas?.row(from, fields);
    if (cutter.accounts !== accounts) spellings.id(from);
    spellings.id(to);
  };
  const take = marked ? markedOnly(plain) : plain;
  if (sorted !== null) {
    await readSorted(sorted, take, signal, async () => {
      await spool.flush();
      await rejects.flush();
    });
  }
  cutter.end();
  const { accounts, accepted, duplicates } = cutter;
  return { accounts, accepted, duplicates, warnings: [...(quotas?.warnings() ?? []), ...spellings.warnings()] };
}

/** Hands out the rows of a folder of sorted ones, one after the other. @param flush between pieces of a file */
export async function readSorted(
  folder: string,
  take: TakesRow,
  signal: AbortSignal | undefined,
  flush: () => Promise<void>,
): Promise<void> {
  for (const path of await filesIn(folder)) {
    let rest = '';
    for await (const text of createReadStream(path, { encoding: 'utf8', highWaterMark: 256 * 1024, signal })) {
      rest = takeLines(rest + (text as string), take);
      await flush();
    }
  }
}

const NOTHING: ReturnType<typeof extraOf> = { fields: null };

/** Takes whole lines `from TAB to TAB place TAB fields`; returns what is left. */
function takeLines(text: string, take: TakesRow): string {
  let at = 0;
  for (;;) {
    const end = text.indexOf('\n', at);
    if (end < 0) return text.slice(at);
    const toAt = text.indexOf('\t', at) + 1;
    const lineAt = text.indexOf('\t', toAt) + 1;
    const fieldsAt = text.indexOf('\t', lineAt) + 1;
    const { fields, rows } = fieldsAt === end ? NOTHING : extraOf(text.slice(fieldsAt, end));
    take(
      lineOf(text.slice(lineAt, fieldsAt - 1)),
      text.slice(at, toAt - 1),
      text.slice(toAt, lineAt - 1),
      fields,
      rows,
    );
    at = end + 1;
  }
}
