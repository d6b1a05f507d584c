import { styleText } from 'node:util';
import { adviceOn, rowOfCode } from '../chat/codes.ts';
import { ceilingOf, type Limits } from '../domain/frequency.ts';
import { OPERATIONS } from '../domain/operation.ts';
import type { Status } from '../domain/outcome.ts';
import type { Totals } from '../domain/totals.ts';
import type { Report } from '../results/report.ts';
import { wordsOf } from './command-words.ts';
import { count, duration, plural } from './figures.ts';
import { fold } from './fold.ts';
import { type Called, nextSteps } from './next-steps.ts';
import { meaningOf, type RelationName } from './relations.ts';

const MEANING: Record<Status, string> = {
  ok: 'done',
  satisfied: 'was so already',
  pending: 'waits for the peer',
  failed: "the service's code says why",
  unknown: 'sent, and what came of it is not known: it may hold',
  skipped: 'never sent',
};

type Style = Parameters<typeof styleText>[0];
const STYLE: Partial<Record<Status | Report['state'], Style>> = {
  failed: 'red',
  unknown: 'yellow',
  skipped: 'yellow',
  completed: 'green',
  stopped: 'red',
  paused: 'yellow',
  cancelled: 'yellow',
};

export interface TextOptions {
  tuning: Limits;
  /** Where it will be written: decides on colours. */
  stream: NodeJS.WriteStream;
  /** Whether it ends with what to type next. Default true. */
  steps?: boolean;
  called?: Called;
  /** Lines on the rate at which it goes now. */
  rate?: readonly string[];
}

/** The report as a person reads it, within 80 columns where ids and paths allow. */
export function reportText(
  report: Report,
  { tuning, stream, steps: told = true, called, rate = [] }: TextOptions,
): string {
  const expect = called?.expected ?? [];
  const { totals, state } = report;
  const painted = (text: string, style?: Style) => (style === undefined ? text : styleText(style, text, { stream }));
  const width = Math.max(6, count(totals.rows).length);
  const row = (name: string, rows: number, note = '', style?: Style) =>
    painted(`  ${name.padEnd(13)}${count(rows).padStart(width)}  ${note}`.trimEnd(), style);
  const statusRows = (of: Totals) => [
    ...(Object.keys(MEANING) as Status[])
      .filter((status) => status === 'ok' || of[status] > 0)
      .map((status) => row(`  ${status}`, of[status], MEANING[status], STYLE[status])),
    ...(of.open > 0 ? [row('  open', of.open, 'not settled yet')] : []),
  ];
  const codes = mostFirst(report.codes).flatMap(([code, rows]) => {
    const { meaning } = rowOfCode(Number(code));
    return [
      row(`code ${code}`, rows),
      ...wrapped(meaning),
      ...wrapped(`→ ${withNames(adviceOn(Number(code), report.operation), report, called)}`),
    ];
  });
  const relations = mostFirst(report.relations).map(([name, rows]) =>
    row(name, rows, meaningOf(name as RelationName, report.options.type)),
  );
  const unexpected = report.unexpected ?? 0;
  const compared =
    report.unexpected === undefined
      ? []
      : [row('unexpected', unexpected, `other than ${expect.join(', ')}`, unexpected > 0 ? 'yellow' : undefined)];
  const accounts = mostFirst(report.accounts ?? {}).map(([name, rows]) => row(name, rows));
  const steps = told ? nextSteps(report, called) : [];
  return [
    `${wordsOf(report.operation).join(' ')}: ${painted(state, STYLE[state])}`,
    `  job ${report.job}`,
    ...(report.retryOf ? [`  retry of ${report.retryOf}`] : []),
    ...(report.retried ? [`  retried by ${report.retried.by}`] : []),
    ...(report.reason ? wrapped(report.reason) : []),
    '',
    row('rows', totals.rows),
    ...(totals.invalid > 0 ? [row('invalid', totals.invalid, 'not accepted: see the rejects file', 'yellow')] : []),
    ...(totals.duplicate > 0 ? [row('duplicate', totals.duplicate, 'the first one counts')] : []),
    row('accepted', totals.accepted),
    ...statusRows(totals),
    ...(report.retried ? [row('with retries', totals.accepted), ...statusRows(report.retried.totals)] : []),
    ...section([...relations, ...compared]),
    ...section(accounts),
    ...section(codes),
    '',
    ...callLines(report, tuning),
    ...rate,
    ...fileLines('results', report.results),
    ...fileLines('rejects', report.rejects),
    ...section(
      steps.length > 0 ? ['next:', ...steps.flatMap(({ command, why }) => [`  ${command}`, ...wrapped(why)])] : [],
    ),
    '',
  ].join('\n');
}

function callLines({ calls, seconds, operation, state }: Report, tuning: TextOptions['tuning']): string[] {
  const { planned, made, retried, throttled, lookups } = calls;
  const limit = ceilingOf(OPERATIONS[operation].command, tuning);
  const extra = [
    ...(retried > 0 ? [`${count(retried)} of them retries`] : []),
    ...(throttled > 0 ? [`${count(throttled)} of them answered "too fast"`] : []),
    ...(lookups > 0 ? [`and ${plural(lookups, 'call')} of other commands, to settle rows in doubt`] : []),
  ];
  const over = state === 'completed' || state === 'cancelled';
  return [
    `  calls    ${count(made)} made, ${count(planned)} planned`,
    ...extra.map((line) => `           ${line}`),
    `  time     ${duration(seconds)}${over ? '' : ' so far'}; ` +
      `${plural(made, 'call')} at ${count(Math.round(limit))} a second ${made === 1 ? 'takes' : 'take'} ${made < limit ? 'less than 1 s' : duration(made / limit)}`,
  ];
}

/** A path in one piece, on a line of its own where that is too long. */
function fileLines(name: string, path: string | null): string[] {
  if (path === null) return [];
  const line = `  ${name}  ${path}`;
  return line.length < 80 ? [line] : [`  ${name}`, `    ${path}`];
}

/** An advice names what it is about as the reader has it. */
function withNames(advice: string, { job, operation }: Report, called: Called = {}): string {
  const { rows = 'FILE' } = called;
  return advice
    .replaceAll(/\bCOMMAND\b/g, () => wordsOf(operation).join(' '))
    .replaceAll(/\bFILE\b/g, () => rows)
    .replaceAll(/\bJOB\b/g, () => job);
}

/** A long text in lines of 80 columns, indented below its heading. */
export const wrapped = (text: string): string[] => fold(`      ${text}`, 79).split('\n');

const section = (lines: string[]): string[] => (lines.length > 0 ? ['', ...lines] : []);

function mostFirst(counts: Record<string, number>): [string, number][] {
  return Object.entries(counts).toSorted(([, a], [, b]) => b - a);
}
