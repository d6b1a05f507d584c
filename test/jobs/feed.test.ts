/** Feeders beside each other on one Redis: whose chunks are ready, and who gets the calls. */
import { randomBytes } from 'node:crypto';
import { Worker } from 'bullmq';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { encodeChunk } from '../../src/domain/block.ts';
import type { JobDescriptor, Priority } from '../../src/domain/job.ts';
import type { Spool } from '../../src/domain/spool.ts';
import { feed } from '../../src/jobs/feed.ts';
import { createLedger, type Ledger } from '../../src/jobs/ledger.ts';
import { type ChunkQueue, type ChunkRef, openQueue } from '../../src/jobs/queue.ts';
import { createLog } from '../../src/log.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { chunkOf, claimed, commandOf, jobWith, KEYS, recordOf } from './support.ts';

const COMMAND = 'friend_import';
const TOKEN = 'mine';
const WINDOW = 50;
/** Between two rounds of the feeders. */
const CALLS = 10;

let server: TestRedis;
let ledger: Ledger;
let queue: ChunkQueue;
let worker: Worker<ChunkRef, void, string>;

beforeAll(async () => {
  server = await testRedis();
  ledger = createLedger(server.redis, KEYS);
});
beforeEach(async () => {
  await server.redis.flushall();
  queue = openQueue(await server.connect(), KEYS, COMMAND);
  const connection = server.redis.duplicate({ maxRetriesPerRequest: null });
  worker = new Worker<ChunkRef, void, string>(COMMAND, null, { connection, prefix: KEYS.app });
  return async () => {
    await worker.close();
    connection.disconnect();
    await queue.close();
  };
});
afterAll(() => server.close());

async function submit(priority: Priority, chunks = 1000): Promise<JobDescriptor> {
  const job = jobWith({ priority, chunks, rows: 2 * chunks, accepted: 2 * chunks });
  await ledger.submit(job, 'finished', 0);
  return job;
}

/** A round of the feeder of a home with these jobs. */
function round(
  home: readonly JobDescriptor[],
  only?: string,
  spoolFor: (job: JobDescriptor) => Spool = spoolWith,
): Promise<string | null> {
  const spoolOf = async (id: string): Promise<Spool | null> => {
    const job = home.find((one) => one.id === id);
    return job ? spoolFor(job) : null;
  };
  const log = createLog({ level: 'silent' });
  return feed({
    ledger,
    queueOf: () => queue,
    spoolOf,
    readyWindow: async () => WINDOW,
    backlogBytes: 64e6,
    only,
    log,
  });
}

function spoolWith(job: JobDescriptor): Spool {
  const { id, chunks } = job;
  const block = (chunk: number) => encodeChunk(chunkOf(`${id}-${chunk}`, 'b', 'c'));
  return {
    totals: job,
    chunks,
    read: async (first: number, count: number) =>
      Array.from({ length: Math.min(count, chunks - first) }, (_, n) => block(first + n)),
    close: async () => {},
  };
}

/** Makes so many calls, as the queue has them; how many of each job. */
async function call(count: number, made: Map<string, number>): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    const next = (await worker.getNextJob(TOKEN, { block: false }))!;
    const { job, chunk } = next.data;
    const { epoch } = await claimed(ledger, job, chunk);
    await ledger.record(job, chunk, recordOf(epoch));
    await next.moveToCompleted(undefined, TOKEN, false);
    made.set(job, (made.get(job) ?? 0) + 1);
  }
}

async function callsIn(rounds: number, feeders: (() => Promise<unknown>)[]): Promise<Map<string, number>> {
  const made = new Map<string, number>();
  for (let n = 0; n < rounds; n += 1) {
    for (const feeder of feeders) await feeder();
    await call(CALLS, made);
  }
  return made;
}

type Feeders = (low: JobDescriptor, normal: JobDescriptor) => (() => Promise<unknown>)[];

test.each<[string, Feeders]>([
  ['one home', (low, normal) => [() => round([low, normal])]],
  ['two homes', (low, normal) => [() => round([low]), () => round([normal])]],
  ['two homes, the other one first', (low, normal) => [() => round([normal]), () => round([low])]],
  [
    'one home, a process for each job',
    (low, normal) => [() => round([low, normal], low.id), () => round([low, normal], normal.id)],
  ],
])(
  'jobs have their shares, and status knows: %s',
  async (_, feedersOf) => {
    const [low, normal] = [await submit('low'), await submit('normal')];
    const feeders = feedersOf(low, normal);
    // Until the window has passed.
    await callsIn(10, feeders);
    const made = await callsIn(30, feeders);
    expect(made.get(low.id)! / (30 * CALLS)).toBeCloseTo(1 / 5, 1);
    expect([(await ledger.status(low.id))!.fed, (await ledger.status(normal.id))!.fed]).toEqual([true, true]);
  },
  60_000,
);

test('a job whose home has no feeder any more keeps nothing from the others', async () => {
  const [low, high] = [await submit('low'), await submit('high')];
  const feeders = [() => round([low]), () => round([high])];
  await callsIn(5, feeders);
  // The feeder of the high job is gone, and what it has said has expired.
  await server.redis.del(KEYS.fed(high.id));
  await callsIn(10, feeders.slice(0, 1));
  expect(await callsIn(5, feeders.slice(0, 1))).toEqual(new Map([[low.id, 5 * CALLS]]));
  expect((await ledger.feed(low, commandOf(low), 0, [])).open).toBe(WINDOW - CALLS);
}, 60_000);

test('what a cancelled job has left is settled before calls that others make', async () => {
  const [cancelled, other] = [await submit('normal', 30), await submit('high')];
  // Its own first chunks are gone; the window is full of its next ones.
  await callsIn(2, [() => round([other])]);
  await ledger.steer(cancelled.id, 'cancel', '');
  expect(await callsIn(3, [() => round([cancelled, other])])).toEqual(new Map([[cancelled.id, 30]]));
}, 60_000);

test('what a job has open is bounded by bytes too', async () => {
  const job = await submit('normal');
  // It deflates to no less than its bytes.
  const block = encodeChunk(chunkOf('a', randomBytes(3 * 2 ** 20).toString('base64')));
  const large = (): Spool => ({
    ...spoolWith(job),
    read: async (_first: number, count: number) => Array.from({ length: count }, () => block),
  });
  const most = 48 * 2 ** 20;
  const full = Math.ceil(most / block.length);
  expect(full).toBeLessThan(WINDOW);

  await round([job], undefined, large);
  expect(await ledger.feed(job, COMMAND, 0, [])).toMatchObject({ open: full, openBytes: full * block.length });
  await round([job], undefined, large);
  expect(await ledger.feed(job, COMMAND, 0, [])).toMatchObject({ open: full });
});
