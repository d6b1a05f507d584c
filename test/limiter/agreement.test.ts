/** Processes that share a limit and mean different ones are told so. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CommandLimits, disagree } from '../../src/limiter/agreement.ts';
import type { LimiterOptions } from '../../src/limiter/limiter.ts';
import { testRedis, type TestRedis } from '../support/redis.ts';
import { until, warmLimiter } from './support.ts';

let server: TestRedis;
beforeAll(async () => {
  server = await testRedis();
});
afterAll(() => server.close());

const rate = { calls: 200, windowMs: 1000 };

function limiterOf(app: string, options: Partial<LimiterOptions> = {}) {
  const warnings: object[] = [];
  const log = { info: () => {}, warn: () => {}, error: (details: object) => void warnings.push(details) };
  return { limiter: warmLimiter(server.redis, { app, command: 'friend_get', rate, log, ...options }), warnings };
}

const saidOf = (app: string) => server.redis.zrange(`{befriend:${app}}:limits`, '0', '-1');

test('who comes second with another rate hears it at once, and once', async () => {
  const app = randomUUID();
  const first = limiterOf(app);
  await until(async () => (await saidOf(app)).length === 1);
  const second = limiterOf(app, { rate: { calls: 159, windowMs: 1000 } });
  await until(() => second.limiter.state.otherLimits.length === 1);
  const others = 'friend_get: 200 calls in 1000 ms, of the app not known; margin 4 ms, tokens not held';
  expect(second.limiter.state.otherLimits).toEqual([others]);
  const ours = 'friend_get: 159 calls in 1000 ms, of the app not known; margin 4 ms, tokens not held';
  expect(second.warnings).toEqual([{ ours, others }]);
  // A process that leaves is no opponent any more, nor is one that agrees.
  await first.limiter.close();
  await until(async () => (await saidOf(app)).length === 1);
  const third = limiterOf(app, { rate: { calls: 159, windowMs: 1000 } });
  const other = limiterOf(app, { command: 'friend_check' });
  await until(async () => (await saidOf(app)).length === 2);
  expect([...third.limiter.state.otherLimits, ...other.limiter.state.otherLimits]).toEqual([]);
  await Promise.all([second, third, other].map(({ limiter }) => limiter.close()));
  expect(await saidOf(app)).toEqual([]);
});

test('what was said is forgotten after a while', async () => {
  const app = randomUUID();
  const { limiter } = limiterOf(app);
  await until(async () => (await saidOf(app)).length === 1);
  expect(await server.redis.pttl(`{befriend:${app}}:limits`)).toBeGreaterThan(0);
  const old = JSON.stringify({ command: 'friend_get', calls: 1, windowMs: 1000, appCalls: 0, marginMs: 4, heldMs: 0 });
  const [seconds] = await server.redis.time();
  await server.redis.zadd(`{befriend:${app}}:limits`, (Number(seconds) - 30) * 1e6, old);
  const second = limiterOf(app);
  await until(async () => !(await saidOf(app)).includes(old));
  expect(second.limiter.state.otherLimits).toEqual([]);
  await Promise.all([limiter.close(), second.limiter.close()]);
});

test('who holds tokens until the answer hears of one who does not', async () => {
  const app = randomUUID();
  const first = limiterOf(app);
  await until(async () => (await saidOf(app)).length === 1);
  const second = limiterOf(app, { holdUntilAnswered: true, callTimeoutMs: 3000, marginMs: 6 });
  await until(() => second.warnings.length === 1);
  expect(second.warnings).toMatchObject([
    { ours: expect.stringContaining('margin 6 ms, tokens held 3000 ms') as string },
  ]);
  await Promise.all([first, second].map(({ limiter }) => limiter.close()));
});

const base: CommandLimits = { command: 'a', calls: 200, windowMs: 1000, appCalls: 0, marginMs: 4, heldMs: 0 };
test.each<[Partial<CommandLimits>, Partial<CommandLimits>, boolean]>([
  [{}, {}, false],
  [{}, { calls: 199 }, true],
  [{}, { windowMs: 999 }, true],
  [{}, { command: 'b', calls: 100, windowMs: 50 }, false],
  [{}, { marginMs: 5 }, true],
  [{}, { heldMs: 5000 }, true],
  [{}, { command: 'b', marginMs: 5, heldMs: 5000 }, false],
  [{ appCalls: 300 }, { command: 'b', appCalls: 300, heldMs: 5000 }, true],
  [{ appCalls: 300 }, { appCalls: 300 }, false],
  [{ appCalls: 300 }, {}, true],
  [{}, { command: 'b', appCalls: 300 }, true],
  [{ appCalls: 300 }, { command: 'b', appCalls: 200 }, true],
  [{ appCalls: 300 }, { command: 'b', calls: 100, appCalls: 300 }, false],
  [{ appCalls: 300 }, { command: 'b', windowMs: 500, appCalls: 300 }, true],
])('%o and %o disagree: %s', (ours, theirs, expected) => {
  expect(disagree({ ...base, ...ours }, { ...base, ...theirs })).toBe(expected);
  expect(disagree({ ...base, ...theirs }, { ...base, ...ours })).toBe(expected);
});
