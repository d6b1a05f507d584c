import { createReadStream } from 'node:fs';
import type { Fields } from '../domain/chunk.ts';
import { Cutter, type CutRules } from './cut.ts';
import type { Rejects } from './rejects.ts';
import type { Format } from './source.ts';
import type { SpoolWriter } from './spool-writer.ts';

export interface CutResult {
  accounts: number;
  accepted: number;
  duplicates: number;
}

/** Cuts the sorted rows (null: there are none) into the spool, and puts duplicates with the rejects. */
export async function cutRows(
  sorted: string | null,
  rejects: Rejects,
  spool: SpoolWriter,
  { rules, format, signal }: { rules: CutRules; format: Format; signal?: AbortSignal },
): Promise<CutResult> {
  const cutter = new Cutter(rules, {
    chunk: (chunk, round) => spool.add(chunk, round),
    duplicate: (line, first, from, to) => rejects.add(line, `duplicate of line ${first}`, pairText(format, from, to)),
  });
  if (sorted !== null) {
    let rest = '';
    for await (const text of createReadStream(sorted, { encoding: 'utf8', highWaterMark: 256 * 1024, signal })) {
      rest = takeLines(rest + (text as string), cutter);
      await spool.flush();
      await rejects.flush();
    }
  }
  cutter.end();
  return { accounts: cutter.accounts, accepted: cutter.accepted, duplicates: cutter.duplicates };
}

/** Whole lines `from TAB to TAB line TAB fields` to the cutter; returns what is left. */
function takeLines(text: string, cutter: Cutter): string {
  let at = 0;
  for (;;) {
    const end = text.indexOf('\n', at);
    if (end < 0) return text.slice(at);
    const toAt = text.indexOf('\t', at) + 1;
    const lineAt = text.indexOf('\t', toAt) + 1;
    const fieldsAt = text.indexOf('\t', lineAt) + 1;
    const fields = fieldsAt === end ? null : (JSON.parse(text.slice(fieldsAt, end)) as Fields);
    cutter.row(
      Number(text.slice(lineAt, fieldsAt - 1)),
      text.slice(at, toAt - 1),
      text.slice(toAt, lineAt - 1),
      fields,
    );
    at = end + 1;
  }
}

/**
 * What the rejects file shows of a duplicate: the pair, as the input's format writes it. The line itself was not kept;
 * its other columns stand in the input.
 */
function pairText(format: Format, from: string, to: string): string {
  if (format === 'jsonl') return JSON.stringify({ from, to });
  return `${from}${format === 'tsv' ? '\t' : ','}${to}`;
}
