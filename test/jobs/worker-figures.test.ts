/** What workers say of themselves: while they are there, and not long after. */
import { hostname } from 'node:os';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { inFlightOf, tellFigures, workersOf } from '../../src/jobs/worker-figures.ts';
import { until } from '../results/recorder-bench.ts';
import { testRedis, type TestRedis } from '../support/redis.ts';
import { KEYS } from './support.ts';

let server: TestRedis;
beforeAll(async () => {
  server = await testRedis();
});
beforeEach(() => server.redis.flushall());
afterAll(() => server.close());

const found = () => workersOf(server.redis, KEYS);

test('a worker tells its roles, CPU and memory until it stops', async () => {
  const stop = new AbortController();
  const telling = tellFigures(
    { redis: server.redis, keys: KEYS, id: 'a', roles: ['feed', 'call'], inFlight: () => ({ friend_check: 3 }) },
    stop.signal,
  );
  await until(async () => (await found()).length === 1);
  const [worker] = await found();
  expect(worker).toEqual({
    host: hostname(),
    pid: process.pid,
    roles: ['feed', 'call'],
    cores: expect.any(Number),
    rssBytes: expect.any(Number),
    inFlight: { friend_check: 3 },
  });
  expect(inFlightOf('friend_check', [worker!, worker!])).toBe(6);
  expect(inFlightOf('friend_add', [worker!])).toBe(0);
  expect(worker!.cores).toBeGreaterThan(0);
  expect(worker!.rssBytes).toBeGreaterThan(1e6);
  stop.abort();
  await telling;
  expect(await found()).toEqual([]);
});

test('one that was killed is not shown for long, and then forgotten by the others', async () => {
  const [seconds] = await server.redis.time();
  const of = (pid: number, agoSeconds: number) =>
    JSON.stringify({
      host: 'other',
      pid,
      roles: ['record'],
      cores: 0,
      rssBytes: 1,
      at: 1000 * (Number(seconds) - agoSeconds),
    });
  await server.redis.hset(KEYS.workers, { 'other:1': of(1, 0), 'other:2': of(2, 7), 'other:3': of(3, 61) });
  expect((await found()).map(({ pid }) => pid)).toEqual([1]);
  const stop = new AbortController();
  const telling = tellFigures(
    { redis: server.redis, keys: KEYS, id: 'b', roles: ['call'], inFlight: () => ({}) },
    stop.signal,
  );
  await until(async () => (await server.redis.hexists(KEYS.workers, 'other:3')) === 0);
  expect(await server.redis.hexists(KEYS.workers, 'other:2')).toBe(1);
  stop.abort();
  await telling;
});

test('two with one host and process, as containers are, are two', async () => {
  const stops = [new AbortController(), new AbortController()];
  const telling = stops.map(({ signal }, n) => {
    const inFlight = () => ({ friend_check: n + 1 });
    return tellFigures({ redis: server.redis, keys: KEYS, id: `w${n}`, roles: ['call'], inFlight }, signal);
  });
  await until(async () => inFlightOf('friend_check', await found()) === 3);
  stops[0]!.abort();
  await telling[0];
  expect(inFlightOf('friend_check', await found())).toBe(2);
  stops[1]!.abort();
  await telling[1];
});
