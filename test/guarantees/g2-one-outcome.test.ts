/**
 * G2: every accepted row gets exactly one outcome in the results file, whatever is killed, and whoever works on the
 * job at once. Real processes, real kills, a real service; what befriend says is compared with what happened.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { Report } from '../../src/results/report.ts';
import { friendGraph, seededRandom } from '../../src/simulator/graph.ts';
import { COMPRESSED_LIMIT, outcomesIn, type Workplace, workplace } from '../support/command.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { type TestSimulator, testSimulator } from '../support/simulator.ts';
import {
  expectLimitHeld,
  expectOneOutcomeEach,
  expectOneWriteAtATime,
  expectTotals,
  expectTrue,
  type Row,
} from '../support/truth.ts';

const rows = [...friendGraph({ accounts: 900, friendsPerAccount: 12, random: seededRandom(3) })];
const ACCOUNTS = new Set(rows.map(([from]) => from)).size;
const FAULTS = { calls: { resetAfter: 0.01, badGateway: 0.01 }, latency: { baseMs: 15, jitterMs: 10 } };

let simulator: TestSimulator;
let place: Workplace;
let redis: TestRedis | null = null;

async function setUp(settings: Record<string, string> = {}): Promise<string> {
  simulator = await testSimulator({ ...COMPRESSED_LIMIT, faults: FAULTS });
  place = workplace(simulator, settings);
  return place.csv('friends.csv', rows);
}

afterEach(async () => {
  await place.remove();
  await simulator.close();
  await redis?.close();
  redis = null;
});

/** Resolves once the service has seen so many calls of the import. */
async function callsReach(count: number): Promise<void> {
  for (;;) {
    if ((await simulator.meter('friend_import')).calls >= count) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Resolves in the midst of an intake: some rows are staged, and there are more to come. */
async function rowsAreStaged(home: string): Promise<void> {
  const intake = join(home, 'intake');
  for (;;) {
    const [folder] = existsSync(intake) ? readdirSync(intake) : [];
    const work = join(intake, folder ?? '-', 'intake.tmp');
    if (['stage', 'sorted'].some((name) => holdsFiles(join(work, name)))) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function holdsFiles(folder: string): boolean {
  return existsSync(folder) && readdirSync(folder).length > 0;
}

async function expectWholeTruth(report: Report, of: readonly Row[] = rows): Promise<void> {
  expect(report.state).toBe('completed');
  const outcomes = outcomesIn(report.results as string);
  expectOneOutcomeEach(of, outcomes);
  await expectTrue(simulator, outcomes);
  expectTotals(report, outcomes);
  await expectLimitHeld(simulator, 'friend_import', COMPRESSED_LIMIT);
  await expectOneWriteAtATime(simulator);
}

for (const [when, calls] of [
  ['in mid-job', Math.round(ACCOUNTS / 2)],
  ['while it finishes', ACCOUNTS],
] as const) {
  test(`kill -9 of the command and its Redis ${when}: the same command goes on`, async () => {
    const file = await setUp();
    const first = place.start('import', file);
    await callsReach(calls);
    await place.killAll();
    const { stderr } = await first.done;
    const job = /job (\S+):/.exec(stderr)?.[1];
    const { report, stderr: second } = await place.report('import', file);
    expect(report.job).toBe(job);
    expect(second).toContain(`job ${job} had been begun: going on`);
    await expectWholeTruth(report);
  }, 90_000);
}

test('kill -9 during intake accepts nothing: the same command begins anew', async () => {
  await setUp();
  // Long enough to be killed in, and few calls: 300 accounts.
  const large = Array.from({ length: 300_000 }, (_, n) => [`u${n % 300}`, `v${n}`] as const);
  const file = place.csv('large.csv', large);
  const first = place.start('import', file);
  await rowsAreStaged(place.home);
  await place.killAll();
  expect((await first.done).stderr).not.toContain('accepted');
  expect(readdirSync(join(place.home, 'intake'))).toHaveLength(1);
  expect((await place.run('jobs')).stdout).toBe('no jobs yet\n');
  expect((await simulator.meter('friend_import')).calls).toBe(0);

  const { report, stderr } = await place.report('import', file);
  expect(stderr).not.toContain('going on');
  await expectWholeTruth(report, large);
  // What the killed one left is gone.
  expect(readdirSync(join(place.home, 'intake'))).toEqual([]);
}, 90_000);

test('kill -9 of one of three workers: the others take its chunks over', async () => {
  redis = await testRedis();
  const file = await setUp({ REDIS_URL: await redis.listen() });
  const workers = [place.start('worker'), place.start('worker'), place.start('worker', '--roles', 'call')];
  const { stdout } = await place.run('import', file, '--detach');
  await callsReach(ACCOUNTS / 3);
  await workers[0]?.kill();
  await callsReach((ACCOUNTS * 2) / 3);
  await workers[2]?.kill();
  const { report } = await place.report('status', stdout.trim(), '--watch');
  await expectWholeTruth(report);
}, 90_000);

test('a worker frozen past its lock and thawed records nothing twice', async () => {
  redis = await testRedis();
  const file = await setUp({ REDIS_URL: await redis.listen() });
  const [frozen] = [place.start('worker', '--roles', 'call'), place.start('worker')];
  const { stdout } = await place.run('import', file, '--detach');
  await callsReach(ACCOUNTS / 3);
  frozen.child.kill('SIGSTOP');
  const { report } = await place.report('status', stdout.trim(), '--watch');
  frozen.child.kill('SIGCONT');
  await expectWholeTruth(report);
  // What the thawed worker still had to say was refused: the file is as it was.
  await frozen.kill();
  const { report: after } = await place.report('status', stdout.trim());
  expect(after.totals).toEqual(report.totals);
  expectOneOutcomeEach(rows, outcomesIn(after.results as string));
}, 90_000);

test('Redis killed and restarted under work: the job goes on and ends', async () => {
  redis = await testRedis();
  const file = await setUp({ REDIS_URL: await redis.listen() });
  const command = place.start('import', file, '--json');
  await callsReach(ACCOUNTS / 3);
  await redis.restart();
  const { stdout } = await command.done;
  await expectWholeTruth(JSON.parse(stdout) as Report);
}, 90_000);

test('two identical commands at once: one job, both report it', async () => {
  const file = await setUp();
  const [one, two] = await Promise.all([place.report('import', file), place.report('import', file, '--rejects', 'r2')]);
  expect(two.report.job).toBe(one.report.job);
  expect(two.report.totals).toEqual(one.report.totals);
  await expectWholeTruth(one.report);
}, 90_000);
