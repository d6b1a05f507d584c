/** A sink that lags stops feed before Redis fills: bounded, with the reason where one looks, and it goes on by itself. */
import type { Queue } from 'bullmq';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { encodeChunk } from '../../src/domain/block.ts';
import type { JobDescriptor } from '../../src/domain/job.ts';
import type { Spool } from '../../src/domain/spool.ts';
import { feed } from '../../src/jobs/feed.ts';
import { createGroups } from '../../src/jobs/groups.ts';
import { type ChunkQueue, openQueue } from '../../src/jobs/queue.ts';
import { createLog } from '../../src/log.ts';
import { type JobInHome, recorderBench, until } from '../results/recorder-bench.ts';
import { makeFolder } from '../results/support.ts';
import { chunkOf, commandOf, jobWith, KEYS } from './support.ts';

const bench = recorderBench();
const WINDOW = 5;
const LARGE = { info: 'x'.repeat(1_000_000) };
const CHUNKS = 60;

let queue: ChunkQueue;
beforeEach(() => {
  queue = openQueue(bench.server.redis, KEYS, 'friend_import');
});
afterEach(() => (queue as Queue).close());

async function submitted(): Promise<JobInHome> {
  const job = jobWith({ chunks: CHUNKS, rows: 2 * CHUNKS, accepted: 2 * CHUNKS });
  await bench.ledger.submit(job, 'finished', 0);
  const folder = makeFolder();
  bench.folders.set(job.id, folder);
  return { job, folder };
}

const spoolOf = (job: JobDescriptor): Spool =>
  ({
    read: async (from: number, count: number) =>
      Array.from({ length: Math.min(count, job.chunks - from) }, (_, n) =>
        encodeChunk(chunkOf(`a${from + n}`, 'b', 'c')),
      ),
    close: async () => {},
  }) as unknown as Spool;

/** One round of a feeder. */
const round = ({ job }: JobInHome): Promise<string | null> =>
  feed({
    ledger: bench.ledger,
    queueOf: () => queue,
    spoolOf: async () => spoolOf(job),
    readyWindow: async () => WINDOW,
    backlogBytes: 4e6,
    log: createLog({ level: 'silent' }),
  });

const cursorOf = async ({ job }: JobInHome): Promise<number> =>
  (await bench.ledger.feed(job, commandOf(job), CHUNKS, [])).cursor;

/** Chunks that are settled, by job: the first ones. */
const settled = new Map<string, number>();

/** Settles all that is fed. @returns how many chunks that was */
async function settleFed(of: JobInHome, group = {}): Promise<number> {
  const before = settled.get(of.job.id) ?? 0;
  const fed = await cursorOf(of);
  for (let chunk = before; chunk < fed; chunk += 1) await bench.settle(of, chunk, group);
  settled.set(of.job.id, fed);
  return fed - before;
}

/** Feeds and settles all that is fed, again and again, until feed adds nothing. @returns why */
async function runIntoIt(of: JobInHome): Promise<string> {
  await settleFed(of, LARGE);
  for (;;) {
    const heldBack = await round(of);
    const more = await settleFed(of, LARGE);
    if (heldBack !== null && more === 0) return heldBack;
    if (more === 0) throw new Error('nothing held it back');
  }
}

/** Until it is the group that holds feed back, and no longer the recorder, which may be behind on a busy machine. */
async function runIntoGroup(of: JobInHome): Promise<void> {
  const why = `durable group books does not acknowledge those of job ${of.job.id}`;
  await until(async () => (await runIntoIt(of)).includes(why));
}

/** Feeds and settles until feed adds again what it held back, and then to the end. */
async function runToItsEnd(of: JobInHome): Promise<void> {
  await until(async () => {
    await round(of);
    await settleFed(of);
    return settled.get(of.job.id) === CHUNKS;
  });
}

const streamBytes = async ({ job }: JobInHome): Promise<number> =>
  (await bench.server.redis.memory('USAGE', KEYS.results(job.id))) ?? 0;

test('nobody records: feed stops, a recorder that comes lets it go on', async () => {
  const of = await submitted();
  const why = await runIntoIt(of);
  expect(why).toMatch(/^\d+ MB of outcomes wait in Redis, since no worker writes them/);
  expect(await bench.ledger.heldBack()).toBe(why);
  // The limit, what is kept anyway, and what was under way when it was reached.
  expect(await streamBytes(of)).toBeLessThan(4e6 + 8 * 1024 ** 2 + WINDOW * 1_100_000);
  expect(await round(of)).toBe(why);
  await bench.start();
  await runToItsEnd(of);
  await bench.finished(of);
}, 20_000);

test('a durable group that does not acknowledge: feed stops, and goes on when it does, or is forgotten', async () => {
  const groups = createGroups(bench.server.redis, KEYS);
  const group = { name: 'books', durable: true };
  await groups.join(group, null);
  const of = await submitted();
  await bench.start();
  await runIntoGroup(of);
  // Read is not acknowledged.
  await groups.take(of.job.id, group, 'one', 60_000);
  expect(await round(of)).not.toBeNull();
  const last = (await bench.server.redis.hget(KEYS.job(of.job.id), 'last')) as string;
  await until(async () => of.folder.boundaries().at(-1)?.split(' ').slice(0, 2).join('-') === last);
  await groups.caughtUp(of.job.id, group, '0-0', last);
  await until(async () => (await round(of)) === null);

  await runIntoGroup(of);
  await groups.leave(group);
  await runToItsEnd(of);
  await bench.finished(of);
}, 20_000);

test('Redis is nearly full: feed stops, and goes on when there is room', async () => {
  const of = await submitted();
  const used = Number(/used_memory:(\d+)/.exec(await bench.server.redis.info('memory'))![1]);
  await bench.server.redis.config('SET', 'maxmemory', String(Math.round(used * 1.1)));
  expect(await round(of)).toMatch(/^Redis is nearly full/);
  expect(await cursorOf(of)).toBe(0);
  await bench.server.redis.config('SET', 'maxmemory', '0');
  expect(await round(of)).toBeNull();
  expect(await cursorOf(of)).toBe(WINDOW);
});
