/** A planned check: fewer calls, and for every row the answer that asking its own from would give. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Outcome } from '../../src/domain/outcome.ts';
import { seededRandom } from '../../src/simulator/graph.ts';
import { COMPRESSED_LIMIT, outcomesIn, type Workplace, workplace } from '../support/command.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { type TestSimulator, testSimulator } from '../support/simulator.ts';
import { expectOneOutcomeEach, expectTotals, expectTrue, type Row } from '../support/truth.ts';

let simulator: TestSimulator;
let redis: TestRedis;
let place: Workplace;
beforeAll(async () => {
  [simulator, redis] = await Promise.all([testSimulator({ ...COMPRESSED_LIMIT }), testRedis()]);
});
afterAll(async () => {
  await Promise.all([simulator.close(), redis.close()]);
});
beforeEach(async () => {
  await redis.redis.flushall();
  place = workplace(simulator, { REDIS_URL: await redis.listen(), BEFRIEND_ATTEMPTS: '2' });
});
afterEach(async () => {
  await place.remove();
  await simulator.reset();
});

/** Some hubs and many leaves; of each pair one row, or both; and friendships one way, the other, both, or none. */
async function someGraph(): Promise<Row[]> {
  const random = seededRandom(11);
  const rows: Row[] = [];
  const friends: Row[] = [];
  for (let leaf = 0; leaf < 120; leaf += 1) {
    for (let hub = 0; hub < 6; hub += 1) {
      if (random() < 0.5) continue;
      const [out, back]: [Row, Row] = [
        [`leaf${leaf}`, `hub${hub}`],
        [`hub${hub}`, `leaf${leaf}`],
      ];
      if (random() < 0.7) rows.push(out);
      if (random() < 0.4) rows.push(back);
      if (random() < 0.6) friends.push(out);
      if (random() < 0.6) friends.push(back);
    }
  }
  await simulator.seedFriends(friends);
  return rows;
}

const told = (outcomes: readonly Outcome[]): string[] =>
  outcomes
    .map(({ from, to, status, code, relation, type }) => `${from}>${to} ${status} ${code} ${relation} ${type}`)
    .toSorted();

test('the same answers in a tenth of the calls, and the dry run says so', async () => {
  const rows = await someGraph();
  const file = place.csv('friends.csv', rows);
  const dry = (await place.report('check', file, '--dry-run')).report as unknown as { calls: Record<string, number> };
  const planned = await place.report('check', file);
  const asked = await place.report('check', file, '--no-plan');
  expect([planned.code, asked.code]).toEqual([0, 0]);
  expect(dry.calls).toEqual({
    everyAccount: asked.report.calls.made,
    planned: planned.report.calls.made,
    lowerBound: planned.report.calls.made,
  });
  expect(planned.report.calls.made).toBeLessThan(asked.report.calls.made / 10);
  const outcomes = outcomesIn(planned.report.results as string);
  expectOneOutcomeEach(rows, outcomes);
  expectTotals(planned.report, outcomes);
  await expectTrue(simulator, outcomes);
  expect(told(outcomes)).toEqual(told(outcomesIn(asked.report.results as string)));
  expect(planned.report.relations).toEqual(asked.report.relations);
  // Expected relations are those of the rows, too.
  const unexpected = async (...more: string[]) =>
    (await place.report('check', file, '--expect', 'BothWay,AWithB', ...more)).report.unexpected;
  const { BWithA = 0, NoRelation = 0 } = planned.report.relations;
  expect([await unexpected(), await unexpected('--no-plan')]).toEqual([BWithA + NoRelation, BWithA + NoRelation]);
}, 60_000);

test('accounts that are missing, on either side: every row that names one fails, and no other', async () => {
  const rows = await someGraph();
  await simulator.setAccounts({ missing: ['hub1', 'leaf3', 'leaf7'] });
  const file = place.csv('friends.csv', rows);
  const planned = await place.report('check', file);
  const asked = await place.report('check', file, '--no-plan');
  expect(planned.report.totals.failed).toBeGreaterThan(0);
  expect(told(outcomesIn(planned.report.results as string))).toEqual(told(outcomesIn(asked.report.results as string)));
}, 60_000);

test('rows that failed are retried in their own direction, planned again', async () => {
  const rows = await someGraph();
  await simulator.setFaults({ transient: [{ code: 30006, fraction: 0.3, passesAt: 99 }] });
  const { report } = await place.report('check', place.csv('friends.csv', rows));
  expect(report.totals.failed).toBeGreaterThan(20);
  await simulator.setFaults('none');
  expect((await place.run('retry', report.job)).code).toBe(0);
  const { stdout } = await place.run('results', report.job, '--with-retries');
  const outcomes = stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Outcome);
  expectOneOutcomeEach(rows, outcomes);
  expect(new Set(outcomes.map(({ status }) => status))).toEqual(new Set(['ok']));
  await expectTrue(simulator, outcomes);
}, 60_000);
