import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Report } from '../src/results/report.ts';
import type { FaultPlanInput } from '../src/simulator/faults.ts';
import { friendGraph, seededRandom } from '../src/simulator/graph.ts';
import { COMPRESSED_LIMIT, outcomesIn, type Workplace, workplace } from './support/command.ts';
import { type TestSimulator, testSimulator } from './support/simulator.ts';
import {
  expectLimitHeld,
  expectOneOutcomeEach,
  expectOneWriteAtATime,
  expectTotals,
  expectTrue,
} from './support/truth.ts';

/** All that may go wrong with a call or an item, at rates under which every kind comes up in a run of this size. */
const FAULTS: FaultPlanInput = {
  calls: {
    badGateway: 0.02,
    badGatewayAfter: 0.01,
    resetBefore: 0.02,
    resetAfter: 0.02,
    hang: 0.003,
    malformed: 0.01,
    truncated: 0.01,
    codes: { 60008: 0.01, 70500: 0.01 },
    codesAfter: { 60008: 0.01 },
  },
  latency: { baseMs: 10, jitterMs: 8 },
  transient: [
    { code: 30006, fraction: 0.01, passesAt: 2 },
    { code: 30007, fraction: 0.005, passesAt: 3, applied: true },
    { code: 30008, fraction: 0.005, passesAt: 2, commands: ['friend_import'] },
  ],
  missing: 0.01,
};

const rows = [...friendGraph({ accounts: 400, friendsPerAccount: 30, random: seededRandom(7) })];
let simulator: TestSimulator;
let place: Workplace;

beforeAll(async () => {
  simulator = await testSimulator({ ...COMPRESSED_LIMIT, faults: FAULTS, seed: 11 });
  place = workplace(simulator);
});
afterAll(async () => {
  await place.remove();
  await simulator.close();
});

async function runAndCompare(operation: 'import' | 'check', file: string): Promise<Report> {
  const { report } = await place.report(operation, file);
  expect(report.state).toBe('completed');
  const outcomes = outcomesIn(report.results as string);
  expectOneOutcomeEach(rows, outcomes);
  await expectTrue(simulator, outcomes);
  expectTotals(report, outcomes);
  await expectLimitHeld(simulator, `friend_${operation}`, COMPRESSED_LIMIT);
  return report;
}

test('a graph is imported and checked through faults: every row once, every word true, the limit held', async () => {
  const file = place.csv('friends.csv', rows);
  const imported = await runAndCompare('import', file);
  expect(imported.totals.ok).toBeGreaterThan(rows.length * 0.9);
  expect(imported.calls.retried).toBeGreaterThan(0);
  await expectOneWriteAtATime(simulator);

  const checked = await runAndCompare('check', file);
  expect(checked.relations.BothWay).toBeGreaterThan(rows.length * 0.8);

  // Other commands of the same home tell the same story.
  const { report: status } = await place.report('status', imported.job);
  expect(status.totals).toEqual(imported.totals);
  const listed = await place.run('results', imported.job);
  expect(listed.stdout).toBe(readFileSync(imported.results as string, 'utf8'));
  const failed = await place.run('results', imported.job, '--status', 'failed');
  expect(failed.stdout.trimEnd().split('\n')).toHaveLength(imported.totals.failed);
  const { stdout: jobs } = await place.run('jobs');
  expect(jobs).toContain(imported.job);
  expect(jobs).toContain(checked.job);
}, 120_000);
