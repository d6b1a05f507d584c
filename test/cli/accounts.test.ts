/** `befriend accounts check FILE`: every answer is the service's, within the limit of its own command. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { COMPRESSED_LIMIT, outcomesIn, type Workplace, workplace } from '../support/command.ts';
import { type TestSimulator, testSimulator } from '../support/simulator.ts';
import { expectLimitHeld, expectTotals } from '../support/truth.ts';

let simulator: TestSimulator;
let place: Workplace;

beforeEach(async () => {
  simulator = await testSimulator({ ...COMPRESSED_LIMIT, accounts: { missing: ['u7', 'u4000'] } });
  place = workplace(simulator);
});
afterEach(async () => {
  await place.remove();
  await simulator.close();
});

function fileOf(name: string, lines: readonly string[]): string {
  const path = join(place.dir, name);
  writeFileSync(path, `${lines.join('\n')}\n`);
  return path;
}

/** Of the friend commands half, as documented: 100 and 200 calls a second. */
const LIMIT = { limit: COMPRESSED_LIMIT.limit / 2, windowMs: COMPRESSED_LIMIT.windowMs };
const ids = Array.from({ length: 8000 }, (_, n) => `u${n}`);

test('on a bad day every account gets the answer that is true, and the limit of account_check holds', async () => {
  await simulator.setFaults({
    calls: {
      commands: ['account_check'],
      badGateway: 0.04,
      resetBefore: 0.02,
      resetAfter: 0.02,
      malformed: 0.02,
      truncated: 0.02,
      codes: { 60007: 0.01, 70500: 0.03 },
    },
    latency: { baseMs: 20, jitterMs: 15 },
    missing: 0.05,
  });
  const { code, report, stderr } = await place.report('accounts', 'check', fileOf('accounts.txt', ids));
  expect({ code, state: report.state }).toEqual({ code: 0, state: 'completed' });

  const outcomes = outcomesIn(report.results as string);
  expect(outcomes.map(({ to }) => to).toSorted()).toEqual(ids.toSorted());
  const truths = await simulator.relations(outcomes.map(({ to }) => [to, to] as const));
  const said = outcomes.map(({ job: _job, info: _info, attempts: _attempts, at: _at, ...told }) => told);
  expect(said).toEqual(
    outcomes.map(({ to }, i) => ({
      operation: 'accounts-check',
      from: null,
      to,
      status: 'ok',
      code: 0,
      account: truths[i]?.toExists ? 'Imported' : 'NotImported',
    })),
  );
  const missing = truths.filter(({ toExists }) => !toExists).length;
  expect(missing).toBeGreaterThan(200);
  expect(report.accounts).toEqual({ Imported: ids.length - missing, NotImported: missing });
  expectTotals(report, outcomes);
  expect(report.calls.planned).toBe(80);
  expect(report.calls.retried).toBeGreaterThan(0);
  expect(report.calls.made).toBeLessThan(160);
  expect(stderr).not.toContain('Error');
  await expectLimitHeld(simulator, 'account_check', LIMIT);
  expect((await simulator.ledger()).account_check?.items[0]).toBeGreaterThanOrEqual(ids.length);
});

test('the report for people counts both; a dirty file is accounted for and ends with 1', async () => {
  const path = fileOf('dirty.csv', ['account,name', 'u1,x', 'u7,y', 'bad id,z', 'u1,again']);
  const { code, stdout, stderr } = await place.run('accounts', 'check', path);
  expect(code).toBe(1);
  expect(stdout).toMatch(/^accounts check: completed\n {2}job accounts-check-[\w-]+$/m);
  expect(stdout).toMatch(/Imported +1\n +NotImported +1\n/);
  expect(stdout).toMatch(/invalid +1 /);
  expect(stdout).toMatch(/duplicate +1 /);
  expect(stdout).toMatch(/befriend results accounts-check-[\w-]+ --account NotImported/);
  expect(stderr).toContain('warning: unknown columns are ignored: "name"');
});

test('a dry run needs neither credentials nor Redis, and knows the limit of the command', async () => {
  const { code, stdout } = await place.run('accounts', 'check', fileOf('a.txt', ids), '--dry-run', '--json');
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ state: 'planned', calls: { planned: 80 }, callsPerSecond: 150 });
  expect((await simulator.ledger()).account_check).toBeUndefined();
});

test.each([
  { content: ['u1,u2'], says: /line 1: no column of accounts among its 2 columns \("u1", "u2"\)\. Name the column/ },
  { content: ['to', 'u1'], says: /no column of accounts/ },
])('$content is refused with 2 and what to do', async ({ content, says }) => {
  const { code, stdout, stderr } = await place.run('accounts', 'check', fileOf('wrong.csv', content));
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(says);
  expect(stderr).not.toContain('    at ');
});

test('accounts without a word says what there is', async () => {
  const { code, stdout, stderr } = await place.run('accounts');
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toContain('check [options] <files...>');
  expect(stderr).toMatch(/^befriend: accounts needs a command: .*accounts import FILE$/m);
});

test('results of a check of accounts are rows of an import of accounts', async () => {
  const checked = await place.report('accounts', 'check', fileOf('accounts.txt', ['u6', 'u7', 'u4000']));
  const missing = await place.run('results', checked.report.job, '--account', 'NotImported');
  const rows = fileOf('missing.jsonl', missing.stdout.trim().split('\n'));
  const { code, report } = await place.report('accounts', 'import', rows);
  expect({ code, totals: report.totals }).toMatchObject({ code: 0, totals: { accepted: 2, ok: 2, invalid: 0 } });
  const again = await place.report('accounts', 'check', fileOf('again.txt', ['u7', 'u4000']), '--new');
  expect(again.report.accounts).toEqual({ Imported: 2, NotImported: 0 });
});
