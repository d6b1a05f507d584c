import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { CallResult } from '../../src/chat/classify.ts';
import { allow } from '../../src/jobs/allowance.ts';
import { createLedger } from '../../src/jobs/ledger.ts';
import { outlookOf } from '../../src/jobs/outlook.ts';
import { openQueue } from '../../src/jobs/queue.ts';
import { reportTrouble } from '../../src/jobs/trouble.ts';
import { keysOf } from '../../src/limiter/bucket.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { APP, chunkOf, fedChunk, KEYS, openJob } from './support.ts';

let server: TestRedis;
beforeAll(async () => {
  server = await testRedis();
});
beforeEach(() => server.redis.flushall());
afterAll(() => server.close());

const parts = () => ({
  redis: server.redis,
  keys: KEYS,
  ledger: createLedger(server.redis, KEYS),
  sdkAppId: APP,
  tuning: { callsPerSecond: 150, appCallsPerSecond: null, windowMs: 1000 },
  wallClock: () => NOW,
});

/** BullMQ counts delays from the clock of the process. */
const NOW = Date.now();

const refused: CallResult = {
  fault: { kind: 'transient', curve: 'network', code: null, info: 'connection refused', answered: true },
  verdicts: [],
  anomalies: [],
  requestId: null,
};
const passed: CallResult = { ...refused, fault: null };

test('running jobs of the same command share the limit; others and paused ones do not', async () => {
  const { ledger } = parts();
  const chunks = [fedChunk(chunkOf('a', 'b')), fedChunk(chunkOf('c', 'd'))];
  const mine = await openJob(ledger, chunks);
  const beside = await openJob(ledger, chunks.slice(1));
  await openJob(ledger, chunks, { operation: 'check' });
  const paused = await openJob(ledger, chunks);
  await ledger.steer(paused.id, 'pause', '');
  const { jobs, ...rest } = await outlookOf('import', parts());
  expect(new Map(jobs.map(({ id, callsLeft }) => [id, callsLeft]))).toEqual(
    new Map([
      [mine.id, 2],
      [beside.id, 1],
    ]),
  );
  expect(rest).toEqual({
    ceiling: 150,
    limit: 150,
    allowed: { callsPerSecond: null, inFlight: null },
    throttled: null,
    tooFast: null,
    lastDelayMs: 0,
    unanswered: 0,
    heldBack: null,
    trouble: null,
  });
});

test('what an operator allows lowers the limit, and "too fast" what is left of it', async () => {
  const asked = parts();
  await allow('import', { callsPerSecond: 60, inFlight: 5 }, asked);
  const allowed = { callsPerSecond: 60, inFlight: 5 };
  expect(await outlookOf('import', parts())).toMatchObject({ ceiling: 150, limit: 60, allowed, throttled: null });
  expect(await outlookOf('check', parts())).toMatchObject({ limit: 150, allowed: { callsPerSecond: null } });
  const [state] = keysOf(APP, 'friend_import');
  const [seconds] = await server.redis.time();
  // Not yet recovering.
  await server.redis.hset(state, { rate: 100_000, reducedAt: `${Number(seconds) + 1000}000000` });
  expect(await outlookOf('import', parts())).toMatchObject({ limit: 15, throttled: 'command' });
  await allow('import', { callsPerSecond: null, inFlight: null }, asked);
  expect(await outlookOf('import', parts())).toMatchObject({ allowed: { callsPerSecond: null, inFlight: null } });
  await expect(allow('import', { callsPerSecond: 151 }, asked)).rejects.toThrow(RangeError);
});

describe('the limit in force is the least of the command and of the app, with whose it is', () => {
  /** As lease.lua keeps a reduction that has hardly begun to recover. */
  const reduce = async (key: string, rate: number): Promise<void> => {
    const [seconds] = await server.redis.time();
    await server.redis.hset(key, { rate: rate * 1e6, reducedAt: (Number(seconds) + 60) * 1e6 });
  };
  const [state, , appState] = keysOf(APP, 'friend_import');

  test.each([
    { app: null, own: 1, all: 1, ceiling: 150, limit: 150, throttled: null },
    { app: 200, own: 1, all: 1, ceiling: 150, limit: 150, throttled: null },
    { app: 100, own: 1, all: 1, ceiling: 100, limit: 100, throttled: null },
    // Three quarters of its own limit are more than the app may.
    { app: 100, own: 0.75, all: 1, ceiling: 100, limit: 100, throttled: null },
    { app: 100, own: 0.5, all: 1, ceiling: 100, limit: 75, throttled: 'command' },
    { app: 100, own: 0.5, all: 0.25, ceiling: 100, limit: 25, throttled: 'app' },
    { app: null, own: 1, all: 0.5, ceiling: 150, limit: 75, throttled: 'app' },
    { app: null, own: 0.25, all: 0.5, ceiling: 150, limit: 37.5, throttled: 'command' },
  ])('app $app, shares $own and $all: $limit of $ceiling', async ({ app, own, all, ...expected }) => {
    if (own < 1) await reduce(state, own);
    if (all < 1) await reduce(appState, all);
    const tuning = { ...parts().tuning, appCallsPerSecond: app };
    expect(await outlookOf('import', { ...parts(), tuning })).toMatchObject(expected);
  });
});

test('trouble is said after five failures in a row, and not while single calls pass', async () => {
  let now = 0;
  const trouble = reportTrouble(server.redis, KEYS, 'friend_import', () => now);
  const hear = async (...results: CallResult[]) => {
    for (const result of results) trouble.heard(result, 'friend_import');
    // The connection keeps the order: by this answer the word is in.
    await server.redis.ping();
    return (await outlookOf('import', parts())).trouble;
  };
  expect(await hear(refused, refused, refused, refused, passed, refused, refused, refused, refused)).toBeNull();
  expect(await hear(refused)).toBe('connection refused');
  expect(await server.redis.pttl(KEYS.trouble('friend_import'))).toBeLessThanOrEqual(5000);
  await server.redis.del(KEYS.trouble('friend_import'));
  // At most once a second, however many calls fail.
  expect(await hear(refused, refused, refused)).toBeNull();
  now = 1000;
  const busy = { ...refused, fault: { ...refused.fault!, code: 60008, info: 'time-out' } } as CallResult;
  expect(await hear(busy)).toBe('code 60008 time-out');
  expect((await outlookOf('check', parts())).trouble).toBeNull();
});

test('the first call that passes takes the word back', async () => {
  const trouble = reportTrouble(server.redis, KEYS, 'friend_import', () => 0);
  for (let n = 0; n < 5; n++) trouble.heard(refused, 'friend_import');
  expect((await outlookOf('import', parts())).trouble).toBe('connection refused');
  trouble.heard(passed, 'friend_import');
  expect((await outlookOf('import', parts())).trouble).toBeNull();
});

test('the last chunk that waits for another try is seen where BullMQ keeps it', async () => {
  const queue = openQueue(server.redis, KEYS, 'friend_import');
  const data = { job: 'j', operation: 'import', chunk: 0 } as const;
  const [soon, late] = [NOW + 300, NOW + 7000].map((at) => at - Date.now());
  await queue.add('chunk', data, { jobId: 'j.0', delay: late });
  await queue.add('chunk', data, { jobId: 'j.1', delay: soon });
  const { lastDelayMs } = await outlookOf('import', parts());
  await queue.close();
  // Given from the clock of this process, a moment before and after.
  expect(Math.abs(lastDelayMs - 7000)).toBeLessThan(2000);
});
