import { mayPass } from '../chat/codes.ts';
import { OPERATIONS } from '../domain/operation.ts';
import type { Report } from '../results/report.ts';
import { plural } from './figures.ts';

export interface Step {
  /** To be typed as it stands. */
  command: string;
  why: string;
}

/** What the reader of a report will want to do, the most urgent first. */
export function nextSteps(report: Report): Step[] {
  const { state, job, operation, totals, accounts, rejects } = report;
  if (state === 'running') {
    return [
      { command: `befriend status ${job} --watch`, why: 'follows it, where a command or a worker is at it' },
      { command: 'the same command again', why: 'goes on with it, where nobody is' },
    ];
  }
  if (state === 'paused' || state === 'stopped') {
    return [
      { command: 'the same command again', why: `goes on with the ${plural(totals.open, 'open row')}` },
      { command: `befriend cancel ${job}`, why: 'ends it: rows never sent become skipped' },
    ];
  }
  const bad = (['failed', 'unknown', 'skipped'] as const).filter((status) => totals[status] > 0);
  const steps: Step[] = [];
  if (bad.length > 0) {
    steps.push(
      { command: `befriend results ${job} --status ${bad.join(',')}`, why: 'the rows that do not hold, and why' },
      ...retries(report),
    );
  }
  if (rejects !== null && totals.invalid > 0) {
    steps.push({
      command: `less ${rejects}`,
      why: 'line and reason of each row that was not accepted: mend these and run them as a file of their own',
    });
  }
  if (accounts !== undefined && accounts.NotImported > 0) {
    steps.push({
      command: `befriend results ${job} | grep NotImported`,
      why: 'the accounts that the app does not have: import them before their friendships',
    });
  }
  if (
    steps.length === 0 &&
    OPERATIONS[operation].writeSet({}) !== 'none' &&
    state === 'completed' &&
    totals.accepted > 0
  ) {
    steps.push({ command: 'befriend check FILE', why: 'asks the service whether every friendship is there' });
  }
  return steps;
}

function retries({ job, totals, codes }: Report): Step[] {
  const byCode = Object.entries(codes);
  const answered = byCode.reduce((sum, [, rows]) => sum + rows, 0);
  // Codes are also those of rows that were so already, or wait for their peer: none of these failed.
  const held = totals.satisfied + totals.pending;
  const some = totals.unknown + totals.skipped > 0 || totals.failed > answered - held;
  const passing = some || byCode.some(([code]) => mayPass(Number(code)));
  const final = byCode.reduce((sum, [code, rows]) => sum + (mayPass(Number(code)) ? 0 : rows), 0);
  const lasting = totals.failed > 0 && final > held;
  return [
    ...(passing
      ? [{ command: `befriend retry ${job}`, why: 'runs again, as a new job, the rows that may pass now' }]
      : []),
    ...(lasting
      ? [{ command: `befriend retry ${job} --all`, why: 'also those that failed for good: once their cause is mended' }]
      : []),
  ];
}
