import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { allow } from '../../src/jobs/allowance.ts';
import { readyWindow } from '../../src/jobs/ready-window.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { APP, KEYS } from './support.ts';

let server: TestRedis;
beforeAll(async () => {
  server = await testRedis();
});
beforeEach(() => server.redis.flushall());
afterAll(() => server.close());

const parts = () => ({
  redis: server.redis,
  keys: KEYS,
  sdkAppId: APP,
  tuning: { callsPerSecond: 200, appCallsPerSecond: null, windowMs: 1000, readySeconds: 2 },
});

/** What a worker says now. */
async function says(pid: number, inFlight: Record<string, number>): Promise<void> {
  const [seconds] = await server.redis.time();
  const said = { host: 'a', pid, roles: ['call'], cores: 0, rssBytes: 1, inFlight, at: 1000 * Number(seconds) };
  await server.redis.hset(KEYS.workers, `a:${pid}`, JSON.stringify(said));
}

test('seconds of calls at the rate in force, and what all workers have in flight of the command beside them', async () => {
  expect(await readyWindow('friend_import', parts())).toBe(400);
  await allow('import', { callsPerSecond: 10 }, parts());
  expect(await readyWindow('friend_import', parts())).toBe(20);
  await says(1, { friend_import: 300, friend_check: 5 });
  await says(2, { friend_import: 30 });
  expect(await readyWindow('friend_import', parts())).toBe(350);
  expect(await readyWindow('friend_check', parts())).toBe(405);
});
