/**
 * Consumers beside whole workers. A durable group that does not read stops feed before Redis fills, also when workers are
 * killed meanwhile, and all goes on when it reads. Redis loses an acknowledged tail while groups read: each has every row.
 */
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { keysOf } from '../../src/jobs/keys.ts';
import { KEEP_STREAM_BYTES } from '../../src/results/recorder.ts';
import { type Befriend, openBefriend, type Outcome } from '../../src/index.ts';
import { aofWritten } from '../jobs/support.ts';
import { COMPRESSED_LIMIT, outcomesIn, type Workplace, workplace } from '../support/command.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { type TestSimulator, testSimulator } from '../support/simulator.ts';
import { expectOneOutcomeEach } from '../support/truth.ts';

let redis: TestRedis;
let simulator: TestSimulator;
let place: Workplace;
let befriend: Befriend;

beforeEach(async () => {
  [redis, simulator] = await Promise.all([testRedis(), testSimulator({ ...COMPRESSED_LIMIT })]);
  // A fifth of a second of calls is ready, so little comes after feed has stopped.
  place = workplace(simulator, {
    REDIS_URL: await redis.listen(),
    BEFRIEND_BACKLOG_MB: '1',
    BEFRIEND_READY_SECONDS: '0.2',
  });
  befriend = await openBefriend({ env: place.env });
});
afterEach(async () => {
  await befriend.close();
  await place.remove();
  await Promise.all([redis.close(), simulator.close()]);
});

const statusOf = async (job: string) => (await befriend.job(job)).status();

async function submit(
  accounts: number,
  friends: number,
): Promise<{ job: string; rows: (readonly [string, string])[] }> {
  const rows = Array.from({ length: accounts * friends }, (_, n) => {
    return [`from${Math.floor(n / friends)}`, `friend-of-them-${10_000 + (n % friends)}`] as const;
  });
  const { stdout } = await place.run('import', place.csv('rows.csv', rows), '--detach');
  return { job: stdout.trim(), rows };
}

/** Reads until each of the rows has come; the last word of each. */
async function read(group: string, durable: boolean, rows: number): Promise<Map<string, Outcome>> {
  const last = new Map<string, Outcome>();
  for await (const { outcomes } of befriend.consume({ group, durable })) {
    for (const outcome of outcomes) last.set(`${outcome.from}>${outcome.to}`, outcome);
    if (last.size === rows) break;
  }
  return last;
}

/** An id of 20 letters with quotes and comma, and the entry's part. */
const BYTES_AN_OUTCOME = 25;
const ACCOUNTS = 700;
const FRIENDS = 1000;

test('a durable group does not read: feed stops within the bound, whoever dies, and goes on when it does', async () => {
  await befriend.consume({ group: 'books', durable: true, signal: AbortSignal.abort() }).next();
  const { job, rows } = await submit(ACCOUNTS, FRIENDS);
  const stream = keysOf(simulator.sdkappid).results(job);
  const bytes = () => redis.redis.memory('USAGE', stream, 'SAMPLES', 0);
  let worker = place.start('worker');
  const heldBack = async (): Promise<string> => {
    for (;;) {
      const why = (await befriend.outlook('import')).heldBack;
      if (why !== null) return why;
      await sleep(20);
    }
  };
  /** Chunks of the dead worker are in others' hands, and recorded. */
  const takenOver = async (): Promise<void> => {
    const active = `${keysOf(simulator.sdkappid).app}:friend_import:active`;
    while ((await redis.redis.llen(active)) > 0) await sleep(50);
  };
  expect(await heldBack()).toMatch(/MB of outcomes wait in Redis, since durable group books does not acknowledge/);
  // Whoever feeds next finds the same.
  for (let n = 0; n < 2; n += 1) {
    await worker.kill();
    worker = place.start('worker');
    await takenOver();
    expect(await heldBack()).toContain('books');
  }
  const { closed, chunks, totals } = await statusOf(job);
  expect(closed).toBeLessThan(chunks);
  // What was open is called and recorded all the same: 60 chunks in the window, and as many again.
  expect((await bytes())!).toBeLessThan(KEEP_STREAM_BYTES + 1e6 + 120 * FRIENDS * BYTES_AN_OUTCOME);
  expect(totals.open).toBeGreaterThan(0);
  const last = await read('books', true, rows.length);
  expectOneOutcomeEach(rows, [...last.values()]);
  expect((await place.report('status', job, '--watch')).report).toMatchObject({ totals: { ok: rows.length, open: 0 } });
}, 240_000);

test('Redis loses what groups were told already: every row comes to each of them all the same', async () => {
  const { job, rows } = await submit(900, 8);
  const groups = [read('books', true, rows.length), read('screen', false, rows.length)];
  place.start('worker');
  const closedReach = async (count: number): Promise<void> => {
    while ((await statusOf(job)).closed < count) await sleep(10);
  };
  await closedReach(100);
  await aofWritten(redis.redis);
  const [data, copy] = [join(redis.dir, 'appendonlydir'), join(place.dir, 'copy')];
  cpSync(data, copy, { recursive: true });
  // The groups have had these, and the file too.
  await closedReach(300);
  await redis.kill();
  rmSync(data, { recursive: true });
  cpSync(copy, data, { recursive: true });
  await redis.start();
  const { report } = await place.report('status', job, '--watch');
  const inFile = new Map(outcomesIn(report.results as string).map((one) => [`${one.from}>${one.to}`, one.status]));
  for (const last of await Promise.all(groups)) {
    expectOneOutcomeEach(rows, [...last.values()]);
    expect(inFile.size).toBe(rows.length);
  }
}, 120_000);
