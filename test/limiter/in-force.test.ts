import { afterAll, beforeAll, expect, test } from 'vitest';
import { sharesInForce } from '../../src/limiter/in-force.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { uniqueCommand, until, warmLimiter } from './support.ts';

let server: TestRedis;
beforeAll(async () => {
  server = await testRedis();
});
afterAll(() => server.close());

test('limits nobody used or throttled are whole', async () => {
  expect(await sharesInForce(server.redis, uniqueCommand(), 'any')).toEqual({ command: 1, app: 1 });
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
    expect(shares[whose === 'app' ? 'command' : 'app']).toBe(1);
    await until(async () => (await sharesInForce(server.redis, app, command))[whose] > shares[whose]);
    await limiter.close();
  },
);
