import { afterAll, beforeAll, expect, test } from 'vitest';
import { shareInForce } from '../../src/limiter/in-force.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { uniqueCommand, until, warmLimiter } from './support.ts';

const APP = 1400000000;
let server: TestRedis;
beforeAll(async () => {
  server = await testRedis();
});
afterAll(() => server.close());

test('a limit nobody used or throttled is whole', async () => {
  expect(await shareInForce(server.redis, APP, uniqueCommand())).toBe(1);
});

test('the share is what the limiter itself applies: halved by "too fast", and rising again', async () => {
  const command = uniqueCommand();
  const limiter = warmLimiter(server.redis, { command, rate: { calls: 20, windowMs: 100 } });
  const slot = await limiter.take();
  expect(slot.mayWrite()).toBe(true);
  slot.throttled();
  slot.settled(true);
  await until(() => limiter.state.ratePerSecond < limiter.state.ceilingPerSecond);
  const heard = limiter.state.ratePerSecond / limiter.state.ceilingPerSecond;
  const share = await shareInForce(server.redis, APP, command);
  // Asked a moment after the limiter heard it: 5 % of the ceiling come back a second.
  expect(share).toBeGreaterThanOrEqual(heard);
  expect(share).toBeLessThan(heard + 0.2);
  await until(async () => (await shareInForce(server.redis, APP, command)) > share);
  await limiter.close();
});
