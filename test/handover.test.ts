/** A program and a command that share only Redis with the worker: rows go to its home, outcomes come back by the stream. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Befriend, ConfigError, openBefriend, type Outcome } from '../src/index.ts';
import { COMPRESSED_LIMIT, outcomesIn, type Workplace, workplace } from './support/command.ts';
import { type TestRedis, testRedis } from './support/redis.ts';
import { type TestSimulator, testSimulator } from './support/simulator.ts';
import { expectOneOutcomeEach, expectTrue, type Row } from './support/truth.ts';

let simulator: TestSimulator;
let redis: TestRedis;
/** Two homes: rows come from one, and jobs are in the other. */
let here: Workplace;
let there: Workplace;
let befriend: Befriend;
beforeAll(async () => {
  [simulator, redis] = await Promise.all([testSimulator({ ...COMPRESSED_LIMIT, faults: 'mild' }), testRedis()]);
  const REDIS_URL = await redis.listen();
  here = workplace(simulator, { REDIS_URL });
  there = workplace(simulator, { REDIS_URL });
  befriend = await openBefriend({ env: here.env });
});
afterAll(async () => {
  await befriend.close();
  await Promise.all([here.remove(), there.remove()]);
  await Promise.all([simulator.close(), redis.close()]);
});

const rows: Row[] = Array.from({ length: 300 }, (_, n) => [`a${n % 11}`, `b${n}`]);

async function* asObjects() {
  for (const [from, to] of rows) yield { from, to };
  yield { from: 'a', to: '' };
}

const jobsIn = ({ home }: Workplace): string[] => readdirSync(join(home, 'jobs'));

test('rows of an async iterable: accepted in the home of the worker, one true outcome each; a file the same way', async () => {
  const rejects = join(here.dir, 'rejects.jsonl');
  there.start('worker');
  const job = await befriend.submit(
    { kind: 'rows', rows: asObjects() },
    { operation: 'import', spool: 'redis', rejects },
  );
  expect(job).toMatchObject({ kind: 'created', prepared: { totals: { rows: 301, accepted: 300, invalid: 1 } } });
  expect([jobsIn(here), jobsIn(there)]).toEqual([[], [job.id]]);
  expect(readFileSync(rejects, 'utf8').split('\n')).toHaveLength(2);

  const outcomes: Outcome[] = [];
  for await (const delivery of befriend.consume({ group: 'service', job: job.id })) outcomes.push(...delivery.outcomes);
  expectOneOutcomeEach(rows, outcomes);
  await expectTrue(simulator, outcomes);
  expectOneOutcomeEach(rows, outcomesIn(join(there.home, 'jobs', job.id, 'results.jsonl')));
  expect((await job.done()).totals).toMatchObject({ rows: 301, accepted: 300, open: 0 });

  const path = here.csv('friends.csv', rows.slice(0, 20));
  const detached = await here.run('check', path, '--detach', '--spool', 'redis');
  expect(detached).toMatchObject({ code: 0 });
  expect(jobsIn(there)).toContain(detached.stdout.trim());
  expect(jobsIn(here)).toEqual([]);
  const checked = await befriend.job(detached.stdout.trim());
  expect((await checked.done()).totals).toMatchObject({ accepted: 20, open: 0 });
  const left = await redis.redis.keys('*{befriend*:*');
  expect(left.filter((key) => /:(handovers|handover|pieces|adopter|withdrawn)\b/.test(key))).toEqual([]);
}, 30_000);

test('what cannot be: the private Redis of a home, --spool redis without --detach, no worker in time', async () => {
  const { REDIS_URL: _, ...alone } = here.env;
  const own = await openBefriend({ env: { ...alone, BEFRIEND_HOME: join(here.dir, 'alone') } });
  const refused = own.submit({ kind: 'rows', rows: [] }, { operation: 'import', spool: 'redis' });
  await expect(refused).rejects.toThrow(ConfigError);
  await own.close();
  const path = here.csv('more.csv', rows.slice(0, 3));
  const attached = await here.run('import', path, '--spool', 'redis');
  expect(attached).toMatchObject({ code: 2 });
  expect(attached.stderr).toContain('it goes with --detach');
  // Another app of the same Redis, for which nobody works.
  const late = await here.startWith(
    { CHAT_SDKAPPID: '1400009999', BEFRIEND_HANDOVER_WAIT_SECONDS: '1' },
    'import',
    path,
    '--detach',
    '--spool',
    'redis',
  ).done;
  expect(late).toMatchObject({ code: 4, stdout: '' });
  expect(late.stderr).toContain('no worker takes the rows; it waited 1 s. Nothing was accepted.');
  expect(jobsIn(here)).toEqual([]);
}, 30_000);
