import { type AnswerShape, type OperationName, type OperationOptions, OPERATIONS } from '../domain/operation.ts';
import { type Totals, totalsOf } from '../domain/totals.ts';
import type { Prepared } from '../intake/prepare.ts';
import type { Submission } from '../jobs/submit.ts';
import type { RejectSummary } from '../intake/rejects.ts';
import { wordsOf } from './command-words.ts';
import { count, duration, plural } from './figures.ts';
import type { Forecast } from './forecast.ts';

/** What a dry run found, as `--json` prints it. */
export interface PlannedReport {
  job: null;
  operation: OperationName;
  options: OperationOptions;
  state: 'planned';
  totals: Totals;
  codes: Record<string, never>;
  relations: Record<string, never>;
  calls: { everyAccount: number; planned: number; lowerBound: number | null };
  /** At the limit, alone. */
  seconds: number;
  /** Beside the jobs of the same command that run now; null where they cannot be asked for. */
  beside: Forecast['beside'];
  callsPerSecond: number;
  results: null;
  rejects: string | null;
}

export function plannedReport(
  prepared: Prepared,
  { operation, options = {} }: Pick<Submission, 'operation' | 'options'>,
  rejects: string,
  { ceiling, seconds, beside }: Forecast,
): PlannedReport {
  const { totals, chunks, plan } = prepared;
  return {
    job: null,
    operation,
    options,
    state: 'planned',
    totals: totalsOf(totals, {}),
    codes: {},
    relations: {},
    calls: { everyAccount: plan?.everyAccount ?? chunks, planned: chunks, lowerBound: plan?.lowerBound ?? null },
    seconds: Math.round(1000 * seconds) / 1000,
    beside,
    callsPerSecond: ceiling,
    results: null,
    rejects: prepared.rejects.count > 0 ? rejects : null,
  };
}

/** Where a row may take more calls than are planned. */
const MORE_CALLS: Partial<Record<AnswerShape, string>> = {
  pages: ' at least: a list of more than about 500 friends takes several',
};

/** What the text says beside the report. */
export interface PlannedHow {
  /** The accounts were checked: calls were made. */
  checked: boolean;
  /** When a read follows a write whose answer leaves open what it did, milliseconds. */
  readAfterMs: number;
}

export function plannedText(report: PlannedReport, prepared: Prepared, how: PlannedHow): string {
  const { totals, calls } = report;
  const operation = OPERATIONS[report.operation];
  const lines = [
    `${wordsOf(report.operation).join(' ')}: dry run, nothing was ${how.checked ? 'written' : 'sent'}`,
    `  rows       ${count(totals.rows)}`,
    `  accepted   ${count(totals.accepted)}`,
    `  invalid    ${count(totals.invalid)}`,
    `  duplicate  ${count(totals.duplicate)}`,
    `  accounts   ${count(prepared.accounts)}${operation.rows === 'pairs' ? ' in from' : ''}`,
    `  calls      ${count(calls.planned)}${MORE_CALLS[operation.answers] ?? ''}${planText(calls)}`,
    ...lookupLines(report, how),
    `  time       ${timeText(report)}`,
    ...rejectLines(prepared.rejects),
    ...(report.rejects ? [`  rejects    ${report.rejects}`] : []),
  ];
  return `${lines.join('\n')}\n`;
}

/** What planning saves, and how much more could be saved at most. */
function planText({ everyAccount, lowerBound }: PlannedReport['calls']): string {
  if (lowerBound === null) return '';
  return `: from the better end of each pair (every account: ${count(everyAccount)}; at least ${count(lowerBound)})`;
}

/**
 * The reads of rows in doubt, where a plain success leaves one in doubt: then every call has one behind it. Those of other
 * answers, and of writes without one, nobody can plan.
 */
function lookupLines({ operation: name, options, calls }: PlannedReport, { readAfterMs }: PlannedHow): string[] {
  const operation = OPERATIONS[name];
  const verification = options.noVerify ? null : operation.verification(options);
  if (verification === null || !operation.doubts({ status: 'ok', code: 0 }, options)) return [];
  const { command } = OPERATIONS[verification.operation];
  const after = readAfterMs > 0 ? `, ${duration(readAfterMs / 1000)} later` : '';
  return [`  lookups    up to ${count(calls.planned)} of ${command}${after} (--no-verify: none)`];
}

/** Each reason with its first rows, the commonest reason first. */
function rejectLines({ byReason }: RejectSummary): string[] {
  if (byReason.length === 0) return [];
  const lines = byReason.flatMap(({ reason, count: rows, examples }) => {
    const at = examples.map(({ file, line }) => `${file === undefined ? '' : `${file} `}line ${count(line)}`);
    const width = Math.max(...at.map(({ length }) => length));
    return [
      `    ${count(rows)} × ${reason}`,
      ...examples.map(({ text }, n) => `      ${at[n]?.padEnd(width)}  ${text}`),
    ];
  });
  return ['', '  not accepted', ...lines, ''];
}

function timeText({ seconds, beside, callsPerSecond }: PlannedReport): string {
  const alone = `${duration(seconds)} at ${count(Math.round(callsPerSecond))} calls/s`;
  if (beside === null || beside.jobs === 0) return alone;
  return `${alone}; ${duration(beside.seconds)} beside ${plural(beside.jobs, 'running job')}`;
}
