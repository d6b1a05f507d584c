/** `befriend jobs prune` as it is called, on real jobs: what goes, what stays, and what befriend says of it afterwards. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { JobStatus } from '../../src/domain/job.ts';
import type { Pruned } from '../../src/jobs/prune.ts';
import { keysOf } from '../../src/jobs/keys.ts';
import { COMPRESSED_LIMIT, outcomesIn, type Workplace, workplace } from '../support/command.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { type TestSimulator, testSimulator } from '../support/simulator.ts';

let simulator: TestSimulator;
let redis: TestRedis;
let place: Workplace;
beforeAll(async () => {
  [simulator, redis] = await Promise.all([testSimulator(COMPRESSED_LIMIT), testRedis()]);
  place = workplace(simulator, { REDIS_URL: await redis.listen() });
});
afterAll(async () => {
  await place.remove();
  await Promise.all([simulator.close(), redis.close()]);
});

const keys = () => keysOf(simulator.sdkappid);
/** As if it had ended so many days ago. */
const age = (job: string, days: number) =>
  redis.redis.hset(keys().job(job), 'finishedAt', new Date(Date.now() - days * 86_400_000).toISOString());
const listed = async (): Promise<string[]> =>
  (JSON.parse((await place.run('jobs', '--json')).stdout) as JobStatus[]).map(({ id }) => id);

test('a job goes whole; the same command then makes a new one, and what --out copied stays', async () => {
  const file = place.csv('friends.csv', [['a', 'b']]);
  const out = join(place.dir, 'out.jsonl');
  const old = (await place.report('import', file, '--out', out, '--idempotency-key', 'monday')).report.job;
  const fresh = (await place.report('check', file)).report.job;
  await age(old, 40);
  await age(fresh, 2);

  const none = await place.run('jobs', 'prune');
  expect({ code: none.code, stdout: none.stdout }).toEqual({ code: 2, stdout: '' });
  expect(none.stderr).toContain('--older-than 30d');
  const odd = await place.run('jobs', 'prune', '--older-than', '3', '--keep-bytes', 'much');
  expect(odd.code).toBe(2);
  expect(odd.stderr).toMatch(/--older-than <time>.*30d[^]*--keep-bytes <size>.*10GB/);

  const dry = await place.run('jobs', 'prune', '--older-than', '30d', '--dry-run', '--json');
  expect(JSON.parse(dry.stdout)).toMatchObject({ dryRun: true, jobs: [{ job: old }], kept: { jobs: 1 } });
  expect(await listed()).toEqual([fresh, old]);

  const { code, stdout } = await place.run('jobs', 'prune', '--older-than', '30d', '--keep-bytes', '1GB');
  expect(code).toBe(0);
  expect(stdout).toMatch(new RegExp(`^${old} +[\\d.]+ k?B\\nremoved 1 job, .* 1 job that is over stays, `));
  expect(await listed()).toEqual([fresh]);
  expect(readdirSync(join(place.home, 'jobs'))).toEqual([fresh]);
  const gone = await place.run('status', old);
  expect({ code: gone.code, stderr: gone.stderr }).toEqual({ code: 2, stderr: expect.stringContaining('was pruned') });
  expect(outcomesIn(out)).toHaveLength(1);

  const again = await place.report('import', file, '--idempotency-key', 'monday');
  expect(again.report.job).not.toBe(old);
  expect(again.report.totals).toMatchObject({ accepted: 1, open: 0 });
}, 30_000);

test('a worker that writes results files removes by the settings what need not be kept', async () => {
  const file = place.csv('more.csv', [['c', 'd']]);
  const old = (await place.report('import', file)).report.job;
  await age(old, 40);
  place.env.BEFRIEND_KEEP_DAYS = '30';
  // By the setting alone the command does the same.
  const asked = await place.run('jobs', 'prune', '--dry-run', '--json');
  expect((JSON.parse(asked.stdout) as Pruned).jobs.map(({ job }) => job)).toEqual([old]);
  const worker = place.start('worker', '--roles', 'record');
  while (existsSync(join(place.home, 'jobs', old))) await new Promise((resolve) => setTimeout(resolve, 20));
  worker.child.kill('SIGTERM');
  expect((await worker.done).code).toBe(0);
  expect(await listed()).not.toContain(old);
}, 30_000);
