/** The breaker of an app: real Redis, real service, real probes. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { CallResult } from '../../src/chat/classify.ts';
import type { Fault } from '../../src/domain/fault.ts';
import { type Breaker, createBreaker, quietOf } from '../../src/jobs/breaker.ts';
import { silenceOf } from '../../src/jobs/probe.ts';
import { createLimiter, type Limiter, type Slot } from '../../src/limiter/limiter.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { type TestSimulator, testSimulator } from '../support/simulator.ts';
import { type BenchParts, callParts, until } from './bench.ts';
import { KEYS } from './support.ts';

let server: TestRedis;
let simulator: TestSimulator;
let parts: BenchParts;
let stop: AbortController;

beforeAll(async () => {
  [server, simulator] = await Promise.all([testRedis(), testSimulator({ limit: 1000 })]);
  parts = callParts(server.redis, simulator);
});
beforeEach(async () => {
  stop?.abort(new Error('next test'));
  stop = new AbortController();
  await server.redis.del(KEYS.quiet);
  await simulator.reset();
});
afterAll(async () => {
  stop.abort(new Error('over'));
  await parts.limiter.close();
  parts.chat.close();
  await Promise.all([server.close(), simulator.close()]);
});

const tuning = { windowMs: 50, callTimeoutMs: 5000, holdTokens: false };

/** A breaker of another process for every call. */
function breaker(limiter: Pick<Limiter, 'take'> = parts.limiter): Breaker {
  const { chat, now } = parts;
  return createBreaker({
    redis: server.redis,
    keys: KEYS,
    probe: (signal) => silenceOf(limiter, { chat, admin: 'administrator', tuning, signal, now }),
    signal: stop.signal,
    scale: 0.02,
  });
}

const result = (fault: Fault | null): CallResult => ({ fault, verdicts: [], anomalies: [], requestId: null });
const SILENT = result({ kind: 'transient', curve: 'network', code: null, info: 'HTTP 502', answered: false });
const PASSED = result(null);
const down = () => simulator.setFaults({ calls: { commands: ['account_check'], badGateway: 1 } });

test('single failures are everyday life: nobody asks, nothing is quiet', async () => {
  await down();
  const one = breaker();
  for (const heard of [SILENT, SILENT, PASSED, SILENT, SILENT]) expect(await one.heard(heard)).toBe(false);
  expect(await quietOf(server.redis, KEYS)).toBeNull();
  expect(await simulator.ledger()).toEqual({});
});

test('several in a row, and the service answers: it is the calls’ own fault', async () => {
  const one = breaker();
  const heard = [await one.heard(SILENT), await one.heard(SILENT), await one.heard(SILENT)];
  expect(heard).toEqual([false, false, false]);
  expect((await simulator.ledger()).account_check?.calls).toBe(1);
  expect(await quietOf(server.redis, KEYS)).toBeNull();
});

test('several in a row, and no probe is answered: quiet for everybody, until one is', async () => {
  await down();
  const [one, other] = [breaker(), breaker()];
  expect([await one.heard(SILENT), await one.heard(SILENT), await one.heard(SILENT)]).toEqual([false, false, true]);
  expect(await quietOf(server.redis, KEYS)).toContain('HTTP 502');
  // Another process finds the same out, and leaves the asking to the first.
  for (const spends of [false, false, true]) expect(await other.heard(SILENT)).toBe(spends);
  const asked = async () => (await simulator.ledger()).account_check?.calls ?? 0;
  const before = await asked();
  await until(async () => (await asked()) >= before + 2);
  expect(await quietOf(server.redis, KEYS)).not.toBeNull();
  await simulator.setFaults('none');
  await until(async () => (await quietOf(server.redis, KEYS)) === null);
  expect(await one.heard(PASSED)).toBe(false);
});

describe('while calls without an answer hold every slot of the probe', () => {
  const CALLS = 3;
  /** A limiter without a free slot, and the number of takers that it has seen. */
  async function taken() {
    const limiter = createLimiter({
      redis: server.redis,
      app: 'breaker',
      command: randomUUID(),
      rate: { calls: CALLS, windowMs: 50 },
      latenessMs: 400,
      coldSlots: 0,
      // Their tokens come back only when they are settled.
      callTimeoutMs: 60_000,
    });
    const hung: Slot[] = [];
    while (hung.length < CALLS) {
      const slot = await limiter.take();
      if (slot.mayWrite()) hung.push(slot);
    }
    let takers = 0;
    const counted: Pick<Limiter, 'take'> = {
      take: (signal) => {
        takers += 1;
        return limiter.take(signal);
      },
    };
    return { limiter, hung, counted, takers: () => takers };
  }

  const threeTimes = async (one: Breaker): Promise<boolean> => {
    expect([await one.heard(SILENT), await one.heard(SILENT)]).toEqual([false, false]);
    return one.heard(SILENT);
  };

  test('it asks on until a slot comes, and then knows', async () => {
    await down();
    const { limiter, hung, counted, takers } = await taken();
    const one = breaker(counted);
    const found = threeTimes(one);
    await until(async () => takers() > 1);
    for (const slot of hung) slot.settled(false);
    expect(await found).toBe(true);
    expect(await quietOf(server.redis, KEYS)).toContain('HTTP 502');
    await limiter.close();
  }, 30_000);

  test('a call that is answered meanwhile tells as well as the probe', async () => {
    const { limiter, counted, takers } = await taken();
    const one = breaker(counted);
    const found = threeTimes(one);
    await until(async () => takers() === 1);
    expect(await one.heard(PASSED)).toBe(false);
    expect(await found).toBe(false);
    expect(await quietOf(server.redis, KEYS)).toBeNull();
    await limiter.close();
  }, 30_000);
});

test('an answer of the service, also a bad one, is no silence', async () => {
  await down();
  const one = breaker();
  const codes: Fault[] = [
    { kind: 'transient', curve: 'internal', code: 70500, info: '', answered: true },
    { kind: 'throttled', code: 60007, info: '' },
    { kind: 'malformed', code: 30001, info: '' },
  ];
  for (const fault of [...codes, ...codes]) expect(await one.heard(result(fault))).toBe(false);
  expect(await simulator.ledger()).toEqual({});
});

test('asked to wait: quiet for so long; asked too often without a call that passed, a person must look', async () => {
  const one = breaker();
  expect(await one.wait(60_000, 'code 70050')).toBe(true);
  expect(await quietOf(server.redis, KEYS)).toBe('code 70050');
  const left = await server.redis.pttl(KEYS.quiet);
  expect(left).toBeGreaterThan(600);
  expect(left).toBeLessThanOrEqual(1200);
  // Told so by several calls that were in flight together: once.
  expect(await Promise.all([1, 2, 3, 4].map(() => one.wait(60_000, 'the same')))).toEqual([true, true, true, true]);
  const again = async (): Promise<boolean> => {
    await server.redis.del(KEYS.quiet);
    return one.wait(60_000, '');
  };
  expect([await again(), await again(), await again()]).toEqual([true, true, false]);
  expect(await quietOf(server.redis, KEYS)).toBeNull();
  await one.heard(PASSED);
  expect(await again()).toBe(true);
});
