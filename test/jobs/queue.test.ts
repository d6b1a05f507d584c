import { Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ChunkJob, type ChunkQueue, type ChunkRef, enqueue, openQueue, putOff } from '../../src/jobs/queue.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { KEYS } from './support.ts';

const COMMAND = 'friend_import';
const TOKEN = 'mine';

let server: TestRedis;
let queue: ChunkQueue;
/** Takes no chunks by itself. */
let worker: Worker<ChunkRef, void, string>;
let connection: Redis;

beforeAll(async () => {
  server = await testRedis();
  queue = openQueue(await server.connect(), KEYS, COMMAND);
  connection = server.redis.duplicate({ maxRetriesPerRequest: null });
  worker = new Worker<ChunkRef, void, string>(COMMAND, null, { connection, prefix: KEYS.app });
});
afterAll(async () => {
  await worker.close();
  connection.disconnect();
  await queue.close();
  await server.close();
});

const ref = (chunk: number): ChunkRef => ({ job: 'a', operation: 'import', chunk });
const take = async (): Promise<ChunkJob> => (await worker.getNextJob(TOKEN, { block: false }))!;

test('what is first is taken before all others, once: put off it comes back at the end of the line', async () => {
  await enqueue(queue, [ref(1), ref(2)], 'next');
  await enqueue(queue, [ref(0)], 'first');
  const first = await take();
  expect(first.data.chunk).toBe(0);
  await putOff(first, Date.now(), TOKEN);
  const order = [await take(), await take(), await take()];
  expect(order.map(({ data }) => data.chunk)).toEqual([1, 2, 0]);
  // It stands there also the next time.
  await enqueue(queue, [ref(3)], 'next');
  await putOff(order[2]!, Date.now(), TOKEN);
  expect([(await take()).data.chunk, (await take()).data.chunk]).toEqual([3, 0]);
});
