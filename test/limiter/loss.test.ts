import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { keysOf } from '../../src/limiter/bucket.ts';
import type { Limiter } from '../../src/limiter/limiter.ts';
import { testRedis, type TestRedis } from '../support/redis.ts';
import { mostIn, uniqueCommand, until, use, warmLimiter, widestGap } from './support.ts';

const APP = 1400000000;
const WINDOW_MS = 200;
const rate = { calls: 20, windowMs: WINDOW_MS };
/** More than the command may: its bucket is kept beside. */
const appCalls = 25;
const marginMs = 5;

let server: TestRedis;
let command: string;
let connections: Redis[];
let all: Limiter[];
let sends: number[];
let stop: AbortController;
let work: Promise<unknown>;

beforeEach(async () => {
  server = await testRedis();
  command = uniqueCommand();
  connections = await Promise.all([server.connect(), server.connect()]);
  all = connections.map((redis) => warmLimiter(redis, { command, rate, appCalls, marginMs }));
  sends = [];
  stop = new AbortController();
  work = Promise.all(all.map((limiter) => use(limiter, 10, sends, stop.signal)));
  await until(() => sends.length >= 30);
});

afterEach(async () => {
  stop.abort();
  await work;
  await Promise.all(all.map((limiter) => limiter.close()));
  await server.close();
});

const more = async (): Promise<void> => {
  const before = sends.length;
  await until(() => sends.length >= before + 40);
};

const strict = (): void => expect(mostIn(sends, WINDOW_MS)).toBeLessThanOrEqual(rate.calls);

test.each([
  { what: 'the state is deleted', lose: () => server.redis.del(keysOf(APP, command)[0]) },
  { what: 'the tokens are deleted', lose: () => server.redis.del(keysOf(APP, command)[1]) },
  { what: 'the state of the app is deleted', lose: () => server.redis.del(keysOf(APP, command)[2]) },
  { what: 'the tokens of the app are deleted', lose: () => server.redis.del(keysOf(APP, command)[3]) },
  { what: 'everything is deleted', lose: () => server.redis.flushall() },
])('$what: slots wait a whole window', async ({ lose }) => {
  const from = sends.length;
  await lose();
  await more();
  await more();
  strict();
  expect(widestGap(sends.slice(from - 1))).toBeGreaterThanOrEqual(WINDOW_MS + marginMs);
  expect(all.some((limiter) => limiter.state.losses > 0)).toBe(true);
});

/** Every time in the state so much later: what a clock that was set back by as much leaves behind. µs. */
async function stateAhead(by: number): Promise<void> {
  const [state, tokens, appState, appTokens] = keysOf(APP, command);
  const script = `
    for _, state in ipairs({ KEYS[1], KEYS[3] }) do
      for _, field in ipairs({ 'last', 'from' }) do redis.call('HINCRBY', state, field, ARGV[1]) end
    end
    for _, tokens in ipairs({ KEYS[2], KEYS[4] }) do
      for _, id in ipairs(redis.call('ZRANGE', tokens, 0, -1)) do
        if id ~= 'origin' then
          redis.call('ZINCRBY', tokens, string.sub(id, 1, 3) == 'at:' and -ARGV[1] or ARGV[1], id)
        end
      end
    end`;
  await server.redis.eval(script, 4, state, tokens, appState, appTokens, by);
}

test('the clock of Redis was set back an hour, as its state sees it: slots wait a whole window, and no hour', async () => {
  const from = sends.length;
  await stateAhead(3_600_000_000);
  await more();
  await more();
  strict();
  expect(widestGap(sends.slice(from - 1))).toBeGreaterThanOrEqual(WINDOW_MS + marginMs);
  expect(all.every((limiter) => limiter.state.losses > 0)).toBe(true);
});

test('the clock of Redis stepped back a little, as its state sees it: slots are that much later, nothing is lost', async () => {
  const from = sends.length;
  await stateAhead(100_000);
  await more();
  strict();
  expect(widestGap(sends.slice(from - 1))).toBeGreaterThanOrEqual(80);
  expect(all.map((limiter) => limiter.state.losses)).toEqual([0, 0]);
});

test('the clock of Redis was set back, as a process sees it: whoever notices makes all wait', async () => {
  let ahead = 0;
  const connection = await server.connect();
  const clock = (): number => performance.now() + ahead;
  const noticing = warmLimiter(connection, { command, rate, appCalls, marginMs, clock });
  const working = use(noticing, 10, sends, stop.signal);
  await until(() => noticing.state.sent >= 5);
  const from = sends.length;
  ahead = 60_000;
  await until(() => all.every((limiter) => limiter.state.losses > 0));
  await more();
  await more();
  strict();
  expect(widestGap(sends.slice(from - 1))).toBeGreaterThanOrEqual(WINDOW_MS + marginMs);
  expect(noticing.state.losses).toBeGreaterThan(0);
  stop.abort();
  await working;
  await noticing.close();
});

test('an older state is back, as when a fail-over is undone: slots wait a whole window', async () => {
  const keys = keysOf(APP, command);
  const older = await Promise.all(keys.map((key) => server.redis.dumpBuffer(key)));
  await server.redis.del(...keys);
  await more();
  const from = sends.length;
  await Promise.all(keys.map((key, n) => server.redis.restore(key, 0, older[n] as Buffer, 'REPLACE')));
  await more();
  await more();
  strict();
  expect(widestGap(sends.slice(from - 1))).toBeGreaterThanOrEqual(WINDOW_MS + marginMs);
});

test('scripts are flushed: nothing is lost', async () => {
  await server.redis.script('FLUSH');
  await more();
  strict();
  expect(all.map((limiter) => limiter.state.losses)).toEqual([0, 0]);
});

test.each([
  { what: 'with its AOF', wipe: false },
  { what: 'without its data', wipe: true },
])('Redis is killed and comes back $what: nobody calls in between, and a window passes', async ({ wipe }) => {
  await server.kill();
  await until(() => all.every((limiter) => !limiter.state.connected));
  const away = sends.length;
  expect(all.map((limiter) => limiter.state.leased)).toEqual([0, 0]);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(sends.length).toBe(away);
  if (wipe) rmSync(join(server.dir, 'appendonlydir'), { recursive: true, force: true });
  const started = performance.now();
  await server.start();
  await more();
  strict();
  expect((sends[away] as number) - started).toBeGreaterThanOrEqual(WINDOW_MS + marginMs);
});

test('a connection drops: its slots are void, also one in a taker’s hand; takers keep waiting', async () => {
  const [limiter] = all;
  const [redis] = connections;
  const slot = await limiter!.take();
  const back = once(redis!, 'ready');
  redis!.disconnect(true);
  await until(() => !limiter!.state.connected);
  expect(limiter!.state).toMatchObject({ leased: 0, connected: false });
  expect(slot.mayWrite()).toBe(false);
  expect(limiter!.state.waiting).toBeGreaterThan(0);
  await back;
  const sent = limiter!.state.sent;
  await until(() => limiter!.state.sent > sent + 5);
  strict();
});

test('a call on its way when the state was lost is a token again', async () => {
  const [limiter] = all;
  let slot = await limiter!.take();
  while (!slot.mayWrite()) slot = await limiter!.take();
  sends.push(performance.now());
  await server.redis.flushall();
  const [, tokens, , appTokens] = keysOf(APP, command);
  await until(() => limiter!.state.held === 1);
  expect(await server.redis.zscore(tokens, String(slot.id))).not.toBeNull();
  expect(await server.redis.zscore(appTokens, String(slot.id))).not.toBeNull();
  slot.settled();
  await more();
  strict();
});

test('closing without Redis does not hang', async () => {
  await server.kill();
  const before = performance.now();
  const closed = Promise.all(all.map((limiter) => limiter.close()));
  await expect(all[0]!.take()).rejects.toThrow('closed');
  await closed;
  expect(performance.now() - before).toBeLessThan(2000);
});
