/** `--preflight`: all accounts are checked before anything is written, or nothing is written. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { PlannedReport } from '../../src/cli/planned.ts';
import type { Preflight } from '../../src/cli/preflight.ts';
import type { JobStatus } from '../../src/domain/job.ts';
import type { Report } from '../../src/results/report.ts';
import { COMPRESSED_LIMIT, outcomesIn, type Workplace, workplace } from '../support/command.ts';
import { type TestSimulator, testSimulator } from '../support/simulator.ts';
import { expectOneOutcomeEach, expectTotals, expectTrue, type Row } from '../support/truth.ts';

/** 1202 accounts; every from has five rows. */
const ROWS: Row[] = Array.from({ length: 1500 }, (_, n) => [`a${n % 300}`, `b${Math.floor(n / 5) * 3 + (n % 5)}`]);
const ACCOUNTS = new Set(ROWS.flat()).size;

let simulator: TestSimulator;
let place: Workplace;
let file: string;

beforeEach(async () => {
  simulator = await testSimulator({ ...COMPRESSED_LIMIT });
  place = workplace(simulator);
  file = place.csv('friends.csv', ROWS);
});
afterEach(async () => {
  await place.remove();
  await simulator.close();
});

const listOf = () => `${file}.missing-accounts.txt`;
const calls = async (command: string) => (await simulator.ledger())[command]?.calls ?? 0;
const jobs = async () => JSON.parse((await place.run('jobs', '--json')).stdout) as JobStatus[];
const touching = (missing: readonly string[]) => ROWS.filter((row) => row.some((id) => missing.includes(id)));

test.each(['import', 'add'])('%s goes on when all accounts are there, and writes nothing before', async (command) => {
  writeFileSync(listOf(), 'of an earlier run\n');
  const { code, report, stderr } = await place.report(command, file, '--preflight');
  const { preflight } = report as Report & { preflight: Preflight };
  expect({ code, state: report.state }).toEqual({ code: 0, state: 'completed' });
  expect(preflight).toMatchObject({ accounts: ACCOUNTS, missing: 0, unchecked: 0, rowsTouched: 0, file: null });
  expect(stderr).toContain(`preflight of ${file}: all 1,202 accounts are in the app`);
  expect(existsSync(listOf())).toBe(false);
  expectOneOutcomeEach(ROWS, outcomesIn(report.results as string));
  await expectTrue(simulator, outcomesIn(report.results as string));

  const checks = await simulator.arrivals('account_check');
  const writes = await simulator.arrivals(`friend_${command}`);
  expect(Math.max(...checks.map(({ lo }) => lo))).toBeLessThan(Math.min(...writes.map(({ at }) => at)));
  expect((await jobs()).find(({ id }) => id === preflight.job)).toMatchObject({
    name: `preflight of ${file}`,
    operation: 'accounts-check',
    state: 'completed',
  });
});

test('with missing accounts nothing is written; once they are imported the same command goes through', async () => {
  const missing = ['a7', 'b1', 'b30'];
  await simulator.setAccounts({ missing });
  writeFileSync(file, `${readFileSync(file, 'utf8')}bad id,b1\n`);
  const refused = await place.run('import', file, '--preflight');
  expect({ code: refused.code, stdout: refused.stdout }).toEqual({ code: 1, stdout: '' });
  expect(refused.stderr).toContain(
    `befriend: preflight of ${file}: 3 of 1,202 accounts are not in the app; ` +
      `${touching(missing).length} of 1,500 rows name one of them. Nothing was written.`,
  );
  expect(refused.stderr).toContain('without --preflight: then those rows fail with code 30003');
  expect(refused.stderr).not.toContain('    at ');
  expect(readFileSync(listOf(), 'utf8')).toBe('a7\nb1\nb30\n');
  expect(readFileSync(`${file}.rejects.jsonl`, 'utf8')).toContain('"line":1502');
  expect(await calls('friend_import')).toBe(0);
  expect((await jobs()).map(({ operation }) => operation)).toEqual(['accounts-check']);

  await simulator.setAccounts({ imported: missing });
  const { code, report } = await place.report('import', file, '--preflight', '--allow-rejects');
  expect({ code, missing: existsSync(listOf()) }).toEqual({ code: 0, missing: false });
  expectTotals(report, outcomesIn(report.results as string));
  await expectTrue(simulator, outcomesIn(report.results as string));
});

test('--json says the same on stdout, as the report of rows that were not sent', async () => {
  await simulator.setAccounts({ missing: ['a7'] });
  const { code, stdout, stderr } = await place.run('import', file, '--preflight', '--json');
  const report = JSON.parse(stdout) as PlannedReport & { preflight: Preflight };
  expect(code).toBe(1);
  expect(report).toMatchObject({ job: null, state: 'planned', operation: 'import', totals: { accepted: 1500 } });
  expect(report.preflight).toMatchObject({ accounts: ACCOUNTS, missing: 1, rowsTouched: 5, file: listOf() });
  expect(stderr).toContain('1 of 1,202 accounts is not in the app; 5 of 1,500 rows name one of them.');
});

test('a dry run checks too when it is asked to, and leaves no job of the rows', async () => {
  const passed = await place.run('import', file, '--dry-run', '--preflight');
  expect({ code: passed.code, planned: passed.stdout.includes('dry run, nothing was written') }).toEqual({
    code: 0,
    planned: true,
  });
  await simulator.setAccounts({ missing: ['b1'] });
  const refused = await place.run('import', file, '--dry-run', '--preflight');
  expect(refused.code).toBe(1);
  expect(refused.stdout).toContain('import: dry run, nothing was written');
  expect(refused.stdout).not.toContain('preflight');
  expect(refused.stderr).toContain('1 of 1,202 accounts is not in the app');
  const json = await place.run('import', file, '--dry-run', '--preflight', '--json');
  expect(json.code).toBe(1);
  expect((JSON.parse(json.stdout) as { preflight: Preflight }).preflight).toMatchObject({ missing: 1, file: listOf() });
  expect(readFileSync(listOf(), 'utf8')).toBe('b1\n');
  expect(await calls('friend_import')).toBe(0);
  expect(new Set((await jobs()).map(({ operation }) => operation))).toEqual(new Set(['accounts-check']));
});

test('what could not be checked is not taken for there', async () => {
  place.env.BEFRIEND_BRAKE_AFTER = '0';
  await simulator.setFaults({ calls: { commands: ['account_check'], codes: { 70500: 1 } } });
  const { code, stdout, stderr } = await place.run('import', file, '--preflight');
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(
    /1,202 of 1,202 accounts could not be checked: befriend results accounts-check-[\w-]+ --status failed,\S+ says why\. Nothing was written\./,
  );
  expect(existsSync(listOf())).toBe(false);
  expect(await calls('friend_import')).toBe(0);
});

test('a check that the failure brake stopped ends with 3 and what to do; forced, the same command goes on', async () => {
  await simulator.setFaults({ calls: { commands: ['account_check'], codes: { 70500: 1 } } });
  const braked = await place.run('import', file, '--preflight');
  expect({ code: braked.code, stdout: braked.stdout }).toEqual({ code: 3, stdout: '' });
  const [, job = ''] = /has not come to its end\. Job (\S+) was stopped by the failure brake/.exec(braked.stderr) ?? [];
  expect(braked.stderr).toContain(`befriend resume ${job} --force goes on`);
  const again = await place.run('import', file, '--preflight');
  expect({ code: again.code, stderr: again.stderr }).toEqual({
    code: 3,
    stderr: expect.stringContaining(`befriend: Job ${job} was stopped by the failure brake`) as string,
  });
  await simulator.setFaults('none');
  expect((await place.run('resume', job, '--force')).code).toBe(0);
  // What failed before stays failed: these accounts are not known to be there.
  const forced = await place.run('import', file, '--preflight');
  expect(forced.code).toBe(1);
  expect(forced.stderr).toMatch(/of 1,202 accounts could not be checked: befriend results \S+ --status failed/);
  expect(await calls('friend_import')).toBe(0);
});

test('an input without a valid row has nothing to check', async () => {
  writeFileSync(file, 'from,to\nx,x\n');
  const { code, report } = await place.report('import', file, '--preflight');
  expect(code).toBe(1);
  expect((report as Report & { preflight: Preflight }).preflight).toMatchObject({ job: null, accounts: 0, missing: 0 });
  expect((await jobs()).map(({ operation }) => operation)).toEqual(['import']);
});

test.each([
  { args: ['import', '--preflight', '--detach'], says: '--detach returns before the accounts are checked' },
  { args: ['check', '--preflight'], says: "unknown option '--preflight'" },
])('$args is refused with 2', async ({ args: [command, ...flags], says }) => {
  const { code, stdout, stderr } = await place.run(command as string, file, ...flags);
  expect({ code, stdout, said: stderr.includes(says) }).toEqual({ code: 2, stdout: '', said: true });
});

test('where the list of missing accounts cannot be written nothing is asked', async () => {
  mkdirSync(listOf());
  const { code, stderr } = await place.run('import', file, '--preflight');
  expect({ code, said: stderr.includes('is a directory: name a file in it') }).toEqual({ code: 2, said: true });
  expect(await calls('account_check')).toBe(0);
});

/** Few calls a second, so that a command can be met in the middle of its preflight. */
const SLOW = { CHAT_CALLS_PER_SECOND: '10' };

async function untilChecked(atLeast: number): Promise<void> {
  while ((await calls('account_check')) < atLeast) await wait(20);
}

const MANY: Row[] = Array.from({ length: 3000 }, (_, n) => [`a${n % 100}`, `b${n}`]);

test.each([
  { signal: 'SIGKILL', code: null, says: '' },
  { signal: 'SIGINT', code: 130, says: ' is paused: the same command goes on with it' },
] as const)('after $signal in the middle the same command goes on', async ({ signal, code: ending, says }) => {
  const slow = workplace(simulator, SLOW);
  try {
    const path = slow.csv('many.csv', MANY);
    const first = slow.start('import', path, '--preflight');
    await untilChecked(8);
    first.child.kill(signal);
    const ended = await first.done;
    expect({ code: ended.code, said: ended.stderr.includes(says) }).toEqual({ code: ending, said: true });
    expect(await calls('friend_import')).toBe(0);
    const [job] = JSON.parse((await slow.run('jobs', '--json')).stdout) as JobStatus[];
    expect(job?.operation).toBe('accounts-check');

    const { code, report, stderr } = await slow.report('import', path, '--preflight');
    expect(code).toBe(0);
    expect(stderr).toMatch(
      new RegExp(`job ${job?.id} (was paused|had been begun): going on with its [\\d,]+ open accounts of 3,100`),
    );
    expect((report as Report & { preflight: Preflight }).preflight).toMatchObject({ job: job?.id, accounts: 3100 });
    expectOneOutcomeEach(MANY, outcomesIn(report.results as string));
    await expectTrue(simulator, outcomesIn(report.results as string));
    // What was answered is not asked again: 31 calls, and those that were under way.
    expect(await calls('account_check')).toBeLessThan(31 + 12);
  } finally {
    await slow.remove();
  }
});

test('an import that was begun goes on without a second check, and says so', async () => {
  const slow = workplace(simulator, SLOW);
  try {
    const path = slow.csv('friends.csv', ROWS);
    const first = slow.start('import', path, '--preflight');
    while ((await calls('friend_import')) < 5) await wait(20);
    await first.kill();
    const checked = await calls('account_check');
    const { code, report, stderr } = await slow.report('import', path, '--preflight');
    expect(code).toBe(0);
    // Beside the command's own first look at the credentials.
    expect(await calls('account_check')).toBeLessThan(checked + 3);
    expect(stderr).toContain(`job ${report.job} was begun before: its accounts were checked then`);
    expectOneOutcomeEach(ROWS, outcomesIn(report.results as string));
  } finally {
    await slow.remove();
  }
});

test('an import that was begun without a check is not gone on with as if it had one', async () => {
  const slow = workplace(simulator, SLOW);
  try {
    const path = slow.csv('friends.csv', ROWS);
    const first = slow.start('import', path);
    while ((await calls('friend_import')) < 5) await wait(20);
    await first.kill();
    const written = await calls('friend_import');
    const { code, stdout, stderr } = await slow.run('import', path, '--preflight');
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('was begun without --preflight');
    expect(await calls('friend_import')).toBe(written);
  } finally {
    await slow.remove();
  }
});

test.each([['--preflight'], ['--dry-run', '--preflight']])(
  'while the accounts are checked (%s %s) nothing is written of what a killed command left',
  async (...flags) => {
    const slow = workplace(simulator, SLOW);
    try {
      const left = slow.start('import', slow.csv('left.csv', MANY));
      while ((await calls('friend_import')) < 5) await wait(20);
      await left.kill();
      const written = await calls('friend_import');
      await simulator.setAccounts({ missing: ['b1'] });
      const { code } = await slow.run('import', slow.csv('friends.csv', ROWS), ...flags);
      expect(code).toBe(1);
      expect(await calls('friend_import')).toBe(written);
      expect(
        (JSON.parse((await slow.run('jobs', '--json')).stdout) as JobStatus[]).map(({ state }) => state),
      ).toContain('running');
    } finally {
      await slow.remove();
    }
  },
);
