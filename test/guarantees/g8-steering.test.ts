/** G8: a job can be steered at any time. A paused or cancelled job makes no new call after 2 s, whoever works on it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { keysOf } from '../../src/jobs/keys.ts';
import { openQueue } from '../../src/jobs/queue.ts';
import type { Report } from '../../src/results/report.ts';
import { COMPRESSED_LIMIT, outcomesIn, type Workplace, workplace } from '../support/command.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { type TestSimulator, testSimulator } from '../support/simulator.ts';
import { expectOneOutcomeEach, expectTotals, expectTrue } from '../support/truth.ts';

const COMMAND = 'friend_import';
/** G8. */
const LAST_CALL_MS = 2000;
/** Together they have a ready window of 5 s in hand: so long the last chunk waits for its slot. */
const CALLERS = 3;
const rowsOf = (name: string): (readonly [string, string])[] =>
  Array.from({ length: 300 }, (_, n) => [`${name}${n}`, `to${n}`] as const);

let redis: TestRedis;
let simulator: TestSimulator;
let place: Workplace;

beforeEach(async () => {
  // A third of the rows fail at first, and come back between 1.5 and 2.5 s later: also when the job is halted.
  const faults = { transient: [{ code: 30006, fraction: 0.3, passesAt: 2 }] };
  [redis, simulator] = await Promise.all([
    testRedis(),
    testSimulator({ ...COMPRESSED_LIMIT, countSent: true, faults }),
  ]);
  place = workplace(simulator, {
    REDIS_URL: await redis.listen(),
    CHAT_CALLS_PER_SECOND: '4',
    BEFRIEND_READY_SECONDS: '5',
    BEFRIEND_BACKOFF_SCALE: '4',
  });
  for (let n = 0; n < CALLERS; n += 1) place.start('worker', '--roles', 'call');
  place.start('worker', '--roles', 'feed,record');
});
afterEach(async () => {
  await place.remove();
  await Promise.all([redis.close(), simulator.close()]);
});

const callsSeen = async (): Promise<number> => (await simulator.meter(COMMAND)).calls;

/** Two jobs under way: chunks in every caller's hands, chunks that wait out a delay, a backlog. */
async function underWay(): Promise<string[]> {
  const submit = async (name: string): Promise<string> =>
    (await place.run('import', place.csv(`${name}.csv`, rowsOf(name)), '--detach')).stdout.trim();
  const jobs = [await submit('one'), await submit('two')];
  const delayed = keysOf(simulator.sdkappid).delayed(COMMAND);
  const made = async () => Promise.all(jobs.map(async (job) => (await place.report('status', job)).report.calls.made));
  while (Math.min(...(await made())) < 10 || (await redis.redis.zcard(delayed)) === 0) await sleep(20);
  return jobs;
}

/** When every chunk that was in hand or waited for another try has come back. */
async function queueEmpty(): Promise<void> {
  const queue = openQueue(redis.redis, keysOf(simulator.sdkappid), COMMAND);
  while (Object.values(await queue.getJobCounts()).some((count) => count > 0)) await sleep(20);
  await queue.close();
}

test('no new call 2 s after pause and cancel, chunks in hand and in delay included; every row is accounted for', async () => {
  const [paused, cancelled] = (await underWay()) as [string, string];
  const codes = await Promise.all([place.run('pause', paused), place.run('cancel', cancelled)]);
  expect(codes.map(({ code }) => code)).toEqual([0, 0]);
  await sleep(LAST_CALL_MS);
  const seen = await callsSeen();
  const { stdout, code } = await place.run('status', cancelled, '--watch', '--json');
  await queueEmpty();
  expect(await callsSeen()).toBe(seen);

  const half = (await place.report('status', paused)).report;
  expect(half).toMatchObject({ state: 'paused', totals: { skipped: 0 } });
  expect(half.totals.open).toBeGreaterThan(100);
  const report = JSON.parse(stdout) as Report;
  expect({ code, state: report.state }).toEqual({ code: 3, state: 'cancelled' });
  expect(report.calls.made + half.calls.made).toBe(seen);

  const outcomes = outcomesIn(report.results as string);
  expectOneOutcomeEach(rowsOf('two'), outcomes);
  expectTotals(report, outcomes);
  await expectTrue(simulator, outcomes);
  const sent = await simulator.sent(
    COMMAND,
    outcomes.map(({ from, to }) => [from as string, to]),
  );
  expect(outcomes.filter(({ status }, n) => (status === 'skipped') !== (sent[n] === 0))).toEqual([]);
  const words = new Set(outcomes.map(({ status, code: last }) => `${status} ${last}`));
  expect(words).toEqual(new Set(['ok 0', 'failed 30006', 'skipped null']));

  // The rest would take some time: that its chunks go on is seen sooner.
  expect((await place.run('resume', paused)).code).toBe(0);
  while ((await callsSeen()) < seen + 10) await sleep(20);
}, 60_000);
