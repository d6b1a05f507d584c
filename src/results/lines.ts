import type { JobDescriptor } from '../domain/job.ts';
import type { Outcome, ResultEntry } from '../domain/outcome.ts';
import { outcomesOf } from '../domain/outcome.ts';

/** What every line of a job's results file says beside its row. */
export interface LineContext {
  id: string;
  operation: string;
  /** The mode of a check. */
  type?: 'both' | 'single';
}

export function lineContextOf({ id, operation, options }: JobDescriptor): LineContext {
  return { id, operation, ...(operation === 'check' && { type: options.type ?? 'both' }) };
}

/**
 * The lines of one entry, one a row, as `outcomesOf` gives them. Rows of a group differ in one id only, so the rest
 * is serialised once a group. The same entry gives the same bytes always: recorders rely on it.
 */
export function linesOf(job: LineContext, entry: ResultEntry): string {
  let lines = '';
  for (const group of entry.outcomes) {
    const [first] = group.to;
    if (first === undefined) continue;
    const [sample] = outcomesOf(job, { ...entry, outcomes: [{ ...group, to: [first] }] }) as Iterable<Outcome>;
    const { job: id, operation, from, to, ...rest } = sample as Outcome;
    const turned = group.reverse === true && entry.from !== null;
    const head = `{"job":${JSON.stringify(id)},"operation":${JSON.stringify(operation)},"from":`;
    const tail = `,${JSON.stringify(rest).slice(1)}\n`;
    const fixed = JSON.stringify(turned ? to : from);
    for (const other of group.to) {
      const varying = JSON.stringify(other);
      lines += `${head}${turned ? varying : fixed},"to":${turned ? fixed : varying}${tail}`;
    }
  }
  return lines;
}
