/** The report and what to do next, letter for letter, as a person reads them. */
import { execFileSync } from 'node:child_process';
import { PassThrough } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { CODE_ROWS } from '../../src/chat/codes.ts';
import { type Called, nextSteps, quoted } from '../../src/cli/next-steps.ts';
import type { RelationName } from '../../src/cli/relations.ts';
import { reportText } from '../../src/cli/report-text.ts';
import { type IntakeTotals, totalsOf } from '../../src/domain/totals.ts';
import type { Report } from '../../src/results/report.ts';

const JOB = 'import-20261121-100000-4f2a1b2c';
const TUNING = { callsPerSecond: 200, appCallsPerSecond: null, windowMs: 1000 };

/** The environment decides on colours too. */
beforeEach(() => {
  for (const name of ['NO_COLOR', 'FORCE_COLOR', 'NODE_DISABLE_COLORS']) vi.stubEnv(name, undefined);
});
afterEach(() => void vi.unstubAllEnvs());

const intake = (rows: number, invalid = 0, duplicate = 0): IntakeTotals => ({
  rows,
  invalid,
  duplicate,
  accepted: rows - invalid - duplicate,
});

/** A finished import of ten rows without a fault, but for what is given. */
const report = (given: Partial<Report> = {}): Report => ({
  job: JOB,
  operation: 'import',
  options: {},
  priority: 'normal',
  state: 'completed',
  totals: totalsOf(intake(10), { ok: 10 }),
  codes: {},
  relations: {},
  calls: { planned: 3, made: 3, throttled: 0, retried: 0, lookups: 0 },
  seconds: 0.4,
  callsPerSecond: 7.5,
  results: `friends.csv.${JOB}.results.jsonl`,
  rejects: null,
  ...given,
});

const red = (text: string) => `\u001b[31m${text}\u001b[39m`;
const green = (text: string) => `\u001b[32m${text}\u001b[39m`;
const yellow = (text: string) => `\u001b[33m${text}\u001b[39m`;

function stream(isTTY: boolean): NodeJS.WriteStream {
  return Object.assign(new PassThrough(), { isTTY }) as unknown as NodeJS.WriteStream;
}

const textOf = (given: Partial<Report>, isTTY = false): string =>
  reportText(report(given), { tuning: TUNING, stream: stream(isTTY) });
const linesOf = (given: Partial<Report>): string[] => textOf(given).split('\n');

/** Of an add of millions of rows in which everything happened that may happen. */
const EVERYTHING: Partial<Report> = {
  operation: 'add',
  totals: totalsOf(intake(12_345_678, 20, 8), {
    ok: 12_345_000,
    satisfied: 300,
    pending: 50,
    failed: 290,
    unknown: 10,
  }),
  codes: { 30001: 300, 30014: 200, 30006: 40, 30539: 50, 39999: 20 },
  calls: { planned: 123_456, made: 125_000, throttled: 12, retried: 1544, lookups: 0 },
  seconds: 700.2,
  rejects: 'friends.csv.rejects.jsonl',
};

test('completed, with everything that may come of rows', () => {
  expect(linesOf(EVERYTHING)).toEqual([
    'add: completed',
    '  job import-20261121-100000-4f2a1b2c',
    '',
    '  rows         12,345,678',
    '  invalid              20  not accepted: see the rejects file',
    '  duplicate             8  the first one counts',
    '  accepted     12,345,650',
    '    ok         12,345,000  done',
    '    satisfied         300  was so already',
    '    pending            50  waits for the peer',
    "    failed            290  the service's code says why",
    '    unknown            10  sent, and what came of it is not known: it may hold',
    '',
    '  code 30001          300',
    '      a parameter is wrong, or the state forbids it: already a friend, not a',
    '      friend, body not decodable',
    '      → nothing, where the row is `satisfied` (friends already); “it does not',
    '      hold” in its fault: one side had the other already, and befriend check',
    '      tells which: import or add --single the other direction as a row of its',
    '      own; else its info text tells what to correct',
    '  code 30014          200',
    '      the peer’s friend list is full (3000)',
    '      → add one-way (--single), or delete friends of the peer',
    '  code 30539           50',
    '      the request is stored and waits for the peer’s consent',
    '      → nothing to do: the row is `pending`',
    '  code 30006           40',
    '      internal error of the service',
    '      → tried again by itself; what failed all the same: befriend retry',
    '      import-20261121-100000-4f2a1b2c',
    '  code 39999           20',
    '      a code that no page of the service lists',
    '      → tried a few times; look for the code on the vendor’s error page and',
    '      report it with the RequestId',
    '',
    '  calls    125,000 made, 123,456 planned',
    '           1,544 of them retries',
    '           12 of them answered "too fast"',
    '  time     11 min 41 s; 125,000 calls at 200 a second take 10 min 25 s',
    '  results  friends.csv.import-20261121-100000-4f2a1b2c.results.jsonl',
    '  rejects  friends.csv.rejects.jsonl',
    '',
    'next:',
    '  befriend results import-20261121-100000-4f2a1b2c --status failed,unknown',
    '      the rows that do not hold, and why',
    '  befriend retry import-20261121-100000-4f2a1b2c',
    '      runs again, as a new job, the rows that may pass now',
    '  befriend retry import-20261121-100000-4f2a1b2c --all',
    '      also those that failed for good: once their cause is mended',
    '  less friends.csv.rejects.jsonl',
    '      line and reason of each row that was not accepted: mend these and run',
    '      them as a file of their own',
    '',
  ]);
});

test('a check compared with what was expected; reads that settled rows in doubt', () => {
  const given: Partial<Report> = {
    operation: 'check',
    relations: { BothWay: 9, AWithB: 1 },
    calls: { planned: 3, made: 3, throttled: 0, retried: 0, lookups: 1 },
  };
  const text = (unexpected: number, expected: RelationName[]) =>
    reportText(report({ ...given, unexpected }), { tuning: TUNING, stream: stream(false), called: { expected } });
  expect(text(1, ['BothWay']).split('\n').slice(6, 13)).toEqual([
    '',
    '  BothWay           9  each has the other',
    '  AWithB            1  from has to, and to has not from',
    '  unexpected        1  other than BothWay',
    '',
    '  calls    3 made, 3 planned',
    '           and 1 call of other commands, to settle rows in doubt',
  ]);
  expect(text(0, ['BothWay', 'AWithB'])).toContain('\n  unexpected        0  other than BothWay, AWithB\n');
});

test('completed without a fault: only what there is', () => {
  expect(linesOf({})).toEqual([
    'import: completed',
    '  job import-20261121-100000-4f2a1b2c',
    '',
    '  rows             10',
    '  accepted         10',
    '    ok             10  done',
    '',
    '  calls    3 made, 3 planned',
    '  time     1 s; 3 calls at 200 a second take less than 1 s',
    '  results  friends.csv.import-20261121-100000-4f2a1b2c.results.jsonl',
    '',
    'next:',
    '  befriend check FILE --type single --expect AWithB',
    '      asks whether every from has its to; ends with 1 if one has not',
    '',
  ]);
});

test('a check counts relations, the commonest first, and says what they are', () => {
  expect(linesOf({ operation: 'check', relations: { AWithB: 1, BothWay: 6, BWithA: 1, NoRelation: 2 } })).toEqual([
    'check: completed',
    '  job import-20261121-100000-4f2a1b2c',
    '',
    '  rows             10',
    '  accepted         10',
    '    ok             10  done',
    '',
    '  BothWay           6  each has the other',
    '  NoRelation        2  neither has the other',
    '  AWithB            1  from has to, and to has not from',
    '  BWithA            1  to has from, and from has not to',
    '',
    '  calls    3 made, 3 planned',
    '  time     1 s; 3 calls at 200 a second take less than 1 s',
    '  results  friends.csv.import-20261121-100000-4f2a1b2c.results.jsonl',
    '',
  ]);
});

test('a check of accounts counts both, and says how to find the missing ones; its limit is half', () => {
  expect(
    linesOf({
      operation: 'accounts-check',
      accounts: { Imported: 3, NotImported: 7 },
      calls: { planned: 450, made: 450, throttled: 0, retried: 0, lookups: 0 },
      seconds: 4.6,
    }),
  ).toEqual([
    'accounts check: completed',
    '  job import-20261121-100000-4f2a1b2c',
    '',
    '  rows             10',
    '  accepted         10',
    '    ok             10  done',
    '',
    '  NotImported       7',
    '  Imported          3',
    '',
    '  calls    450 made, 450 planned',
    '  time     5 s; 450 calls at 100 a second take 5 s',
    '  results  friends.csv.import-20261121-100000-4f2a1b2c.results.jsonl',
    '',
    'next:',
    '  befriend results import-20261121-100000-4f2a1b2c --account NotImported',
    '      the accounts that the app does not have: befriend accounts import takes',
    '      them in',
    '',
  ]);
});

test('stopped: why, what is open, what to do', () => {
  expect(
    linesOf({
      state: 'stopped',
      reason:
        'code 70009, the UserSig was signed with another key: check CHAT_SECRET_KEY (or CHAT_USERSIG) against the ' +
        'console, copied whole (the service said: signature mismatch)',
      totals: totalsOf(intake(10), { ok: 4 }),
      results: null,
    }),
  ).toEqual([
    'import: stopped',
    '  job import-20261121-100000-4f2a1b2c',
    '      code 70009, the UserSig was signed with another key: check',
    '      CHAT_SECRET_KEY (or CHAT_USERSIG) against the console, copied whole (the',
    '      service said: signature mismatch)',
    '',
    '  rows             10',
    '  accepted         10',
    '    ok              4  done',
    '    open            6  not settled yet',
    '',
    '  calls    3 made, 3 planned',
    '  time     1 s so far; 3 calls at 200 a second take less than 1 s',
    '',
    'next:',
    '  the same command again',
    '      goes on with the 6 open rows',
    '  befriend cancel import-20261121-100000-4f2a1b2c',
    '      ends it: rows never sent become skipped',
    '',
  ]);
});

test('paused', () => {
  expect(linesOf({ state: 'paused', reason: 'interrupted', totals: totalsOf(intake(10), { ok: 9 }) })).toEqual([
    'import: paused',
    '  job import-20261121-100000-4f2a1b2c',
    '      interrupted',
    '',
    '  rows             10',
    '  accepted         10',
    '    ok              9  done',
    '    open            1  not settled yet',
    '',
    '  calls    3 made, 3 planned',
    '  time     1 s so far; 3 calls at 200 a second take less than 1 s',
    '  results  friends.csv.import-20261121-100000-4f2a1b2c.results.jsonl',
    '',
    'next:',
    '  the same command again',
    '      goes on with the 1 open row',
    '  befriend cancel import-20261121-100000-4f2a1b2c',
    '      ends it: rows never sent become skipped',
    '',
  ]);
});

test('running: seen from elsewhere', () => {
  expect(
    linesOf({
      state: 'running',
      totals: totalsOf(intake(2_000_000), { ok: 1_500_000 }),
      calls: { planned: 2_000_000, made: 1_500_000, throttled: 0, retried: 0, lookups: 0 },
      seconds: 7600,
      results: null,
    }),
  ).toEqual([
    'import: running',
    '  job import-20261121-100000-4f2a1b2c',
    '',
    '  rows         2,000,000',
    '  accepted     2,000,000',
    '    ok         1,500,000  done',
    '    open         500,000  not settled yet',
    '',
    '  calls    1,500,000 made, 2,000,000 planned',
    '  time     2 h 6 min so far; 1,500,000 calls at 200 a second take 2 h 5 min',
    '',
    'next:',
    '  befriend status import-20261121-100000-4f2a1b2c --watch',
    '      follows it, where a command or a worker is at it',
    '  the same command again',
    '      goes on with it, where nobody is',
    '',
  ]);
});

test('cancelled: what was never sent', () => {
  expect(linesOf({ state: 'cancelled', totals: totalsOf(intake(10), { ok: 4, skipped: 6 }) })).toEqual([
    'import: cancelled',
    '  job import-20261121-100000-4f2a1b2c',
    '',
    '  rows             10',
    '  accepted         10',
    '    ok              4  done',
    '    skipped         6  never sent',
    '',
    '  calls    3 made, 3 planned',
    '  time     1 s; 3 calls at 200 a second take less than 1 s',
    '  results  friends.csv.import-20261121-100000-4f2a1b2c.results.jsonl',
    '',
    'next:',
    '  befriend results import-20261121-100000-4f2a1b2c --status skipped',
    '      the rows that do not hold, and why',
    '  befriend retry import-20261121-100000-4f2a1b2c',
    '      runs again, as a new job, the rows that may pass now',
    '',
  ]);
});

test('the rows that are ok are counted also where there is none', () => {
  const lines = linesOf({ totals: totalsOf(intake(2), { failed: 2 }), codes: { 30014: 2 } });
  expect(lines.slice(3, 8)).toEqual([
    '  rows              2',
    '  accepted          2',
    '    ok              0  done',
    "    failed          2  the service's code says why",
    '',
  ]);
});

test('a retry names the job whose rows these are', () => {
  expect(
    linesOf({
      retryOf: 'import-20261120-090000-00c0ffee',
      totals: totalsOf(intake(2), { ok: 1, failed: 1 }),
      codes: { 30014: 1 },
    }),
  ).toEqual([
    'import: completed',
    '  job import-20261121-100000-4f2a1b2c',
    '  retry of import-20261120-090000-00c0ffee',
    '',
    '  rows              2',
    '  accepted          2',
    '    ok              1  done',
    "    failed          1  the service's code says why",
    '',
    '  code 30014        1',
    '      the peer’s friend list is full (3000)',
    '      → add one-way (--single), or delete friends of the peer',
    '',
    '  calls    3 made, 3 planned',
    '  time     1 s; 3 calls at 200 a second take less than 1 s',
    '  results  friends.csv.import-20261121-100000-4f2a1b2c.results.jsonl',
    '',
    'next:',
    '  befriend results import-20261121-100000-4f2a1b2c --status failed',
    '      the rows that do not hold, and why',
    '  befriend retry import-20261121-100000-4f2a1b2c --all',
    '      also those that failed for good: once their cause is mended',
    '',
  ]);
});

test('lines fit a terminal of 80 columns, whatever code comes, in a job of a hundred million rows', () => {
  const codes = CODE_ROWS.flatMap((row) => row.codes).flat();
  const totals = totalsOf(intake(123_456_789, 1_000_000, 1_000_000), {
    ok: 20_000_000,
    satisfied: 20_000_000,
    pending: 20_000_000,
    failed: 20_000_000,
    unknown: 20_000_000,
    skipped: 20_000_000,
  });
  const lines = linesOf({
    ...EVERYTHING,
    operation: 'check',
    state: 'stopped',
    reason: 'word '.repeat(60).trim(),
    totals,
    codes: Object.fromEntries([...codes, 404, 29_999].map((code) => [code, 20_000_000])),
    relations: { AWithB: 12_000_000, BothWay: 100_000_000, BWithA: 1, NoRelation: 2 },
    calls: { planned: 9_876_543, made: 9_999_999, throttled: 1_200_000, retried: 1_500_000, lookups: 7_000 },
    seconds: 70_000.2,
  });
  expect(lines.length).toBeGreaterThan(3 * codes.length);
  // Ids are as long as they are.
  const long = lines.filter((line) => line.replaceAll(JOB, '').length > 79);
  expect(long.join('\n')).toBe('');
});

test('colours are for terminals, and change no letter', () => {
  const totals = totalsOf(intake(12, 2), { ok: 4, failed: 3, unknown: 2, skipped: 1 });
  const STATES = ['completed', 'stopped', 'paused', 'cancelled', 'running'] as const;
  for (const state of STATES) {
    const plain = textOf({ state, totals });
    expect(plain).not.toContain('\u001b');
    expect(stripVTControlCharacters(textOf({ state, totals }, true))).toBe(plain);
  }
  const painted = textOf({ totals }, true).split('\n');
  expect(painted.filter((line) => line.includes('\u001b'))).toEqual([
    `import: ${green('completed')}`,
    yellow('  invalid           2  not accepted: see the rejects file'),
    red("    failed          3  the service's code says why"),
    yellow('    unknown         2  sent, and what came of it is not known: it may hold'),
    yellow('    skipped         1  never sent'),
  ]);
  expect(STATES.map((state) => textOf({ state }, true).split('\n')[0])).toEqual(
    [green('completed'), red('stopped'), yellow('paused'), yellow('cancelled'), 'running'].map(
      (state) => `import: ${state}`,
    ),
  );
});

test('of a check of one direction a relation says nothing of the list of to', () => {
  const lines = linesOf({ operation: 'check', options: { type: 'single' }, relations: { AWithB: 6, NoRelation: 4 } });
  expect(lines).toContain('  AWithB            6  from has to');
  expect(lines).toContain('  NoRelation        4  from has not to');
});

test('what to do about a code depends on what was asked for', () => {
  const failed = { totals: totalsOf(intake(10), { ok: 9, failed: 1 }), codes: { 30001: 1 } };
  expect(linesOf({ operation: 'get-list', ...failed })).toContain(
    '      → the peer is no friend: nothing to read for this row',
  );
  expect(linesOf({ operation: 'import', ...failed }).join('\n')).toContain('its info text tells');
});

describe('what to do next', () => {
  const commands = (given: Partial<Report>) =>
    nextSteps(report(given), { expected: ['BothWay'] }).map(({ command }) => command);
  const settled = (of: Parameters<typeof totalsOf>[1], invalid = 0) => totalsOf(intake(10 + invalid, invalid), of);
  const LOOK = (statuses: string) => `befriend results ${JOB} --status ${statuses}`;
  const RETRY = `befriend retry ${JOB}`;
  const ALL = `befriend retry ${JOB} --all`;
  const LESS = 'less r.jsonl';
  const CHECK = 'befriend check FILE --type single --expect AWithB';
  const CHECK_BOTH = 'befriend check FILE --expect BothWay';

  test.each<[what: string, given: Partial<Report>, ...commands: string[]]>([
    ['running', { state: 'running' }, `befriend status ${JOB} --watch`, 'the same command again'],
    ['paused', { state: 'paused' }, 'the same command again', `befriend cancel ${JOB}`],
    ['stopped', { state: 'stopped' }, 'the same command again', `befriend cancel ${JOB}`],
    ['an import that holds', {}, CHECK],
    ['an add that holds or waits', { operation: 'add', totals: settled({ ok: 9, pending: 1 }) }, CHECK_BOTH],
    ['an add to one list', { operation: 'add', options: { single: true } }, CHECK],
    ['an import of nothing', { totals: totalsOf(intake(0), {}) }],
    ['a check that was answered', { operation: 'check' }],
    [
      'a stop by the failure brake',
      { state: 'stopped', reason: 'failure brake: 600 of the first 1000 outcomes' },
      LOOK('failed,unknown'),
      `befriend resume ${JOB} --force`,
      `befriend cancel ${JOB}`,
    ],
    [
      'a stop by credentials',
      { state: 'stopped', reason: 'code 70001' },
      'the same command again',
      `befriend cancel ${JOB}`,
    ],
    ['a check as expected', { operation: 'check', relations: { BothWay: 10 }, unexpected: 0 }],
    [
      'a check with other relations than expected',
      { operation: 'check', relations: { AWithB: 3, BothWay: 6, NoRelation: 1 }, unexpected: 4 },
      `befriend results ${JOB} --relation AWithB,NoRelation`,
    ],
    ['an update that holds', { operation: 'update' }, 'befriend get-list FILE'],
    ['a delete that holds', { operation: 'delete' }, 'befriend check FILE --type single --expect NoRelation'],
    [
      'a delete from both lists',
      { operation: 'delete', options: { both: true } },
      'befriend check FILE --expect NoRelation',
    ],
    ['lists that were emptied', { operation: 'delete-all' }, 'befriend get FILE'],
    ['lists that were read', { operation: 'get' }],
    ['friends that were read', { operation: 'get-list' }],
    ['accounts that were imported', { operation: 'accounts-import' }, 'befriend accounts check FILE'],
    ['accounts that are all there', { operation: 'accounts-check', accounts: { Imported: 10, NotImported: 0 } }],
    [
      'accounts that are not all there',
      { operation: 'accounts-check', accounts: { Imported: 9, NotImported: 1 } },
      `befriend results ${JOB} --account NotImported`,
    ],
    [
      'cancelled before the first call',
      { state: 'cancelled', totals: settled({ skipped: 10 }) },
      LOOK('skipped'),
      RETRY,
    ],
    ['cancelled when all was done', { state: 'cancelled' }],
    ['a code that may pass', { totals: settled({ ok: 9, failed: 1 }), codes: { 30006: 1 } }, LOOK('failed'), RETRY],
    ['a code that lasts', { totals: settled({ ok: 9, failed: 1 }), codes: { 30014: 1 } }, LOOK('failed'), ALL],
    [
      'one of each',
      { totals: settled({ ok: 8, failed: 2 }), codes: { 30006: 1, 30014: 1 } },
      LOOK('failed'),
      RETRY,
      ALL,
    ],
    ['a read without an answer', { operation: 'check', totals: settled({ ok: 9, failed: 1 }) }, LOOK('failed'), RETRY],
    ['a write without an answer', { totals: settled({ ok: 9, unknown: 1 }) }, LOOK('unknown'), RETRY],
    [
      'reads without an answer beside rows that held already',
      { totals: settled({ satisfied: 9, failed: 1 }), codes: { 30001: 9 } },
      LOOK('failed'),
      RETRY,
    ],
    [
      'rows that failed in passing beside rows that held already',
      { totals: settled({ satisfied: 9, failed: 1 }), codes: { 30001: 9, 30006: 1 } },
      LOOK('failed'),
      RETRY,
    ],
    ['rows that held already, with their code', { totals: settled({ satisfied: 10 }), codes: { 30001: 10 } }, CHECK],
    [
      'rows that held already beside one of no known end',
      { totals: settled({ satisfied: 9, unknown: 1 }), codes: { 30001: 9 } },
      LOOK('unknown'),
      RETRY,
    ],
    ['invalid rows', { totals: settled({ ok: 10 }, 2), rejects: 'r.jsonl' }, LESS],
    ['invalid rows whose file is gone', { totals: settled({ ok: 10 }, 2) }, CHECK],
    ['duplicates only', { totals: totalsOf(intake(11, 0, 1), { ok: 10 }), rejects: 'r.jsonl' }, CHECK],
    [
      'failed and invalid rows',
      { totals: settled({ ok: 9, failed: 1 }, 2), codes: { 30014: 1 }, rejects: 'r.jsonl' },
      LOOK('failed'),
      ALL,
      LESS,
    ],
  ])('%s', (_, given, ...expected) => {
    expect(commands(given)).toEqual(expected);
  });

  test('what a retry has taken already is not offered again', () => {
    const failed = { totals: settled({ ok: 7, failed: 3 }), codes: { 30006: 1, 30014: 2 } };
    const by = 'import-20261121-110000-5b6c7d8e';
    const totals = settled({ ok: 10 });
    expect(commands({ ...failed, retried: { by, left: 0, totals } })).toEqual([
      LOOK('failed'),
      `befriend status ${by}`,
    ]);
    expect(commands({ ...failed, retried: { by, left: 2, totals } })).toEqual([
      LOOK('failed'),
      `befriend status ${by}`,
      ALL,
    ]);
  });

  test('names the rows where they are known, and the way on after --new', () => {
    const first = (given: Partial<Report>, called: Called) => nextSteps(report(given), called)[0]?.command;
    expect(first({}, { rows: 'friends.csv --loose-ids' })).toBe(
      'befriend check friends.csv --loose-ids --type single --expect AWithB',
    );
    expect(first({ state: 'stopped' }, { rows: 'friends.csv' })).toBe('the same command again');
    expect(first({ state: 'stopped' }, { rows: 'friends.csv', fresh: true })).toBe('the same command without --new');
  });

  test('gives paths as a shell takes them', () => {
    const odd = "it's here/of 2024.rejects.jsonl";
    expect(commands({ totals: settled({ ok: 10 }, 2), rejects: odd })).toEqual([`less ${quoted(odd)}`]);
    for (const path of [odd, 'a b', '$HOME', 'x;y', '~', 'plain/x-1.csv', '']) {
      expect(execFileSync('sh', ['-c', `printf %s ${quoted(path)}`], { encoding: 'utf8' })).toBe(path);
    }
    expect(quoted('plain/x-1.csv')).toBe('plain/x-1.csv');
  });
});

test('a path that is too long for its line stands on one of its own, in one piece', () => {
  const path = (length: number) => `${'f'.repeat(length - 6)}.jsonl`;
  expect(linesOf({ results: path(68), rejects: path(69) })).toContain(`  results  ${path(68)}`);
  const lines = linesOf({ results: path(69), rejects: path(200) });
  const at = lines.indexOf('  results');
  expect(lines.slice(at, at + 4)).toEqual(['  results', `    ${path(69)}`, '  rejects', `    ${path(200)}`]);
});
