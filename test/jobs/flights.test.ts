/** How many chunks a caller takes in hand while answers take their time. */
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ChatClient, createChatClient, type PreparedCall } from '../../src/chat/client.ts';
import { userSigFromKey } from '../../src/chat/usersig-source.ts';
import { startCaller } from '../../src/jobs/caller.ts';
import { Flights, MOST_IN_FLIGHT } from '../../src/jobs/flights.ts';
import { enqueue, openQueue } from '../../src/jobs/queue.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { type TestSimulator, testSimulator } from '../support/simulator.ts';
import { callParts, until } from './bench.ts';
import { chunkOf, fedChunk, KEYS, openJob } from './support.ts';

const HANDS = 4;
const CHUNKS = 60;
/** Longer than the test: no chunk that is done makes room for another. */
const ANSWER_MS = 60_000;
const MOST_BYTES = 32 * 1024 * 1024;

let server: TestRedis;
let simulator: TestSimulator;

beforeAll(async () => {
  const faults = { latency: { baseMs: ANSWER_MS, jitterMs: 0 } };
  [server, simulator] = await Promise.all([testRedis(), testSimulator({ limit: 1000, faults })]);
});
afterAll(() => Promise.all([server.close(), simulator.close()]));

test('where answers take long, calls in flight follow, far beyond the usual hands', async () => {
  const { baseUrl, sdkappid, admin, key } = simulator;
  const chat = createChatClient({
    baseUrl,
    sdkappid,
    admin,
    userSig: userSigFromKey({ sdkappid, key, identifier: admin, now: Date.now }),
    timeoutMs: 2 * ANSWER_MS,
    maxSockets: CHUNKS,
    random: Math.random,
  });
  const parts = { ...callParts(server.redis, simulator), chat };
  const chunks = Array.from({ length: CHUNKS }, (_, n) => fedChunk(chunkOf(`slow-${n}`, 'b')));
  const job = await openJob(parts.ledger, chunks);
  const queue = openQueue(server.redis, KEYS, 'friend_import');
  await enqueue(
    queue,
    chunks.map((_, chunk) => ({ job: job.id, operation: job.operation, chunk })),
    'next',
  );
  const caller = startCaller({
    connection: server.redis.duplicate({ maxRetriesPerRequest: null }),
    keys: KEYS,
    command: 'friend_import',
    concurrency: HANDS,
    parts,
    log: parts.log,
  });

  await until(async () => (await simulator.meter('friend_import')).calls === CHUNKS);
  expect((await parts.ledger.status(job.id))?.totals.ok).toBe(0);

  await caller.stop(0);
  await queue.close();
  await parts.limiter.close();
  chat.close();
}, 60_000);

test('hands grow with the calls in flight, within bounds of number and bytes, and come back', async () => {
  const bodies = fc.array(fc.integer({ min: 1, max: 512 * 1024 }), { maxLength: 2 * MOST_IN_FLIGHT });
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 256 }), bodies, async (usual, sizes) => {
      let hands = usual;
      let answer = (): void => {};
      const answered = new Promise<void>((resolve) => (answer = resolve));
      const flights = new Flights(usual, (now) => (hands = now));
      const chat = flights.watch({ send: () => answered } as unknown as ChatClient);
      const flying: Promise<unknown>[] = [];
      const inFlight: number[] = [];
      // As a caller does: no more than it has hands for.
      for (const bytes of sizes) {
        if (flying.length === hands) break;
        flying.push(chat.send({ bytes } as PreparedCall, {} as never));
        inFlight.push(bytes);
        expect(hands).toBeGreaterThanOrEqual(usual);
        expect(hands).toBeLessThanOrEqual(usual + MOST_IN_FLIGHT);
        const sum = inFlight.reduce((all, one) => all + one, 0);
        const bounded = usual === 1 || sum * 2 > MOST_BYTES || flying.length > MOST_IN_FLIGHT;
        expect(bounded || hands > flying.length).toBe(true);
      }
      answer();
      await Promise.all(flying);
      expect(hands).toBe(usual);
    }),
    { numRuns: 40 },
  );
});
