/** What a dry run found, letter for letter, and what `--json` prints of it. */
import { expect, test } from 'vitest';
import type { Forecast } from '../../src/cli/forecast.ts';
import { type PlannedHow, plannedReport, plannedText } from '../../src/cli/planned.ts';
import type { OperationName, OperationOptions } from '../../src/domain/operation.ts';
import type { Prepared } from '../../src/intake/prepare.ts';
import type { RejectKind } from '../../src/intake/rejects.ts';
import type { Submission } from '../../src/jobs/submit.ts';

const REJECTS = 'friends.csv.rejects.jsonl';
const ALONE: Forecast = { ceiling: 200, seconds: 123.4567, beside: { jobs: 0, calls: 0, seconds: 123.4567 } };
const beside = (jobs: number, seconds: number): Forecast => ({
  ...ALONE,
  beside: { jobs, calls: 5000 * jobs, seconds },
});

/** Rows of a large file with nothing wrong, but for what is given. */
function preparedWith(given: Partial<Prepared['totals']> = {}, byReason: RejectKind[] = []): Prepared {
  return {
    totals: { rows: 2_000_000, invalid: 0, duplicate: 0, accepted: 2_000_000, ...given },
    chunks: 24_691,
    accounts: 23_456,
    plan: null,
    digest: 'd1',
    warnings: [],
    rejects: { count: byReason.reduce((sum, { count }) => sum + count, 0), byReason },
    dir: '/home/intake/x',
  };
}

const DIRTY = preparedWith({ rows: 2_001_260, invalid: 1250, duplicate: 10 }, [
  {
    reason: 'to: empty',
    count: 1246,
    examples: [
      { line: 7, text: 'ann,' },
      { line: 1234, text: 'bob,,x' },
      { line: 1_000_000, text: 'cem,' },
    ],
  },
  { reason: 'duplicate of an earlier line', count: 10, examples: [{ line: 99, text: 'ann,bob' }] },
  {
    reason: 'from and to are the same account',
    count: 4,
    examples: [
      { line: 9, text: 'ann,ann' },
      { line: 10, text: 'bob,bob' },
    ],
  },
]);

const HOW: PlannedHow = { checked: false, readAfterMs: 3000 };

const textOf = (
  prepared: Prepared,
  forecast: Forecast,
  {
    operation = 'import',
    options = {},
    rejects = REJECTS,
    ...how
  }: Partial<PlannedHow & Pick<Submission, 'operation' | 'options'>> & { rejects?: string } = {},
): string[] =>
  plannedText(plannedReport(prepared, { operation, options }, rejects, forecast), prepared, { ...HOW, ...how }).split(
    '\n',
  );

/** The line of the text that has this name. */
const lineOf = (name: string, lines: string[]) => lines.filter((line) => line.startsWith(`  ${name} `));

test('a clean file', () => {
  expect(textOf(preparedWith(), ALONE)).toEqual([
    'import: dry run, nothing was sent',
    '  rows       2,000,000',
    '  accepted   2,000,000',
    '  invalid    0',
    '  duplicate  0',
    '  accounts   23,456 in from',
    '  calls      24,691',
    '  time       2 min 4 s at 200 calls/s',
    '',
  ]);
});

test('a dirty file: reasons with their first rows, and where all of them are', () => {
  const lines = textOf(DIRTY, ALONE);
  expect(lines).toEqual([
    'import: dry run, nothing was sent',
    '  rows       2,001,260',
    '  accepted   2,000,000',
    '  invalid    1,250',
    '  duplicate  10',
    '  accounts   23,456 in from',
    '  calls      24,691',
    '  time       2 min 4 s at 200 calls/s',
    '',
    '  not accepted',
    '    1,246 × to: empty',
    '      line 7          ann,',
    '      line 1,234      bob,,x',
    '      line 1,000,000  cem,',
    '    10 × duplicate of an earlier line',
    '      line 99  ann,bob',
    '    4 × from and to are the same account',
    '      line 9   ann,ann',
    '      line 10  bob,bob',
    '',
    '  rejects    friends.csv.rejects.jsonl',
    '',
  ]);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(80);
});

test('with the accounts checked, calls were made, but nothing was written', () => {
  expect(textOf(preparedWith(), ALONE, { checked: true })[0]).toBe('import: dry run, nothing was written');
});

test('where rows are accounts, these are counted', () => {
  expect(lineOf('accounts', textOf(preparedWith(), ALONE, { operation: 'accounts-check' }))).toEqual([
    '  accounts   23,456',
  ]);
});

test('reads are told of where every row of a call that went well is looked up', () => {
  const lookups = (operation: OperationName, options: OperationOptions, readAfterMs = 3000) =>
    lineOf('lookups', textOf(preparedWith(), ALONE, { operation, options, readAfterMs }));
  const line = '  lookups    up to 24,691 of friend_check, 3 s later (--no-verify: none)';
  expect(line.length).toBeLessThan(80);
  expect(lookups('add', {})).toEqual([line]);
  expect(lookups('add', { single: true })).toEqual([line]);
  expect(lookups('add', {}, 0)).toEqual(['  lookups    up to 24,691 of friend_check (--no-verify: none)']);
  expect(lookups('add', { noVerify: true })).toEqual([]);
  expect(lookups('add', { force: true })).toEqual([]);
  expect(lookups('delete', { both: true })).toEqual([]);
  expect(lookups('import', {})).toEqual([]);
  expect(lookups('get', {})).toEqual([]);
});

test('the time alone, and beside the jobs that run now', () => {
  const time = (forecast: Forecast) => lineOf('time', textOf(preparedWith(), forecast));
  expect(time(ALONE)).toEqual(['  time       2 min 4 s at 200 calls/s']);
  expect(time({ ...ALONE, beside: null })).toEqual(['  time       2 min 4 s at 200 calls/s']);
  expect(time(beside(1, 148.4))).toEqual(['  time       2 min 4 s at 200 calls/s; 2 min 29 s beside 1 running job']);
  const [three] = time(beside(3, 3 * 86_400));
  expect(three).toBe('  time       2 min 4 s at 200 calls/s; 72 h 0 min beside 3 running jobs');
  expect(three!.length).toBeLessThan(80);
});

test('the report of a clean file, as --json prints it', () => {
  expect(plannedReport(preparedWith(), { operation: 'check' }, REJECTS, ALONE)).toEqual({
    job: null,
    operation: 'check',
    options: {},
    state: 'planned',
    totals: {
      rows: 2_000_000,
      invalid: 0,
      duplicate: 0,
      accepted: 2_000_000,
      ok: 0,
      satisfied: 0,
      pending: 0,
      failed: 0,
      unknown: 0,
      skipped: 0,
      open: 2_000_000,
    },
    codes: {},
    relations: {},
    calls: { everyAccount: 24_691, planned: 24_691, lowerBound: null },
    seconds: 123.457,
    beside: { jobs: 0, calls: 0, seconds: 123.4567 },
    callsPerSecond: 200,
    results: null,
    rejects: null,
  });
});

test('the report names the rejects where there are any, and the jobs beside it where they are known', () => {
  const report = plannedReport(DIRTY, { operation: 'import' }, REJECTS, beside(3, 600));
  expect(report).toMatchObject({ rejects: REJECTS, beside: { jobs: 3, calls: 15_000, seconds: 600 } });
  expect(report.totals).toMatchObject({ rows: 2_001_260, invalid: 1250, duplicate: 10, accepted: 2_000_000 });
  expect(plannedReport(DIRTY, { operation: 'import' }, REJECTS, { ...ALONE, beside: null }).beside).toBeNull();
  expect(lineOf('rejects', textOf(DIRTY, ALONE, { rejects: 'on stdout' }))).toEqual(['  rejects    on stdout']);
  expect(lineOf('rejects', textOf(preparedWith(), ALONE))).toEqual([]);
});

test('a plan is told with what it saves, and how much more could be saved at most', () => {
  const prepared = { ...preparedWith(), plan: { everyAccount: 40_400, lowerBound: 19_740 } };
  const report = plannedReport(prepared, { operation: 'check' }, REJECTS, ALONE);
  expect(report.calls).toEqual({ everyAccount: 40_400, planned: 24_691, lowerBound: 19_740 });
  expect(lineOf('calls', textOf(prepared, ALONE))).toEqual([
    '  calls      24,691: from the better end of each pair (every account: 40,400; at least 19,740)',
  ]);
});
