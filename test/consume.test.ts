/** A program that consumes outcomes through the library, beside jobs that run: of one job, of all, and what it holds. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Befriend, type Delivery, openBefriend } from '../src/index.ts';
import { COMPRESSED_LIMIT, type Workplace, workplace } from './support/command.ts';
import { type TestRedis, testRedis } from './support/redis.ts';
import { type TestSimulator, testSimulator } from './support/simulator.ts';
import { expectOneOutcomeEach, expectTrue, type Row } from './support/truth.ts';

let simulator: TestSimulator;
let redis: TestRedis;
let place: Workplace;
let befriend: Befriend;
beforeAll(async () => {
  [simulator, redis] = await Promise.all([testSimulator({ ...COMPRESSED_LIMIT, faults: 'mild' }), testRedis()]);
  place = workplace(simulator, { REDIS_URL: await redis.listen() });
  befriend = await openBefriend({ env: place.env });
});
afterAll(async () => {
  await befriend.close();
  await place.remove();
  await Promise.all([simulator.close(), redis.close()]);
});

const rowsOf = (from: string): Row[] => Array.from({ length: 40 }, (_, n) => [`${from}${n % 8}`, `b${n}`]);

async function submitted(from: string) {
  const rows = rowsOf(from).map(([one, to]) => ({ from: one, to }));
  return befriend.submit({ kind: 'rows', rows }, { operation: 'import' });
}

test('a durable group has every outcome of every job, true ones; until then no job of it is pruned', async () => {
  const stop = new AbortController();
  const deliveries: Delivery[] = [];
  const books = { group: 'books', durable: true };
  // It is known before there is a job, and away while they run.
  await befriend.consume({ ...books, signal: AbortSignal.abort() }).next();
  expect(await befriend.durableGroups()).toEqual([{ group: 'books', jobs: 0, entries: 0 }]);

  const roles = befriend.work();
  const jobs = [await submitted('a'), await submitted('c')];
  await Promise.all(jobs.map((job) => job.done()));
  expect(await befriend.durableGroups()).toMatchObject([{ group: 'books', jobs: 2 }]);
  const listed = await place.run('jobs', 'groups');
  expect(listed.stdout).toMatch(/^books {2}outcomes of \d+ calls wait, in 2 jobs\n$/);
  for (const { id } of jobs) {
    const ended = new Date(Date.now() - 90 * 86_400_000).toISOString();
    await redis.redis.hset(`{befriend:${simulator.sdkappid}}:job:${id}`, 'finishedAt', ended);
  }
  const before = await befriend.prune({ olderThanMs: 0 });
  expect({ gone: before.jobs, held: before.held.toSorted() }).toEqual({
    gone: [],
    held: jobs.map(({ id }) => id).toSorted(),
  });

  for await (const delivery of befriend.consume({ ...books, signal: stop.signal })) {
    deliveries.push(delivery);
    if (deliveries.flatMap(({ outcomes }) => outcomes).length === 80) break;
  }
  const outcomes = deliveries.flatMap((delivery) => delivery.outcomes);
  expectOneOutcomeEach([...rowsOf('a'), ...rowsOf('c')], outcomes);
  await expectTrue(simulator, outcomes);

  // One delivery was in hand: the group's program is gone for good.
  expect(await befriend.durableGroups()).toEqual([{ group: 'books', jobs: 1, entries: 1 }]);
  const forgot = await place.run('jobs', 'groups', '--forget', 'books', '--json');
  expect(forgot).toMatchObject({ code: 0, stdout: '[]\n' });
  expect((await place.run('jobs', 'groups', '--forget', 'books')).code).toBe(2);
  let gone: string[] = [];
  while (gone.length < 2) {
    const { jobs: more } = await befriend.prune({ olderThanMs: 0 });
    gone = [...gone, ...more.map(({ job }) => job)];
  }
  expect(gone.toSorted()).toEqual(jobs.map(({ id }) => id).toSorted());
  await roles.stop();
}, 30_000);

test('one job: its outcomes while it runs, the same as in its file; the loop ends with it', async () => {
  befriend.work();
  const job = await submitted('e');
  const outcomes = [];
  for await (const delivery of befriend.consume({ group: 'screen', job: job.id })) outcomes.push(...delivery.outcomes);
  expectOneOutcomeEach(rowsOf('e'), outcomes);
  const { results } = await job.report();
  expect(results).toBe(join(place.home, 'jobs', job.id, 'results.jsonl'));
  const inFile = [];
  for await (const outcome of job.outcomes()) inFile.push(outcome);
  const sorted = (list: object[]): string[] => list.map((one) => JSON.stringify(one)).toSorted();
  expect(sorted(outcomes)).toEqual(sorted(inFile));
  await expect(befriend.consume({ group: 'screen', job: 'nobody' }).next()).rejects.toThrow('There is no job nobody');
}, 30_000);
