/** `befriend retry`: rows that did not pass, once more, and no others; every outcome compared with the service. */
import { mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { JobStatus } from '../../src/domain/job.ts';
import { type Outcome, STATUSES } from '../../src/domain/outcome.ts';
import type { Report } from '../../src/results/report.ts';
import { createLog, JobNotFound, NothingToRetry, openBefriend, RetryRefused } from '../../src/index.ts';
import { COMPRESSED_LIMIT, outcomesIn, type Workplace, workplace } from '../support/command.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { type TestSimulator, testSimulator } from '../support/simulator.ts';
import { expectLimitsHeld, expectOneOutcomeEach, expectTotals, expectTrue, type Row } from '../support/truth.ts';

let simulator: TestSimulator;
let redis: TestRedis;
let url: string;
/** With a Redis of its own (`REDIS_URL`): a command starts sooner than with the embedded one. */
let place: Workplace;
const SETTINGS = { BEFRIEND_ATTEMPTS: '2', BEFRIEND_CALL_TIMEOUT_MS: '500' };

beforeAll(async () => {
  simulator = await testSimulator({ ...COMPRESSED_LIMIT });
  redis = await testRedis();
  url = await redis.listen();
});
afterAll(async () => {
  await simulator.close();
  await redis.close();
});

beforeEach(async () => {
  await redis.redis.flushall();
  place = workplace(simulator, { ...SETTINGS, REDIS_URL: url });
});
afterEach(async () => {
  await expectLimitsHeld(simulator, COMPRESSED_LIMIT);
  await place.remove();
  await simulator.reset();
});

/** The same with the embedded Redis. */
const embedded = () => {
  delete place.env.REDIS_URL;
};

const pairsOf = (outcomes: readonly Outcome[]): Row[] => outcomes.map(({ from, to }) => [from as string, to]);
const sorted = (rows: readonly Row[]): string[] => rows.map(([from, to]) => `${from}>${to}`).toSorted();

/** Items of friend calls that the service was asked for so far. */
async function itemsAsked(): Promise<number> {
  const { friend_import: writes, friend_check: reads } = await simulator.ledger();
  return [writes, reads].flatMap((counts) => Object.values(counts?.items ?? {})).reduce((sum, n) => sum + n, 0);
}

/** Runs `retry` with --json; the rows must be these, each with one true outcome. */
async function retried(rows: readonly Row[], ...args: string[]): Promise<{ code: number | null; report: Report }> {
  const before = await itemsAsked();
  const { code, report } = await place.report('retry', ...args);
  const outcomes = outcomesIn(join(place.dir, report.results as string));
  expect(sorted(pairsOf(outcomes))).toEqual(sorted(rows));
  expectOneOutcomeEach(rows, outcomes);
  expectTotals(report, outcomes);
  await expectTrue(simulator, outcomes);
  // Nothing was called for any other row, and for these once.
  expect((await itemsAsked()) - before).toBe(rows.length);
  return { code, report };
}

const jobs = async () => JSON.parse((await place.run('jobs', '--json')).stdout) as JobStatus[];
/** Folders of jobs, accepted or not. */
const folders = () => readdirSync(join(place.env.BEFRIEND_HOME as string, 'jobs'));

/** A refusal: exit code 2, one paragraph, nothing on stdout, nothing called, no job made. */
async function expectRefused(says: RegExp, ...args: string[]): Promise<void> {
  const [before, known] = [await itemsAsked(), folders()];
  const { code, stdout, stderr } = await place.run('retry', ...args);
  expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: '', stderr: expect.stringMatching(says) as string });
  expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  expect(await itemsAsked()).toBe(before);
  expect(folders()).toEqual(known);
}

/** Job and retries as one: each row once, and as many of each status as the report says. */
async function expectOneView(job: string, rows: readonly Row[]): Promise<void> {
  const { code, stdout, stderr } = await place.run('results', job, '--with-retries');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const outcomes = stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Outcome);
  expectOneOutcomeEach(rows, outcomes);
  const { totals, retried: again } = (await place.report('status', job)).report;
  for (const word of STATUSES) {
    const found = outcomes.filter(({ status }) => status === word).length;
    expect({ [word]: found }).toEqual({ [word]: (again?.totals ?? totals)[word] });
  }
}

const WRITES = Array.from({ length: 300 }, (_, n): Row => [`u${n % 30}`, `v${n}`]);
const MISSING = ['v3', 'v33', 'v99', 'v250'];

/** An import of WRITES with remarks, where some accounts are missing, some rows fail in passing, some get no answer. */
async function importWithFaults(): Promise<{ report: Report; bad: Record<'failed' | 'unknown' | 'forGood', Row[]> }> {
  await simulator.setAccounts({ missing: MISSING });
  await simulator.setFaults({
    transient: [{ code: 30006, fraction: 0.2, passesAt: 99 }],
    calls: { resetAfter: 0.3 },
  });
  const lines = WRITES.map(([from, to]) => `${from},${to},"remark, of ${to}",g1|g2`);
  writeFileSync(
    join(place.dir, 'friends.csv'),
    `from,to,remark,group\n${lines.join('\n')}\nu1,v1,again,\nbad row,x,,\n`,
  );
  // Reads would find out what came of the writes without an answer.
  const { code, report } = await place.report('import', 'friends.csv', '--no-verify');
  expect(code).toBe(1);
  const outcomes = outcomesIn(join(place.dir, report.results as string));
  const of = (...names: string[]) => outcomes.filter(({ status, code: by }) => names.includes(`${status} ${by}`));
  await simulator.setFaults('none');
  return {
    report,
    bad: {
      failed: pairsOf(of('failed 30006')),
      unknown: pairsOf(outcomes.filter(({ status }) => status === 'unknown')),
      forGood: pairsOf(of('failed 30003')),
    },
  };
}

test('what may pass runs again with its fields, and nothing else; what failed for good with --all', async () => {
  const { report: parent, bad } = await importWithFaults();
  expect(Object.values(bad).map(({ length }) => length > 0)).toEqual([true, true, true]);

  const { code, report: child } = await retried([...bad.failed, ...bad.unknown], parent.job);
  expect(child).toMatchObject({ operation: 'import', state: 'completed', retryOf: parent.job });
  expect(child.results).toBe(`${parent.job}.${child.job}.results.jsonl`);
  // An unknown row may be of a missing account: then the service says so now.
  expect(code).toBe(child.totals.failed > 0 ? 1 : 0);
  const [[from, to]] = bad.failed as [Row];
  expect((await simulator.friends(from)).friends.find((friend) => friend.to === to)).toMatchObject({
    remark: `remark, of ${to}`,
    groups: ['g1', 'g2'],
  });

  await expectOneView(parent.job, WRITES);
  // Told everywhere whose rows these are.
  expect((await place.run('jobs')).stdout).toContain(`retry of ${parent.job}`);
  expect((await place.run('status', child.job)).stdout).toContain(`retry of ${parent.job}`);
  const before = await place.run('status', parent.job);
  expect(before.stdout).toContain(`retried by ${child.job}`);
  // What became of all its rows in the end.
  const { ok, failed, unknown } = parent.totals;
  expect((await place.report('status', parent.job)).report.retried).toMatchObject({
    by: child.job,
    left: bad.forGood.length,
    totals: {
      ...parent.totals,
      ok: ok + child.totals.ok,
      satisfied: parent.totals.satisfied + child.totals.satisfied,
      failed: failed - bad.failed.length + child.totals.failed,
      unknown: unknown - bad.unknown.length + child.totals.unknown,
    },
  });
  expect(before.stdout).toMatch(/^ {2}with retries +[\d,]+$/m);

  // Once more: those rows are the other job's now, and what failed for good is left.
  await expectRefused(
    new RegExp(
      `^befriend: Job ${parent.job} was retried already, by job ${child.job}.*befriend retry ${parent.job} --all`,
    ),
    parent.job,
  );
  await simulator.setAccounts({ imported: MISSING });
  const { code: last, report: rest } = await retried(bad.forGood, parent.job, '--all');
  expect({ code: last, ok: rest.totals.ok }).toEqual({ code: 0, ok: bad.forGood.length });
  await expectRefused(
    new RegExp(`was retried already, by job ${rest.job}\\. Every row of that holds`),
    parent.job,
    '--all',
  );

  await expectOneView(parent.job, WRITES);
  // Unknown rows of missing accounts have failed by now: with them every row is there.
  await place.run('retry', child.job, '--all');
  await expectOneView(parent.job, WRITES);
  const { retried: inAll } = (await place.report('status', parent.job)).report as Report;
  expect(inAll).toMatchObject({ left: 0, totals: { failed: 0, unknown: 0, open: 0 } });
  expect(inAll!.totals.ok + inAll!.totals.satisfied).toBe(parent.totals.accepted);
  const truths = await simulator.relations(WRITES);
  expect(truths.filter(({ forward }) => !forward)).toEqual([]);
}, 120_000);

test('--all first takes everything that does not hold; then a retry of the retry', async () => {
  const { report: parent, bad } = await importWithFaults();
  const all = [...bad.failed, ...bad.unknown, ...bad.forGood];
  const { code, report: child } = await retried(all, parent.job, '--all', '--name', 'second go');
  expect(code).toBe(1);
  const failed = child.totals.failed;
  expect(failed).toBeGreaterThanOrEqual(bad.forGood.length);
  await expectRefused(new RegExp(`by job ${child.job}.*${failed} of its ${all.length} rows did not pass`), parent.job);
  await simulator.setAccounts({ imported: MISSING });
  const still = outcomesIn(join(place.dir, child.results as string)).filter(({ status }) => status === 'failed');
  const { code: last, report: grandchild } = await retried(pairsOf(still), child.job, '--all');
  expect(last).toBe(0);
  expect(grandchild.retryOf).toBe(child.job);
  // The name goes with the rows, the priority too.
  expect(grandchild.results).toBe(`second go.${grandchild.job}.results.jsonl`);
});

test('a check is retried in its own mode', async () => {
  const rows: Row[] = Array.from({ length: 50 }, (_, n) => ['a', `b${n}`]);
  await simulator.seedFriends(rows);
  await simulator.setFaults({ transient: [{ code: 30006, fraction: 0.5, passesAt: 99 }] });
  const { report } = await place.report('check', place.csv('rows.csv', rows), '--type', 'single');
  expect(report.totals.failed).toBeGreaterThan(0);
  await simulator.setFaults('none');
  const { code, report: child } = await place.report('retry', report.job);
  expect(code).toBe(0);
  expect(child.totals).toMatchObject({ rows: report.totals.failed, ok: report.totals.failed });
  const outcomes = outcomesIn(join(place.dir, child.results as string));
  expect(new Set(outcomes.map(({ type, relation }) => `${type} ${relation}`))).toEqual(
    new Set(['single CheckResult_Type_AWithB']),
  );
});

describe('nothing to retry', () => {
  test('every row holds: exit code 0, no job', async () => {
    const { report } = await place.report('import', place.csv('rows.csv', [['a', 'b']]));
    for (const args of [[], ['--all', '--json']]) {
      const { code, stdout, stderr } = await place.run('retry', report.job, ...args);
      const printed = stdout === '' ? [] : [(JSON.parse(stdout) as Report).job];
      expect({ code, printed, stderr }).toEqual({
        code: 0,
        printed: args.includes('--json') ? [report.job] : [],
        stderr: `Nothing to retry: every row of job ${report.job} holds or waits for its peer.\n`,
      });
    }
    expect(folders()).toHaveLength(1);
  });

  test('all failed for good: exit code 1, which codes, and how to run them all the same', async () => {
    await simulator.setAccounts({ missing: ['b', 'c'] });
    const rows: Row[] = [
      ['a', 'b'],
      ['a', 'c'],
      ['a', 'd'],
    ];
    const { report } = await place.report('import', place.csv('rows.csv', rows));
    const { code, stdout, stderr } = await place.run('retry', report.job);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toBe(
      `Nothing to retry in job ${report.job}: what does not hold failed for good (2 × 30003). befriend retry ` +
        `${report.job} --all runs that too, once the cause is mended.\n`,
    );
    // What was prepared for it is gone.
    expect(readdirSync(join(place.home, 'intake'))).toEqual([]);
    expect(folders()).toEqual([report.job]);
  });
});

describe('a job that is not over', () => {
  /** Ctrl-C in the middle of an import. */
  async function interrupted(): Promise<string> {
    embedded();
    const command = place.start('import', place.csv('many.csv', MANY));
    await callsReach(5);
    command.child.kill('SIGINT');
    const { stderr } = await command.done;
    return /job (\S+):/.exec(stderr)?.[1] as string;
  }

  test('paused: told how to go on, and nothing is called', async () => {
    const job = await interrupted();
    await expectRefused(new RegExp(`^befriend: Job ${job} is not over: it is paused. .*befriend cancel ${job}`), job);
    await expectRefused(/is not over/, job, '--all');
  });

  test('cancelled: its skipped rows run, the others do not', async () => {
    const job = await interrupted();
    expect((await place.run('cancel', job)).code).toBe(0);
    const outcomes = outcomesIn(join(place.home, 'jobs', job, 'results.jsonl'));
    const skipped = outcomes.filter(({ status }) => status === 'skipped');
    expect(skipped.length).toBeGreaterThan(0);
    const { code, report } = await retried(pairsOf(outcomes.filter(({ status }) => status !== 'ok')), job);
    expect({ code, state: report.state }).toEqual({ code: 0, state: 'completed' });
  });

  test('running: told to wait', async () => {
    const { stdout } = await place.run('import', place.csv('rows.csv', [['a', 'b']]), '--detach');
    await expectRefused(/is not over: it is running.*befriend status \S+ --watch/, stdout.trim());
  });
});

const MANY = Array.from({ length: 200 }, (_, n): Row => [`u${n}`, `v${n}`]);

async function callsReach(count: number): Promise<void> {
  for (;;) {
    if (((await simulator.ledger()).friend_import?.calls ?? 0) >= count) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** An import of MANY, all of which failed in passing. */
async function allFailed(...args: string[]): Promise<string> {
  await simulator.setFaults({ transient: [{ code: 30006, fraction: 1, passesAt: 99 }] });
  const { report } = await place.report('import', place.csv('many.csv', MANY), ...args);
  expect(report.totals.failed).toBe(MANY.length);
  await simulator.setFaults('none');
  return report.job;
}

test('killed in the middle: the same command goes on with the same job', async () => {
  embedded();
  const parent = await allFailed();
  const { calls } = (await simulator.ledger()).friend_import as { calls: number };
  const first = place.start('retry', parent);
  await callsReach(calls + MANY.length / 2);
  await place.killAll();
  const { stderr } = await first.done;
  const child = /^job (\S+): 200 rows of job (\S+) to run again$/m.exec(stderr);
  expect(child?.[2]).toBe(parent);

  const { code, report, stderr: second } = await place.report('retry', parent);
  expect(second).toMatch(
    new RegExp(`job ${child?.[1]}, a retry of \\S+, had been begun: going on with its [\\d,]+ open rows? of`),
  );
  expect({ code, job: report.job, state: report.state }).toEqual({ code: 0, job: child?.[1], state: 'completed' });
  const outcomes = outcomesIn(join(place.dir, report.results as string));
  expectOneOutcomeEach(MANY, outcomes);
  await expectTrue(simulator, outcomes);
  expect(folders()).toHaveLength(2);
});

test('interrupted: paused, and the same command goes on', async () => {
  embedded();
  const parent = await allFailed();
  const { calls } = (await simulator.ledger()).friend_import as { calls: number };
  const first = place.start('retry', parent);
  await callsReach(calls + 10);
  first.child.kill('SIGINT');
  const { code, stderr } = await first.done;
  expect({ code, says: /Job \S+ is paused: the same command goes on/.test(stderr) }).toEqual({ code: 130, says: true });
  const { report } = await place.report('retry', parent);
  expect(report.totals.ok + report.totals.satisfied).toBe(MANY.length);
  expect(folders()).toHaveLength(2);
});

test('two at once make one job; --out - prints the outcomes and nothing else', async () => {
  const parent = await allFailed();
  const [one, two] = await Promise.all([place.report('retry', parent), place.run('retry', parent, '--out', '-')]);
  expect(one.report.totals.ok).toBe(MANY.length);
  expect(folders()).toHaveLength(2);
  // The second may come when the first is done: then it prints nothing and is told so.
  const printed = two.stdout.split('\n').slice(0, -1);
  expect([two.code, printed.length]).toEqual(two.code === 0 ? [0, MANY.length] : [2, 0]);
  expectOneOutcomeEach(
    MANY,
    [one.report.results as string].flatMap((path) => outcomesIn(join(place.dir, path))),
  );
});

test('--detach leaves it to workers; priority and name are those of the job', async () => {
  const parent = await allFailed('--priority', 'low', '--name', 'monday/night');
  const { code, stdout } = await place.run('retry', parent, '--detach');
  expect(code).toBe(0);
  const child = stdout.trim();
  expect((await jobs()).find(({ id }) => id === child)).toMatchObject({
    name: 'monday/night',
    priority: 'low',
    retryOf: parent,
    state: 'running',
    totals: { rows: MANY.length, accepted: MANY.length, open: MANY.length },
  });
  expect(await place.run('results', parent, '--with-retries')).toEqual({
    code: 0,
    stdout: '',
    stderr: `200 more rows are being run again: befriend status ${child} --watch, then this again\n`,
  });
  const { report } = await place.report('retry', parent);
  expect(report).toMatchObject({ job: child, totals: { ok: MANY.length } });
  expect(report.results).toBe(`monday_night.${child}.results.jsonl`);
  await expectOneView(parent, MANY);
  rmSync(join(place.home, 'jobs', child), { recursive: true });
  const { code: lost, stderr } = await place.run('results', parent, '--with-retries');
  expect({ code: lost, stderr }).toEqual({
    code: 2,
    stderr: expect.stringMatching(`results of job ${child} are not in`),
  });
});

describe('the job’s files', () => {
  test('are in another home: told which setting to mend', async () => {
    const parent = await allFailed();
    place.env.BEFRIEND_HOME = join(place.dir, 'other');
    mkdirSync(join(place.dir, 'other', 'jobs'), { recursive: true });
    await expectRefused(new RegExp(`input and results of job ${parent} are not in this home .*BEFRIEND_HOME`), parent);
  });

  test('are damaged: no row is left out in silence', async () => {
    const parent = await allFailed();
    const path = join(place.home, 'jobs', parent, 'results.jsonl');
    const refused = (says: string) =>
      expectRefused(new RegExp(`results.jsonl was changed or damaged: .*${says}.*Nothing was submitted`), parent);
    truncateSync(path, readFileSync(path, 'utf8').indexOf('\n') + 1);
    await refused('1 of 200');
    writeFileSync(path, 'what is this\n');
    await refused('line 1 is not JSON');
    rmSync(path);
    await refused('0 of 200');
  });
});

test.each([
  { args: ['no-such-job'], says: 'There is no job no-such-job' },
  { args: ['x', '--json', '--out', '-'], says: '--json and --out - both want stdout' },
  { args: ['x', '--detach', '--out', 'y'], says: '--detach returns before there are results' },
  { args: ['x', '--out', 'no/such/folder'], says: '--out no/such/folder' },
  { args: [], says: "missing required argument 'job'" },
])('$args: exit code 2', async ({ args, says }) => {
  const { code, stdout, stderr } = await place.run('retry', ...args);
  expect({ code, stdout, says: stderr.includes(says) }).toEqual({ code: 2, stdout: '', says: true });
});

test('--detach without REDIS_URL: exit code 2', async () => {
  embedded();
  const { code, stdout, stderr } = await place.run('retry', 'x', '--detach');
  expect({ code, stdout, says: stderr.includes('--detach needs REDIS_URL') }).toEqual({
    code: 2,
    stdout: '',
    says: true,
  });
});

test('from code: the same job, its outcomes, and errors that can be told apart', async () => {
  const parent = await allFailed();
  const befriend = await openBefriend({ env: place.env, log: createLog({ level: 'silent', secrets: [] }) });
  try {
    befriend.work();
    const job = await befriend.retry(parent);
    expect(await befriend.retry(parent)).toMatchObject({ id: job.id, kind: 'existing' });
    expect(await job.done()).toMatchObject({ retryOf: parent, totals: { ok: MANY.length } });
    const found: Outcome[] = [];
    for await (const outcome of job.outcomes()) found.push(outcome);
    expectOneOutcomeEach(MANY, found);
    await expect(befriend.retry(parent)).rejects.toBeInstanceOf(RetryRefused);
    await expect(befriend.retry(job.id)).rejects.toBeInstanceOf(NothingToRetry);
    await expect(befriend.retry('nobody')).rejects.toBeInstanceOf(JobNotFound);
  } finally {
    await befriend.close();
  }
});
