import { rowOfCode } from '../chat/codes.ts';
import type { Status } from '../domain/outcome.ts';
import type { Report } from '../results/report.ts';
import { count, duration, type Rate } from './progress.ts';

const MEANING: Record<Status, string> = {
  ok: 'done',
  satisfied: 'was so already',
  pending: 'waits for the peer',
  failed: "the service's code says why",
  unknown: 'sent, and what came of it is not known: it may hold',
  skipped: 'never sent',
};

/** The report as a person reads it, within 80 columns where ids and paths allow. */
export function reportText(report: Report, rate: Rate): string {
  const { totals } = report;
  const width = Math.max(6, count(totals.rows).length);
  const row = (name: string, rows: number, note = '') =>
    `  ${name.padEnd(13)}${count(rows).padStart(width)}  ${note}`.trimEnd();
  const statuses = (Object.keys(MEANING) as Status[]).filter((status) => status === 'ok' || totals[status] > 0);
  const codes = mostFirst(report.codes).flatMap(([code, rows]) => {
    const { meaning, advice } = rowOfCode(Number(code));
    return [row(`code ${code}`, rows, meaning), ...wrapped(advice)];
  });
  const relations = mostFirst(report.relations).map(([name, rows]) => row(name, rows));
  return [
    `${report.operation} ${report.job}: ${report.state}`,
    ...(report.reason ? wrapped(report.reason) : []),
    '',
    row('rows', totals.rows),
    ...(totals.invalid > 0 ? [row('invalid', totals.invalid, 'see the rejects file')] : []),
    ...(totals.duplicate > 0 ? [row('duplicate', totals.duplicate, 'the first one counts')] : []),
    row('accepted', totals.accepted),
    ...statuses.map((status) => row(`  ${status}`, totals[status], MEANING[status])),
    ...(totals.open > 0 ? [row('  open', totals.open, 'not settled yet')] : []),
    ...section(relations),
    ...section(codes),
    '',
    ...callLines(report, rate),
    ...(report.results ? [`  results ${report.results}`] : []),
    ...(report.rejects ? [`  rejects ${report.rejects}`] : []),
    ...(report.state === 'stopped' || report.state === 'paused' ? ['  to go on, run the same command again'] : []),
    '',
  ].join('\n');
}

function callLines({ calls, seconds }: Report, { callsPerSecond, windowMs }: Rate): string[] {
  const ideal = (calls.made * windowMs) / (callsPerSecond * 1000);
  const { planned, made, retried, throttled } = calls;
  return [
    `  calls ${count(made)}: ${count(planned)} planned, ${count(retried)} retried, ${count(throttled)} throttled`,
    `  took ${duration(seconds)}; so many calls take ${duration(ideal)} at the limit`,
  ];
}

const COLUMNS = 80;

/** A long text in lines of 80 columns, indented below its heading. */
function wrapped(text: string): string[] {
  const indent = '      ';
  const lines = [indent];
  for (const word of text.split(' ')) {
    const line = lines.at(-1) as string;
    if (line.length + word.length >= COLUMNS) lines.push(indent + word);
    else lines[lines.length - 1] = line === indent ? indent + word : `${line} ${word}`;
  }
  return lines;
}

const section = (lines: string[]): string[] => (lines.length > 0 ? ['', ...lines] : []);

function mostFirst(counts: Record<string, number>): [string, number][] {
  return Object.entries(counts).toSorted(([, a], [, b]) => b - a);
}
