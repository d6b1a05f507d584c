import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLedger, type Ledger } from '../../src/jobs/ledger.ts';
import { type ChunkQueue, enqueue, openQueue } from '../../src/jobs/queue.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { chunkOf, claimed, commandOf, dump, fedChunk, jobWith, KEYS, openJob, recordOf } from './support.ts';

let server: TestRedis;
let ledger: Ledger;
let queue: ChunkQueue;

beforeAll(async () => {
  server = await testRedis();
  ledger = createLedger(server.redis, KEYS);
  queue = openQueue(await server.connect(), KEYS, 'friend_import');
  await queue.waitUntilReady();
});
afterAll(async () => {
  await queue.close();
  await server.close();
});

const chunks = (count: number) => Array.from({ length: count }, (_, n) => fedChunk(chunkOf(`a${n}`, 'b', 'c'), []));
const bytesOf = (fed: readonly { block: Buffer }[]): number => fed.reduce((sum, { block }) => sum + block.length, 0);

async function submitted(count: number) {
  const job = jobWith({ chunks: count, rows: 2 * count, accepted: 2 * count });
  await ledger.submit(job, 'finished', 0);
  return job;
}

const sorted = (numbers: readonly number[]): number[] => numbers.toSorted((a, b) => a - b);

test('offered chunks are open, counted, and unheld; the cursor moves behind them', async () => {
  const job = await submitted(5);
  const fed = chunks(3);
  const reply = await ledger.feed(job, commandOf(job), 0, fed);
  expect({ ...reply, unheld: sorted(reply.unheld) }).toEqual({
    state: 'running',
    cursor: 3,
    open: 3,
    openBytes: bytesOf(fed),
    unheld: [0, 1, 2],
    delayed: 0,
    priority: 'normal',
    fed: false,
  });
  const second = await ledger.feed(job, commandOf(job), 3, chunks(2));
  expect(second).toMatchObject({ cursor: 5, open: 5, openBytes: bytesOf(fed) + bytesOf(chunks(2)) });
  const claim = await claimed(ledger, job.id, 1);
  expect(claim.block).toEqual(fed[1]?.block);
  expect([...claim.items]).toEqual([0, 0]);
});

test('looking changes nothing', async () => {
  const job = await submitted(2);
  await ledger.feed(job, commandOf(job), 0, chunks(1));
  const before = await dump(server.redis);
  expect(await ledger.feed(job, commandOf(job), 0, [])).toMatchObject({ cursor: 1, open: 1, unheld: [0] });
  expect(await dump(server.redis)).toEqual(before);
});

test('that a feeder looks after a job is known to the others, for some rounds', async () => {
  const job = await submitted(2);
  const look = async () => (await ledger.feed(job, commandOf(job), 0, [])).fed;
  expect([await look(), (await ledger.status(job.id))!.fed]).toEqual([false, false]);
  await ledger.looksAfter(job.id);
  expect([await look(), (await ledger.status(job.id))!.fed]).toEqual([true, true]);
  const ms = await server.redis.pttl(KEYS.fed(job.id));
  expect(ms).toBeGreaterThan(1000);
  expect(ms).toBeLessThanOrEqual(3000);
  await server.redis.del(KEYS.fed(job.id));
  expect([await look(), (await ledger.status(job.id))!.fed]).toEqual([false, false]);
  // All of it is fed: callers anywhere make its calls.
  await ledger.feed(job, commandOf(job), 0, chunks(2));
  expect([await look(), (await ledger.status(job.id))!.fed]).toEqual([false, true]);
});

test('two feeders offer from the same cursor: the second changes nothing, and hears where the first has got to', async () => {
  const job = await submitted(4);
  const other = createLedger(await server.connect(), KEYS);
  const replies = await Promise.all([
    ledger.feed(job, commandOf(job), 0, chunks(2)),
    other.feed(job, commandOf(job), 0, chunks(3)),
  ]);
  const cursors = new Set(replies.map(({ cursor }) => cursor));
  expect(cursors.size).toBe(1);
  const [cursor] = cursors;
  expect([2, 3]).toContain(cursor);
  const before = await dump(server.redis);
  for (const late of [0, 1]) {
    expect(await ledger.feed(job, commandOf(job), late, chunks(3))).toMatchObject({ cursor, open: cursor });
  }
  expect(await dump(server.redis)).toEqual(before);
});

test('an offer never resets a chunk that is at work', async () => {
  const job = await submitted(2);
  await ledger.feed(job, commandOf(job), 0, chunks(2));
  await claimed(ledger, job.id, 0);
  await ledger.feed(job, commandOf(job), 0, chunks(2));
  expect((await claimed(ledger, job.id, 0)).epoch).toBe(2);
});

test('a chunk that a BullMQ job stands for is not named; a delayed one is held all the same', async () => {
  const job = await submitted(3);
  await ledger.feed(job, commandOf(job), 0, chunks(3));
  const ref = (chunk: number) => ({ job: job.id, operation: job.operation, chunk });
  await enqueue(queue, [ref(0), ref(2)], 'next');
  expect((await ledger.feed(job, commandOf(job), 0, [])).unheld).toEqual([1]);
  // As an API that is down would do it: out of sight, but held.
  await queue.add('chunk', ref(1), { jobId: `${job.id}.1`, delay: 3_600_000 });
  expect(await ledger.feed(job, commandOf(job), 0, [])).toMatchObject({ open: 3, unheld: [], delayed: 1 });
  await queue.remove(`${job.id}.2`);
  expect((await ledger.feed(job, commandOf(job), 0, [])).unheld).toEqual([2]);
});

test('adding a chunk that the queue has leaves one BullMQ job', async () => {
  const job = await submitted(1);
  const ref = { job: job.id, operation: job.operation, chunk: 0 };
  const before = await queue.getJobCountByTypes('waiting', 'prioritized');
  await enqueue(queue, [ref], 'next');
  await enqueue(queue, [ref], 'first');
  expect(await queue.getJobCountByTypes('waiting', 'prioritized')).toBe(before + 1);
});

test('a closed chunk is not open any more, and its bytes are given back', async () => {
  const job = await openJob(ledger, chunks(2));
  await ledger.record(job.id, 0, recordOf((await claimed(ledger, job.id)).epoch));
  expect(await ledger.feed(job, commandOf(job), 2, [])).toMatchObject({
    open: 1,
    openBytes: bytesOf(chunks(2).slice(1)),
    unheld: [1],
  });
});

test.each(['pause', 'stop'] as const)('a job after %s takes no chunks', async (event) => {
  const job = await submitted(2);
  await ledger.steer(job.id, event, '');
  const before = await dump(server.redis);
  expect(await ledger.feed(job, commandOf(job), 0, chunks(2))).toMatchObject({ cursor: 0, open: 0, unheld: [] });
  expect(await dump(server.redis)).toEqual(before);
});

test('a cancelled job takes chunks: their rows must be settled too', async () => {
  const job = await submitted(2);
  await ledger.steer(job.id, 'cancel', '');
  expect(await ledger.feed(job, commandOf(job), 0, chunks(2))).toMatchObject({ state: 'cancelled', cursor: 2 });
});

test('a job that is gone says so', async () => {
  expect((await ledger.feed(jobWith(), 'friend_import', 0, chunks(1))).state).toBeNull();
});
