import { STATUSES, type Status } from './outcome.ts';

/** rows = accepted + invalid + duplicate; accepted = the six statuses + open. Always. */
export interface Totals extends Record<Status, number> {
  rows: number;
  invalid: number;
  duplicate: number;
  accepted: number;
  open: number;
}

export interface IntakeTotals {
  rows: number;
  invalid: number;
  duplicate: number;
  accepted: number;
}

/** Totals from what intake counted and what was settled so far; `open` is what remains, never counted on its own. */
export function totalsOf(intake: IntakeTotals, settled: Partial<Record<Status, number>>): Totals {
  const counts = Object.fromEntries(STATUSES.map((status) => [status, settled[status] ?? 0])) as Record<Status, number>;
  const done = STATUSES.reduce((sum, status) => sum + counts[status], 0);
  const { rows, invalid, duplicate, accepted } = intake;
  return { rows, invalid, duplicate, accepted, ...counts, open: accepted - done };
}

/**
 * What became of a job's rows in all: those that were run again count as they ended there.
 * @param first the retry that took every skipped and unknown row, and failed ones @param rest the one that took the others
 */
export function totalsWithRetries(own: Totals, first: Totals, rest: Totals | null): Totals {
  const failedLeft = own.skipped + own.unknown + own.failed - first.accepted - (rest?.accepted ?? 0);
  const settled = STATUSES.map((status) => {
    const kept = status === 'failed' ? failedLeft : status === 'skipped' || status === 'unknown' ? 0 : own[status];
    return [status, kept + first[status] + (rest?.[status] ?? 0)] as const;
  });
  return totalsOf(own, Object.fromEntries(settled) as Record<Status, number>);
}
