/** `check --expect`, and rows of results chosen by what they say. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JobStatus } from '../../src/domain/job.ts';
import type { Outcome } from '../../src/domain/outcome.ts';
import type { Report } from '../../src/results/report.ts';
import { COMPRESSED_LIMIT, type Workplace, workplace } from '../support/command.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { type TestSimulator, testSimulator } from '../support/simulator.ts';

let simulator: TestSimulator;
let redis: TestRedis;
let place: Workplace;

/** ann and bob have each other; ann has cem, dee has ann; ann and eve have nothing of each other; `gone` is no account. */
const ROWS = [
  ['ann', 'bob'],
  ['ann', 'cem'],
  ['ann', 'dee'],
  ['ann', 'eve'],
] as const;

beforeAll(async () => {
  simulator = await testSimulator({ ...COMPRESSED_LIMIT, accounts: { missing: ['gone'] } });
  await simulator.seedFriends([
    ['ann', 'bob'],
    ['bob', 'ann'],
    ['ann', 'cem'],
    ['dee', 'ann'],
  ]);
  redis = await testRedis();
  place = workplace(simulator, { REDIS_URL: await redis.listen() });
  place.csv('all.csv', ROWS);
  place.csv('two.csv', ROWS.slice(0, 2));
  place.csv('gone.csv', [['ann', 'gone'], ...ROWS.slice(0, 1)]);
  writeFileSync(join(place.dir, 'accounts.txt'), 'ann\ngone\nbob\n');
});
afterAll(async () => {
  await place.remove();
  await redis.close();
  await simulator.close();
});

const rowsIn = (stdout: string): string[] =>
  stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as Outcome).to)
    .toSorted();

describe('check --expect', () => {
  test.each([
    { expected: 'BothWay', file: 'all.csv', unexpected: 3, code: 1 },
    { expected: 'BothWay,AWithB,BWithA', file: 'all.csv', unexpected: 1, code: 1 },
    { expected: ' BothWay, AWithB', file: 'two.csv', unexpected: 0, code: 0 },
    // A row that failed has no relation: it makes the exit code 1 by itself.
    { expected: 'BothWay', file: 'gone.csv', unexpected: 0, code: 1 },
  ])('$expected of $file: $unexpected unexpected, exit code $code', async ({ expected, file, unexpected, code }) => {
    const ran = await place.report('check', file, '--expect', expected);
    expect({ code: ran.code, unexpected: ran.report.unexpected }).toEqual({ code, unexpected });
    expect(ran.report.totals.failed).toBe(file === 'gone.csv' ? 1 : 0);
  });

  test('without it every relation is as good, and the report does not speak of it', async () => {
    const { code, report } = await place.report('check', 'all.csv');
    expect(code).toBe(0);
    expect(report).not.toHaveProperty('unexpected');
    expect(report.relations).toEqual({ BothWay: 1, AWithB: 1, BWithA: 1, NoRelation: 1 });
  });

  test('of one direction', async () => {
    const { code, report } = await place.report('check', 'all.csv', '--type', 'single', '--expect', 'AWithB');
    expect({ code, unexpected: report.unexpected }).toEqual({ code: 1, unexpected: 2 });
  });

  test('is told in the report for people, with the command that lists those rows', async () => {
    const { code, stdout } = await place.run('check', 'all.csv', '--expect', 'BothWay,NoRelation');
    expect(code).toBe(1);
    expect(stdout).toMatch(/\n {2}unexpected +2 {2}other than BothWay, NoRelation\n/);
    const [, command = ''] = /\n {2}befriend (results \S+ --relation \S+)\n/.exec(stdout) ?? [];
    expect(command).toContain('--relation AWithB,BWithA');
    expect(rowsIn((await place.run(...command.split(' '))).stdout)).toEqual(['cem', 'dee']);
  });

  test('is no part of the job: the same key with another expectation is the same job, called once', async () => {
    const key = ['--idempotency-key', 'nightly'];
    const first = await place.report('check', 'two.csv', ...key, '--expect', 'BothWay');
    const calls = (await simulator.ledger()).friend_check?.calls;
    const second = await place.report('check', 'two.csv', ...key, '--expect', 'AWithB,BothWay');
    expect(second.report.job).toBe(first.report.job);
    expect([first.code, second.code]).toEqual([1, 0]);
    expect((await simulator.ledger()).friend_check?.calls).toBe(calls);
  });
});

describe('of a finished job', () => {
  let check: Report;
  let single: Report;
  let accounts: Report;
  const status = (job: string, ...args: string[]) => place.run('status', job, ...args);

  beforeAll(async () => {
    check = (await place.report('check', 'all.csv')).report;
    single = (await place.report('check', 'all.csv', '--type', 'single')).report;
    accounts = (await place.report('accounts', 'check', 'accounts.txt')).report;
  });

  test('status --expect compares it, and with --watch ends as the command would', async () => {
    const { code, stdout } = await status(check.job, '--expect', 'BothWay', '--json');
    expect({ code, unexpected: (JSON.parse(stdout) as Report).unexpected }).toEqual({ code: 0, unexpected: 3 });
    expect((await status(check.job, '--expect', 'BothWay', '--watch')).code).toBe(1);
    expect((await status(check.job, '--watch')).code).toBe(0);
  });

  test.each([
    [['--relation', 'BothWay'], ['bob']],
    [
      ['--relation', 'NoRelation,AWithB'],
      ['cem', 'eve'],
    ],
    [
      ['--relation', 'NoRelation,AWithB', '--status', 'ok'],
      ['cem', 'eve'],
    ],
    [['--relation', 'NoRelation,AWithB', '--status', 'failed,unknown'], []],
  ])('results %j', async (args, to) => {
    const { code, stdout } = await place.run('results', check.job, ...args);
    expect({ code, rows: rowsIn(stdout) }).toEqual({ code: 0, rows: to });
  });

  test('results --account', async () => {
    const { stdout } = await place.run('results', accounts.job, '--account', 'NotImported');
    expect(rowsIn(stdout)).toEqual(['gone']);
    expect(rowsIn((await place.run('results', accounts.job, '--account', 'NotImported,Imported')).stdout)).toHaveLength(
      3,
    );
  });

  test('what its rows never say is refused', async () => {
    const refusals = await Promise.all([
      place.run('results', accounts.job, '--relation', 'BothWay'),
      place.run('results', check.job, '--account', 'Imported'),
      status(accounts.job, '--expect', 'BothWay'),
      status(single.job, '--expect', 'AWithB,BothWay'),
    ]);
    expect(refusals.map(({ code, stderr }) => `${code} ${stderr}`)).toEqual([
      `2 befriend: --relation is for jobs of check, and job ${accounts.job} is of accounts check.\n`,
      `2 befriend: --account is for jobs of accounts check, and job ${check.job} is of check.\n`,
      `2 befriend: --expect is for jobs of check, and job ${accounts.job} is of accounts check.\n`,
      `2 befriend: --expect BothWay: job ${single.job} asks for one direction: AWithB or NoRelation only.\n`,
    ]);
  });
});

describe('a job that the failure brake stopped', () => {
  const MISSING = Array.from({ length: 120 }, (_, n) => `m${n}`);
  let job: string;

  beforeAll(async () => {
    await simulator.setAccounts({ missing: MISSING });
    place.env.BEFRIEND_BRAKE_AFTER = '30';
    place.csv(
      'mistaken.csv',
      MISSING.map((id, n) => [`u${n}`, id] as const),
    );
  });

  test('ends its command with 3, and the report says what to do', async () => {
    const { code, stdout } = await place.run('import', 'mistaken.csv');
    expect(code).toBe(3);
    const [, id = ''] = /^import: stopped\n {2}job (\S+)\n {6}failure brake: /.exec(stdout) ?? [];
    job = id;
    const next = stdout.slice(stdout.indexOf('next:'));
    expect([...next.matchAll(/^ {2}(befriend .+)$/gm)].map(([, command]) => command)).toEqual([
      `befriend results ${job} --status failed,unknown`,
      `befriend resume ${job} --force`,
      `befriend cancel ${job}`,
    ]);
  });

  test.each([
    ['the same command', () => ['import', 'mistaken.csv']],
    ['resume', () => ['resume', job]],
  ])('%s does not go on: exit code 3, with what to do and nothing called', async (_what, args) => {
    const calls = (await simulator.ledger()).friend_import?.calls;
    const { code, stdout, stderr } = await place.run(...args());
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
    expect(stderr).toContain(`befriend: Job ${job} was stopped by the failure brake`);
    expect(stderr).toContain(`befriend resume ${job} --force goes on`);
    expect(stderr).not.toContain('going on with');
    expect((await simulator.ledger()).friend_import?.calls).toBe(calls);
  });

  test('resume --force goes on, to the end', async () => {
    const { code, stderr } = await place.run('resume', job, '--force');
    expect({ code, stderr }).toEqual({ code: 0, stderr: `job ${job}: running\n` });
    const ended = await place.report('import', 'mistaken.csv');
    expect(ended.report).toMatchObject({ job, state: 'completed', totals: { failed: MISSING.length, open: 0 } });
    const jobs = JSON.parse((await place.run('jobs', '--json')).stdout) as JobStatus[];
    expect(jobs.find(({ id }) => id === job)?.state).toBe('completed');
  });
});
