/** A slot that is wanted now or not at all: what comes is used, what would come later is left to others. */
import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { keysOf } from '../../src/limiter/bucket.ts';
import type { Limiter } from '../../src/limiter/limiter.ts';
import { createLimiter } from '../../src/limiter/limiter.ts';
import { testRedis, type TestRedis } from '../support/redis.ts';
import { mostIn, uniqueCommand, until, use, warmLimiter } from './support.ts';

const APP = 1400000000;
let server: TestRedis;
beforeAll(async () => {
  server = await testRedis();
});
afterAll(() => server.close());

async function writeNow(limiter: Limiter): Promise<void> {
  for (;;) {
    const slot = await limiter.take();
    if (slot.mayWrite()) return slot.settled();
  }
}

test('a free line gives a slot, also to a process that never called', async () => {
  const options = { app: `app-${randomUUID()}`, command: 'c', rate: { calls: 10, windowMs: 200 }, callTimeoutMs: 1000 };
  const warm = warmLimiter(server.redis, options);
  await writeNow(warm);
  const cold = createLimiter({ ...options, redis: server.redis });
  for (let n = 0; n < 12; n += 1) {
    const slot = await cold.tryTake();
    expect(slot?.mayWrite()).toBe(true);
    slot?.settled();
  }
  expect(cold.state).toMatchObject({ sent: 12, waiting: 0, leased: 0 });
  await Promise.all([warm.close(), cold.close()]);
});

test('a full line: null at once, and no slot is spent on it', async () => {
  const command = uniqueCommand();
  const limiter = warmLimiter(server.redis, { command, rate: { calls: 2, windowMs: 3000 } });
  await writeNow(limiter);
  await writeNow(limiter);
  const idsOf = async (): Promise<string[]> => server.redis.zrange(keysOf(APP, command)[1], '0', '-1');
  const before = await idsOf();
  const nextId = await server.redis.hget(keysOf(APP, command)[2], 'next');
  const asked = performance.now();
  expect(await limiter.tryTake({ withinMs: 1000 })).toBeNull();
  // The next slot is seconds away; Redis said so in one round trip.
  expect(performance.now() - asked).toBeLessThan(900);
  expect(limiter.state).toMatchObject({ waiting: 0, leased: 0 });
  expect(await idsOf()).toEqual(before);
  expect(await server.redis.hget(keysOf(APP, command)[2], 'next')).toBe(nextId);
  await limiter.close();
});

test('a slot within the horizon but not within reach is left to others', async () => {
  const command = uniqueCommand();
  // One call in 200 ms: the next slot is nearer than the horizon of a lease, and farther than what is waited for.
  const limiter = warmLimiter(server.redis, {
    command,
    rate: { calls: 1, windowMs: 200 },
    horizonMs: 200,
    marginMs: 20,
  });
  await writeNow(limiter);
  const nextId = await server.redis.hget(keysOf(APP, command)[2], 'next');
  expect(await limiter.tryTake({ withinMs: 60 })).toBeNull();
  expect(await server.redis.hget(keysOf(APP, command)[2], 'next')).toBe(nextId);
  await limiter.close();
});

test('under saturation: together with those who wait the window holds, and whoever tries never waits longer', async () => {
  const command = uniqueCommand();
  const rate = { calls: 40, windowMs: 1000 };
  const connections = await Promise.all([server.connect(), server.connect()]);
  const [bulk, trying] = connections.map((redis) => warmLimiter(redis, { command, rate })) as [Limiter, Limiter];
  const sends: number[] = [];
  const stop = new AbortController();
  const work = use(bulk, 20, sends, stop.signal);
  await until(() => sends.length >= 20);
  let given = 0;
  let refused = 0;
  const waits: number[] = [];
  while (given < 5 || refused < 5) {
    const asked = performance.now();
    // Those who wait have leased the next quarter of a second among them.
    const slot = await trying.tryTake({ withinMs: (given + refused) % 2 === 0 ? 60 : 400 });
    waits.push(performance.now() - asked);
    if (slot === null) refused += 1;
    else if (slot.mayWrite()) {
      sends.push(performance.now());
      given += 1;
      await new Promise(setImmediate);
      slot.settled();
    }
  }
  stop.abort();
  await work;
  expect(mostIn(sends, rate.windowMs)).toBeLessThanOrEqual(rate.calls);
  // The timer of a busy machine may be late, an answer that never comes is not.
  expect(Math.max(...waits)).toBeLessThan(1000);
  expect(trying.state).toMatchObject({ waiting: 0, leased: 0 });
  await Promise.all([bulk.close(), trying.close()]);
  for (const redis of connections) redis.disconnect();
});

test('those who wait in this process are served first, and one who tries leaves the line without a trace', async () => {
  const limiter = warmLimiter(server.redis, { rate: { calls: 1, windowMs: 400 } });
  await writeNow(limiter);
  const waiting = limiter.take();
  expect(await limiter.tryTake()).toBeNull();
  expect(limiter.state.waiting).toBe(1);
  const slot = await waiting;
  expect(slot.mayWrite()).toBe(true);
  slot.settled();
  await limiter.close();
});

test('many who try at once get the slots that are near, and null for the rest', async () => {
  const limiter = warmLimiter(server.redis, { rate: { calls: 10, windowMs: 1000 } });
  await writeNow(limiter);
  const tried = await Promise.all(Array.from({ length: 30 }, () => limiter.tryTake({ withinMs: 250 })));
  const slots = tried.filter((slot) => slot !== null);
  // A line that starts is evenly spaced: one slot in 100 ms.
  expect(slots.length).toBeGreaterThanOrEqual(1);
  expect(slots.length).toBeLessThanOrEqual(3);
  for (const slot of slots) slot.giveUp();
  expect(limiter.state).toMatchObject({ waiting: 0, leased: 0 });
  await limiter.close();
});

test('without Redis it is null at once', async () => {
  const redis = await server.connect();
  const limiter = warmLimiter(redis, { rate: { calls: 10, windowMs: 200 } });
  redis.disconnect();
  await until(() => !limiter.state.connected);
  expect(await limiter.tryTake()).toBeNull();
  await limiter.close();
});

test('closed it rejects, and a reach below the lead of a new process is refused', async () => {
  const limiter = warmLimiter(server.redis, { rate: { calls: 10, windowMs: 200 } });
  await expect(limiter.tryTake({ withinMs: 50 })).rejects.toThrow(
    new RangeError('withinMs must be more than 50, and at most 2147483647, got 50'),
  );
  for (const withinMs of [Number.NaN, Infinity, 2 ** 31]) {
    await expect(limiter.tryTake({ withinMs })).rejects.toThrow(RangeError);
  }
  await limiter.close();
  await expect(limiter.tryTake()).rejects.toThrow('the limiter is closed');
});
