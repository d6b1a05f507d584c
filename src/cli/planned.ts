import type { OperationName } from '../domain/operation.ts';
import { type Totals, totalsOf } from '../domain/totals.ts';
import type { Prepared } from '../intake/prepare.ts';
import { count, duration, type Rate } from './progress.ts';

/** What a dry run found, as `--json` prints it. */
export interface PlannedReport {
  job: null;
  operation: OperationName;
  state: 'planned';
  totals: Totals;
  codes: Record<string, never>;
  relations: Record<string, never>;
  calls: { everyAccount: number; planned: number; lowerBound: number | null };
  /** At the limit, alone. */
  seconds: number;
  callsPerSecond: number;
  results: null;
  rejects: string | null;
}

export function plannedReport(
  prepared: Prepared,
  operation: OperationName,
  rejects: string,
  rate: Rate,
): PlannedReport {
  const { totals, chunks } = prepared;
  const callsPerSecond = (rate.callsPerSecond * 1000) / rate.windowMs;
  return {
    job: null,
    operation,
    state: 'planned',
    totals: totalsOf(totals, {}),
    codes: {},
    relations: {},
    calls: { everyAccount: chunks, planned: chunks, lowerBound: null },
    seconds: Math.round((1000 * chunks) / callsPerSecond) / 1000,
    callsPerSecond,
    results: null,
    rejects: prepared.rejects.count > 0 ? rejects : null,
  };
}

export function plannedText(report: PlannedReport, prepared: Prepared): string {
  const { totals, calls, seconds } = report;
  const lines = [
    `${report.operation}: dry run, nothing was sent`,
    `  rows       ${count(totals.rows)}`,
    `  accepted   ${count(totals.accepted)}`,
    `  invalid    ${count(totals.invalid)}`,
    `  duplicate  ${count(totals.duplicate)}`,
    `  accounts   ${count(prepared.accounts)}`,
    `  calls      ${count(calls.planned)}, ${duration(seconds)} at the limit`,
    ...prepared.rejects.byReason.map(
      ({ reason, count: rows, lines: at }) => `  rejected   ${count(rows)} × ${reason} (line ${at.join(', ')})`,
    ),
    ...(report.rejects ? [`  rejects    ${report.rejects}`] : []),
  ];
  return `${lines.join('\n')}\n`;
}
