import { mayPass } from '../chat/codes.ts';
import type { OperationName, OperationOptions } from '../domain/operation.ts';
import { isBraked, type Report } from '../results/report.ts';
import { plural } from './figures.ts';
import { type RelationName, unexpectedIn } from './relations.ts';

export interface Step {
  /** To be typed as it stands. */
  command: string;
  why: string;
}

const ENTRY: Step = {
  command: 'befriend check FILE --type single --expect AWithB',
  why: 'asks whether every from has its to; ends with 1 if one has not',
};
const FRIENDSHIP: Step = {
  command: 'befriend check FILE --expect BothWay',
  why: 'asks whether each has the other; ends with 1 if not, or not yet',
};
const NO_ENTRY: Step = {
  command: 'befriend check FILE --type single --expect NoRelation',
  why: 'asks whether every entry is gone; ends with 1 if one is not',
};
const NO_FRIENDSHIP: Step = {
  command: 'befriend check FILE --expect NoRelation',
  why: 'asks whether both entries of each row are gone; ends with 1 if not',
};

/** How to see for oneself that what was written is there; its verb reads the same file. */
const SEE: Partial<Record<OperationName, Step | ((options: OperationOptions) => Step)>> = {
  import: ENTRY,
  add: ({ single }) => (single ? ENTRY : FRIENDSHIP),
  update: { command: 'befriend get-list FILE', why: 'reads remark, lists and other fields of each friend' },
  delete: ({ both }) => (both ? NO_FRIENDSHIP : NO_ENTRY),
  'delete-all': { command: 'befriend get FILE', why: 'reads the lists, which are empty now' },
  'accounts-import': { command: 'befriend accounts check FILE', why: 'asks the service whether it has every account' },
};

/** A path as a shell takes it. */
export const quoted = (path: string): string =>
  /^[\w./][\w./@%+=:,-]*$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;

/** How the command was called whose report it is. */
export interface Called {
  /** The input with what its rows need, as a shell takes it. Default FILE: nobody knows it. */
  rows?: string;
  /** With --new, which would begin another job. */
  fresh?: boolean;
  /** The relations that the report was compared with. */
  expected?: readonly RelationName[];
}

/** The command that goes on with a job. */
export const sameCommand = (fresh = false): string => `the same command${fresh ? ' without --new' : ''}`;

/** What the reader of a report will want to do, the most urgent first. */
export function nextSteps(report: Report, { rows = 'FILE', fresh = false, expected = [] }: Called = {}): Step[] {
  const { state, job, operation, options, totals, accounts, rejects } = report;
  const again = fresh ? sameCommand(fresh) : 'the same command again';
  if (state === 'running') {
    return [
      { command: `befriend status ${job} --watch`, why: 'follows it, where a command or a worker is at it' },
      { command: again, why: 'goes on with it, where nobody is' },
    ];
  }
  if (isBraked(report)) {
    return [
      { command: `befriend results ${job} --status failed,unknown`, why: 'the rows that do not hold, and why' },
      {
        command: `befriend resume ${job} --force`,
        why: `if that is as it should be: lets the ${plural(totals.open, 'open row')} go; the same command works on them`,
      },
      { command: `befriend cancel ${job}`, why: 'ends it: rows never sent become skipped' },
    ];
  }
  if (state === 'paused' || state === 'stopped') {
    return [
      { command: again, why: `goes on with the ${plural(totals.open, 'open row')}` },
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
  if (report.unexpected !== undefined && report.unexpected > 0) {
    steps.push({
      command: `befriend results ${job} --relation ${unexpectedIn(report.relations, expected).join(',')}`,
      why: 'the rows whose relation nobody expected',
    });
  }
  if (rejects !== null && totals.invalid > 0) {
    steps.push({
      command: `less ${quoted(rejects)}`,
      why: 'line and reason of each row that was not accepted: mend these and run them as a file of their own',
    });
  }
  if (accounts !== undefined && accounts.NotImported > 0) {
    steps.push({
      command: `befriend results ${job} --account NotImported`,
      why: 'the accounts that the app does not have: befriend accounts import takes them in',
    });
  }
  const to = SEE[operation];
  const see = typeof to === 'function' ? to(options) : to;
  const clean = steps.length === 0 && state === 'completed' && totals.accepted > 0;
  return clean && see !== undefined ? [{ ...see, command: see.command.replace('FILE', rows) }] : steps;
}

function retries({ job, totals, codes, retried }: Report): Step[] {
  if (retried !== undefined) {
    return [
      { command: `befriend status ${retried.by}`, why: 'what became of rows of it that were run again' },
      ...(retried.left > 0
        ? [
            {
              command: `befriend retry ${job} --all`,
              why: `the ${plural(retried.left, 'row')} that failed for good and were not run again: once their cause is mended`,
            },
          ]
        : []),
    ];
  }
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
