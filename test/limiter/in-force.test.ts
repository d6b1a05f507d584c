import { afterAll, beforeAll, expect, test } from 'vitest';
import { sharesInForce, unansweredCalls } from '../../src/limiter/in-force.ts';
import type { Slot } from '../../src/limiter/slot.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { uniqueCommand, until, warmLimiter } from './support.ts';

let server: TestRedis;
beforeAll(async () => {
  server = await testRedis();
});
afterAll(() => server.close());

test('limits nobody used or throttled are whole', async () => {
  expect(await sharesInForce(server.redis, uniqueCommand(), 'any')).toEqual({
    command: 1,
    app: 1,
    saidMsAgo: { command: null, app: null },
    allowedPerSecond: null,
  });
});

test.each(['command', 'app'] as const)(
  'the share of the %s is what the limiter itself applies: halved by "too fast", and rising again',
  async (whose) => {
    const [app, command] = [uniqueCommand(), uniqueCommand()];
    const limiter = warmLimiter(server.redis, { app, command, rate: { calls: 20, windowMs: 100 } });
    const slot = await limiter.take();
    expect(slot.mayWrite()).toBe(true);
    slot.throttled(whose);
    slot.settled(true);
    await until(() => limiter.state.ratePerSecond < limiter.state.ceilingPerSecond);
    const heard = limiter.state.ratePerSecond / limiter.state.ceilingPerSecond;
    const shares = await sharesInForce(server.redis, app, command);
    // Asked a moment after the limiter heard it: 5 % of the ceiling come back a second.
    expect(shares[whose]).toBeGreaterThanOrEqual(heard);
    expect(shares[whose]).toBeLessThan(heard + 0.2);
    const other = whose === 'app' ? 'command' : 'app';
    expect(shares[other]).toBe(1);
    expect(shares.saidMsAgo[other]).toBeNull();
    // The reduction lies as long back as what has recovered since took.
    const recovered = (shares[whose] - 0.5) / 0.05;
    expect(shares.saidMsAgo[whose]! / 1000).toBeCloseTo(recovered, 2);
    await until(async () => (await sharesInForce(server.redis, app, command))[whose] > shares[whose]);
    await limiter.close();
  },
);

test('a call counts as unanswered after half a window, and no more when it is answered or given up', async () => {
  const [app, command] = [uniqueCommand(), uniqueCommand()];
  const limiter = warmLimiter(server.redis, { app, command, rate: { calls: 100, windowMs: 500 } });
  const waiting = () => unansweredCalls(server.redis, app, command);
  const slots: Slot[] = [];
  while (slots.length < 3) {
    const slot = await limiter.take();
    if (slot.mayWrite()) slots.push(slot);
  }
  // The tokens of slots alone, granted ahead and just used, are none.
  expect(await waiting()).toBe(0);
  await until(async () => (await waiting()) === 3);
  slots[0]?.settled(true);
  await until(async () => (await waiting()) === 2);
  slots[1]?.settled(false);
  await until(async () => (await waiting()) === 1);
  await limiter.close();
});
