/** G4: rows = accepted + invalid + duplicate, and accepted = the six statuses + open; at every moment of a job. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Report } from '../../src/results/report.ts';
import { COMPRESSED_LIMIT, outcomesIn, type Workplace, workplace } from '../support/command.ts';
import { type TestSimulator, testSimulator } from '../support/simulator.ts';
import { expectTotals, expectLimitsHeld } from '../support/truth.ts';

let simulator: TestSimulator;
let place: Workplace;

beforeEach(async () => {
  simulator = await testSimulator({
    ...COMPRESSED_LIMIT,
    faults: { latency: { baseMs: 10 }, missing: 0.05, transient: [{ code: 30006, fraction: 0.1, passesAt: 2 }] },
  });
  place = workplace(simulator);
});
afterEach(async () => {
  await expectLimitsHeld(simulator, COMPRESSED_LIMIT);
  await place.remove();
  await simulator.close();
});

const sum = ({ totals }: Report) => {
  const { ok, satisfied, pending, failed, unknown, skipped, open } = totals;
  return ok + satisfied + pending + failed + unknown + skipped + open;
};

test('a dirty file is accounted for to the row, and the totals add up while it runs', async () => {
  const file = join(place.dir, 'dirty.csv');
  const lines = ['from,to'];
  for (let n = 0; n < 3000; n += 1) lines.push(`a${n % 700},b${n}`);
  const bad = ['a1,b1', 'x,x', ',b', `a,${'y'.repeat(33)}`, 'a b,c', 'only', '1,2,3'];
  lines.push(...bad);
  writeFileSync(file, `${lines.join('\n')}\n`);

  const running = place.start('import', file, '--json');
  let looks = 0;
  while (running.child.exitCode === null) {
    const { stdout } = await place.run('jobs', '--json');
    const [job] = stdout === '' ? [] : (JSON.parse(stdout) as Report[]);
    if (!job) continue;
    expect(sum(job)).toBe(job.totals.accepted);
    looks += 1;
  }
  expect(looks).toBeGreaterThan(1);
  const { code, stdout } = await running.done;
  const report = JSON.parse(stdout) as Report;
  expect(code).toBe(1);
  expect(report.totals).toMatchObject({ rows: 3007, accepted: 3000, duplicate: 1, invalid: 6, open: 0 });
  expectTotals(report, outcomesIn(report.results as string));
  const rejects = readFileSync(report.rejects as string, 'utf8')
    .trimEnd()
    .split('\n');
  expect(rejects.map((line) => (JSON.parse(line) as { line: number }).line)).toEqual([
    3002, 3003, 3004, 3005, 3006, 3007, 3008,
  ]);
}, 60_000);

test('a cancelled job accounts for every row: what was never sent is skipped', async () => {
  const rows = Array.from({ length: 4000 }, (_, n) => [`a${n % 2000}`, `b${n}`] as const);
  const running = place.start('import', place.csv('rows.csv', rows), '--json');
  let job = '';
  while (job === '') {
    const { calls } = await simulator.meter('friend_import');
    if (calls > 200) [job] = JSON.parse((await place.run('jobs', '--json')).stdout).map(({ id }: { id: string }) => id);
  }
  expect((await place.run('cancel', job)).code).toBe(0);
  const { code, stdout } = await running.done;
  const report = JSON.parse(stdout) as Report;
  expect({ code, state: report.state }).toEqual({ code: 3, state: 'cancelled' });
  expect(report.totals.skipped).toBeGreaterThan(0);
  expect(report.totals.open).toBe(0);
  const outcomes = outcomesIn(report.results as string);
  expectTotals(report, outcomes);
  const truths = await simulator.relations(outcomes.map(({ from, to }) => [from as string, to] as const));
  expect(outcomes.filter(({ status }, i) => (status === 'ok') !== truths[i]?.forward)).toEqual([]);
}, 60_000);

test('Ctrl-C pauses: no other command goes on with the job, cancel settles it, nothing is called', async () => {
  const rows = Array.from({ length: 3000 }, (_, n) => [`a${n % 1500}`, `b${n}`] as const);
  const first = place.start('import', place.csv('rows.csv', rows));
  while ((await simulator.meter('friend_import')).calls < 150) await new Promise((resolve) => setTimeout(resolve, 20));
  first.child.kill('SIGINT');
  const { code, stderr } = await first.done;
  expect({ code, said: /Job (\S+) is paused: the same command goes on/.test(stderr) }).toEqual({
    code: 130,
    said: true,
  });
  const job = /job (\S+):/.exec(stderr)?.[1] as string;
  const { calls } = await simulator.meter('friend_import');
  expect((await place.report('check', place.csv('other.csv', [['x', 'y']]))).code).toBe(0);
  expect((await place.run('cancel', job)).code).toBe(0);
  const { report } = await place.report('status', job);
  expect(report).toMatchObject({ state: 'cancelled', totals: { open: 0 } });
  expect(report.totals.skipped).toBeGreaterThan(0);
  expectTotals(report, outcomesIn(report.results as string));
  expect((await simulator.meter('friend_import')).calls).toBe(calls);
}, 60_000);

test('a paused job calls no more, and the same command goes on with it', async () => {
  const rows = Array.from({ length: 3000 }, (_, n) => [`a${n % 1500}`, `b${n}`] as const);
  const file = place.csv('rows.csv', rows);
  const first = place.start('import', file, '--json');
  let job = '';
  while (job === '') {
    const { calls } = await simulator.meter('friend_import');
    if (calls > 150) [job] = JSON.parse((await place.run('jobs', '--json')).stdout).map(({ id }: { id: string }) => id);
  }
  await place.run('pause', job);
  const paused = await first.done;
  expect(paused.code).toBe(3);
  // Report, file, status and results say the same of a job that is half done.
  const half = JSON.parse(paused.stdout) as Report;
  expectTotals(half, outcomesIn(half.results as string));
  expect((await place.report('status', job)).report.totals).toEqual(half.totals);
  expect((await place.run('results', job)).stdout.trimEnd().split('\n')).toHaveLength(3000 - half.totals.open);
  const { calls } = await simulator.meter('friend_import');
  expect(calls).toBeLessThan(1500);
  const { code, report } = await place.report('import', file);
  expect({ code: code === 0 || code === 1, job: report.job, state: report.state, open: report.totals.open }).toEqual({
    code: true,
    job,
    state: 'completed',
    open: 0,
  });
  expectTotals(report, outcomesIn(report.results as string));
}, 60_000);
