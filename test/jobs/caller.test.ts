/** A caller among the tools that its life depends on: BullMQ's locks, and what it believes of them. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CallParts } from '../../src/jobs/call.ts';
import { startCaller } from '../../src/jobs/caller.ts';
import { enqueue, openQueue } from '../../src/jobs/queue.ts';
import { createLimiter } from '../../src/limiter/limiter.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { type TestSimulator, testSimulator } from '../support/simulator.ts';
import { callParts, until } from './bench.ts';
import { APP, chunkOf, fedChunk, KEYS, openJob } from './support.ts';

let server: TestRedis;
let simulator: TestSimulator;

beforeAll(async () => {
  [server, simulator] = await Promise.all([testRedis(), testSimulator({ limit: 1000 })]);
});
afterAll(() => Promise.all([server.close(), simulator.close()]));

test('a chunk that was lost and came back to the same caller while it waited for its slot is sent once', async () => {
  // One call a window, and the first one is taken: whoever comes now waits long enough to lose its lock.
  const limiter = createLimiter({
    redis: server.redis,
    app: APP,
    command: 'slow',
    rate: { calls: 1, windowMs: 2500 },
    latenessMs: 400,
    coldSlots: 0,
    callTimeoutMs: 2000,
  });
  const first = await limiter.take();
  expect(first.mayWrite()).toBe(true);
  first.settled(true);

  const claims: number[] = [];
  const parts = callParts(server.redis, simulator, { limiter });
  const watched: CallParts = {
    ...parts,
    ledger: {
      ...parts.ledger,
      async claim(job, chunk, leaseMs) {
        const claim = await parts.ledger.claim(job, chunk, leaseMs);
        if (claim.kind === 'claimed') claims.push(claim.epoch);
        return claim;
      },
    },
  };
  const job = await openJob(parts.ledger, [fedChunk(chunkOf('lost', 'b'))]);
  const queue = openQueue(server.redis, KEYS, 'friend_import');
  await enqueue(queue, [{ job: job.id, operation: job.operation, chunk: 0 }], 'next');
  const caller = startCaller({
    connection: server.redis.duplicate({ maxRetriesPerRequest: null }),
    keys: KEYS,
    command: 'friend_import',
    concurrency: 2,
    parts: watched,
    log: parts.log,
  });

  await until(async () => claims.length === 1);
  // What happens to the lock of a process that is frozen for longer than its life.
  await server.redis.del(`${KEYS.queuePrefix('friend_import', job.id)}0:lock`);
  await until(async () => claims.length === 2);
  await until(async () => (await parts.ledger.status(job.id))?.totals.ok === 1);
  await caller.stop(5000);

  expect((await simulator.ledger()).friend_import?.calls).toBe(1);
  await queue.close();
  await limiter.close();
  await parts.limiter.close();
  parts.chat.close();
}, 30_000);
