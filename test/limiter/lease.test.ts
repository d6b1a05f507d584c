import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { setAllowed } from '../../src/limiter/allowed.ts';
import { argsOf, keysOf, lease, type Lease, type LeaseRequest, type LimiterKeys } from '../../src/limiter/bucket.ts';
import {
  type AppState,
  type BucketState,
  EMPTY_BUCKET,
  EMPTY_MODEL,
  type LimiterModel,
  modelLease,
} from '../../src/limiter/model.ts';
import { type Timing, timingOf } from '../../src/limiter/timing.ts';
import { testRedis, type TestRedis } from '../support/redis.ts';
import { block, uniqueCommand } from './support.ts';

let server: TestRedis;
let run: string;
beforeAll(async () => {
  server = await testRedis();
  run = /^run_id:(\w+)/m.exec(await server.redis.info('server'))?.[1] as string;
});
afterAll(() => server.close());

const nothing: LeaseRequest = {
  want: 0,
  leadMs: 1,
  bookedMs: 2,
  until: Infinity,
  interactive: false,
  forget: 0,
  throttled: 0,
  appThrottled: 0,
  returned: new Set(),
  calls: new Map(),
};

/** One command's limiter that keeps a model beside the real one. Real time runs on: the model is told what the script saw. */
class Twin {
  readonly keys: LimiterKeys;
  readonly ids: number[] = [];
  now = 0;
  state: LimiterModel = EMPTY_MODEL;
  readonly timing: Timing;
  readonly app: string;
  readonly command = uniqueCommand();

  constructor(timing: Timing, app = uniqueCommand()) {
    this.timing = timing;
    this.app = app;
    this.keys = keysOf(app, this.command);
  }

  async lease(request: Partial<LeaseRequest>, timing = this.timing): Promise<{ real: Lease; model: Lease }> {
    const full = { ...nothing, ...request };
    const real = await lease(server.redis, this.keys, timing, full);
    const model = modelLease(this.state, timing, full, { run, now: real.now });
    this.state = model.state;
    this.now = real.now;
    this.ids.push(...real.slots.map((slot) => slot.id));
    return { real, model: model.lease };
  }

  leaseAlone(request: Partial<LeaseRequest>): Promise<Lease> {
    return lease(server.redis, this.keys, this.timing, { ...nothing, ...request });
  }

  /** What Redis holds now, as the model would say it. */
  async stored(): Promise<LimiterModel> {
    const [state, tokens, appState, appTokens] = this.keys;
    const next = await server.redis.hget(appState, 'next');
    return {
      command: await storedBucket(state, tokens),
      app: { ...(await storedBucket(appState, appTokens)), coming: await storedComing(appTokens) },
      nextId: next === null ? null : Number(next),
    };
  }
}

async function storedBucket(stateKey: string, tokensKey: string): Promise<BucketState> {
  const hash = await server.redis.hgetall(stateKey);
  const flat = await server.redis.call('ZRANGE', tokensKey, '0', '-1', 'WITHSCORES');
  const pairs = (flat as unknown[]).flat().map(String);
  const tokens = new Map<number, number>();
  for (let n = 0; n < pairs.length; n += 2) {
    if (/^\d/.test(pairs[n]!)) tokens.set(Number(pairs[n]), Number(pairs[n + 1]));
  }
  const number = (field: string, absent: number): number => Number(hash[field] ?? absent);
  return {
    run: hash.run ?? '',
    since: number('since', 0),
    last: number('last', 0),
    smooth: number('smooth', 0),
    from: number('from', 0),
    rate: number('rate', 1_000_000),
    reducedId: number('reducedId', 0),
    reducedAt: number('reducedAt', 0),
    attached: number('attached', 0),
    turn: number('turn', 0),
    loss: number('loss', 0),
    allowed: hash.allowed === undefined ? null : Number(hash.allowed),
    tokens,
  };
}

async function storedComing(tokensKey: string): Promise<Map<number, number>> {
  const flat = await server.redis.zrangebyscore(tokensKey, '-inf', '(0', 'WITHSCORES');
  const pairs = flat.map((_, n) => n).filter((n) => n % 2 === 0);
  return new Map(pairs.map((n) => [Number(flat[n]!.slice('at:'.length)), -Number(flat[n + 1])]));
}

const step = fc.record({
  /** Which of the two commands asks. */
  who: fc.nat({ max: 1 }),
  want: fc.integer({ min: 0, max: 12 }),
  leadMs: fc.integer({ min: 0, max: 3 }),
  bookedMs: fc.oneof(
    { weight: 9, arbitrary: fc.integer({ min: 0, max: 5 }) },
    // As where tokens are held until the answer.
    { weight: 1, arbitrary: fc.constant(1000) },
  ),
  /** From what was seen of the clock last. */
  patienceMs: fc.oneof(
    { weight: 3, arbitrary: fc.constant(Infinity) },
    { weight: 1, arbitrary: fc.integer({ min: -1, max: 70 }) },
  ),
  interactive: fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  pick: fc.array(fc.nat({ max: 40 }), { maxLength: 4 }),
  lateMs: fc.integer({ min: -3, max: 30 }),
  giveBack: fc.array(fc.nat({ max: 40 }), { maxLength: 2 }),
  throttled: fc.option(fc.nat({ max: 40 }), { freq: 8 }),
  appThrottled: fc.option(fc.nat({ max: 40 }), { freq: 8 }),
  /** As if this process knew no limit of the app. */
  unaware: fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  /** By so much it waits longer after a loss than others do. */
  lossMs: fc.constantFrom(0, 0, 0, 4),
  pauseMs: fc.constantFrom(0, 0, 0, 1, 4),
  hit: fc.constantFrom('command' as const, 'app' as const),
  /** Calls a second that an operator allows from now on, less or more than there are; null: all that there are. */
  allow: fc.oneof(
    { weight: 8, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.double({ min: 0.001, max: 1500, noNaN: true }) },
    { weight: 1, arbitrary: fc.constant(null) },
  ),
  fault: fc.constantFrom(
    ...(['none', 'none', 'none', 'none', 'none', 'none', 'forget', 'state lost', 'tokens lost', 'clock back'] as const),
  ),
});

const tunings = fc.record({
  calls: fc.tuple(fc.integer({ min: 1, max: 15 }), fc.integer({ min: 1, max: 15 })),
  appCalls: fc.option(fc.integer({ min: 1, max: 25 }), { freq: 4 }),
  windowMs: fc.integer({ min: 10, max: 30 }),
  marginMs: fc.integer({ min: 0, max: 5 }),
  pace: fc.constantFrom(0.5, 0.98, 1),
  horizonMs: fc.integer({ min: 5, max: 60 }),
  reachMs: fc.integer({ min: 2, max: 30 }),
  lossMs: fc.integer({ min: 0, max: 5 }),
});

test('the script grants what the model grants to two commands of an app, and keeps what the model keeps', async () => {
  await fc.assert(
    fc.asyncProperty(tunings, fc.array(step, { minLength: 5, maxLength: 25 }), async (tuning, steps) => {
      const { calls, appCalls, windowMs, horizonMs, reachMs, lossMs, ...rest } = tuning;
      const app = uniqueCommand();
      const twins = calls.map((n) => {
        const timing = timingOf({ calls: n, windowMs }, rest, { appCalls });
        return new Twin({ ...timing, horizonMs, reachMs, lossMs }, app);
      });
      let shared: Pick<LimiterModel, 'app' | 'nextId'> = EMPTY_MODEL;
      for (const { who, pick, lateMs, giveBack, throttled, appThrottled, unaware, pauseMs, ...more } of steps) {
        const { hit, fault, patienceMs, lossMs: longer, allow, ...ask } = more;
        block(pauseMs);
        const twin = twins[who]!;
        const timing = { ...twin.timing, lossMs: lossMs + longer, ...(unaware && { appCalls: 0 }) };
        const idAt = (back: number): number | undefined => twin.ids.at(-1 - back);
        const idsAt = (backs: readonly number[]): number[] => backs.map(idAt).filter((id) => id !== undefined);
        twin.state = { ...shared, command: twin.state.command };
        const [stateKey, tokensKey] = hit === 'app' ? [twin.keys[2], twin.keys[3]] : twin.keys;
        const change = (what: Partial<AppState>): void => {
          twin.state = { ...twin.state, [hit]: { ...twin.state[hit], ...what } };
        };
        if (fault === 'state lost') {
          await server.redis.del(stateKey);
          // Tokens stay, and are dropped with the next look at their state.
          change({ ...EMPTY_BUCKET, tokens: twin.state[hit].tokens });
          if (hit === 'app') twin.state.nextId = null;
        }
        if (fault === 'tokens lost') {
          await server.redis.del(tokensKey);
          change({ run: 'without tokens', tokens: new Map(), ...(hit === 'app' && { coming: new Map() }) });
        }
        if (fault === 'clock back') {
          await server.redis.hset(stateKey, { last: '4000000000000000' });
          change({ last: 4e15 });
        }
        if (allow !== undefined) {
          await setAllowed(server.redis, app, twin.command, allow);
          twin.state = { ...twin.state, command: { ...twin.state.command, allowed: allow } };
        }
        const bound = timing.appCalls > 0 ? [twin.state.command, twin.state.app] : [twin.state.command];
        const request = {
          ...ask,
          until: twin.now + patienceMs * 1000,
          calls: new Map(idsAt(pick).map((id) => [id, id + lateMs * 1000])),
          returned: new Set(idsAt(giveBack)),
          throttled: (throttled !== null && idAt(throttled)) || 0,
          appThrottled: (appThrottled !== null && idAt(appThrottled)) || 0,
          forget: fault === 'forget' ? bound.reduce((sum, { since }) => sum + since, 0) : 0,
        };
        const { real, model } = await twin.lease(request, timing);
        expect(real).toEqual(model);
        shared = twin.state;
      }
      const now = Math.max(...twins.map((twin) => twin.now));
      const held = inUse(now, now - 2 * (windowMs + rest.marginMs) * 1000);
      for (const twin of twins) {
        expect(held(await twin.stored())).toEqual(held({ ...shared, command: twin.state.command }));
      }
    }),
    // Real time runs: a shrunk history would be another one.
    { numRuns: 100, endOnFailure: true },
  );
});

/** Without `run`, by which the model is told of lost tokens, and without what the script sweeps out later. */
function inUse(now: number, stale: number): (model: LimiterModel) => unknown {
  const later = (times: ReadonlyMap<number, number>, than: number) => new Map([...times].filter(([, at]) => at > than));
  return ({ command, app, nextId }) => ({
    command: { ...command, run: null, tokens: later(command.tokens, stale) },
    app: { ...app, run: null, tokens: later(app.tokens, stale), coming: later(app.coming, now) },
    nextId,
  });
}

/** Without the wait of a new state. */
async function bucket(calls: number, windowMs: number, tuning = {}, appCalls: number | null = null): Promise<Twin> {
  const twin = new Twin({ ...timingOf({ calls, windowMs }, tuning, { appCalls }), horizonMs: 1e6, lossMs: 0 });
  await twin.lease({});
  return twin;
}

test('tokens that no slot can need are swept out', async () => {
  const twin = new Twin({ ...timingOf({ calls: 10, windowMs: 10 }, { marginMs: 0 }, { appCalls: 10 }), lossMs: 0 });
  while (twin.ids.length < 300) {
    await twin.lease({ want: 10 });
    block(5);
  }
  const { command, app } = await twin.stored();
  for (const kept of [command.tokens, app.tokens, app.coming]) expect(kept.size).toBeLessThanOrEqual(150);
});

describe('one bucket, by hand', () => {
  test('slots stand just under even spacing apart, and the N + 1st waits for the first token', async () => {
    const twin = await bucket(4, 1000, { marginMs: 8 });
    const { slots } = (await twin.lease({ want: 5, bookedMs: 20 })).real;
    const at = slots.map((slot) => slot.at - (slots[0]?.at ?? 0));
    expect(at).toEqual([0, 250_000, 500_000, 750_000, 1_028_000]);
  });

  test('a late call moves the slot N places later, not its neighbours', async () => {
    const twin = await bucket(2, 1000, { marginMs: 5, pace: 0.5 });
    const [first, second] = (await twin.lease({ want: 2 })).real.slots;
    const calls = new Map([
      [first!.id, first!.at],
      [second!.id, second!.at + 90_000],
    ]);
    const [third, fourth] = (await twin.lease({ want: 2, calls })).real.slots;
    expect(third!.at - first!.at).toBe(1_005_000);
    expect(fourth!.at - second!.at).toBe(1_095_000);
  });

  test('a slot that is given back is granted again', async () => {
    const twin = await bucket(1, 1000);
    const [first] = (await twin.lease({ want: 1 })).real.slots;
    const again = (await twin.lease({ want: 1, returned: new Set([first!.id]) })).real.slots;
    expect(again[0]!.at - first!.at).toBe(1_000_000);
  });

  test('what an operator allows spaces the slots, is no more than the ceiling, and is halved by throttling', async () => {
    const twin = await bucket(100, 1000);
    const allow = (callsPerSecond: number | null) => setAllowed(server.redis, twin.app, twin.command, callsPerSecond);
    await allow(20);
    const lowered = (await twin.leaseAlone({ want: 3 })).slots.map(({ at }) => at);
    expect([lowered[1]! - lowered[0]!, lowered[2]! - lowered[1]!]).toEqual([50_000, 50_000]);
    await allow(1000);
    expect((await twin.leaseAlone({})).rate).toBe(1_000_000);
    await allow(0.5);
    const [first, second] = (await twin.leaseAlone({ want: 2 })).slots;
    expect(second!.at - first!.at).toBe(2_000_000);
    await allow(50);
    expect((await twin.leaseAlone({ throttled: first!.id })).rate).toBe(250_000);
    await allow(null);
    await server.redis.hset(twin.keys[0], { reducedAt: '0' });
    expect((await twin.leaseAlone({})).rate).toBe(1_000_000);
  });

  test('throttling halves the rate once for all slots granted before, and the ceiling is never passed', async () => {
    const twin = await bucket(100, 1000);
    const [a, b] = (await twin.lease({ want: 2 })).real.slots;
    const reduced = (await twin.lease({ throttled: a!.id })).real;
    expect(reduced.rate).toBe(500_000);
    // The answer to a slot of the same generation; a moment of recovery has passed.
    const same = (await twin.lease({ throttled: b!.id })).real;
    expect(same.rate).toBeGreaterThanOrEqual(500_000);
    const slots = (await twin.lease({ want: 2 })).real.slots;
    expect(slots[1]!.at - slots[0]!.at).toBeGreaterThan(19_000);
    expect((await twin.lease({ throttled: slots[0]!.id })).real.rate).toBeLessThan(260_000);
    // Ten seconds later; then an hour.
    const [stateKey] = twin.keys;
    const later = async (seconds: number): Promise<number> => {
      await server.redis.hset(stateKey, { rate: '250000', reducedAt: String(same.now - seconds * 1e6) });
      return (await lease(server.redis, twin.keys, twin.timing, nothing)).rate;
    };
    expect((await later(10)) / 1e6).toBeCloseTo(0.75, 1);
    expect(await later(3600)).toBe(1_000_000);
  });

  test('a restart is seen by run_id: tokens are dropped, slots wait, ids go on rising', async () => {
    const twin = new Twin({ ...timingOf({ calls: 5, windowMs: 1000 }), horizonMs: 1e7, lossMs: 1300 });
    const [before] = (await twin.lease({ want: 1 })).real.slots;
    await server.redis.hset(twin.keys[0], { run: 'f'.repeat(40) });
    const after = (await twin.lease({ want: 1 })).real;
    expect(after.slots[0]!.at).toBeGreaterThanOrEqual(after.now + 1_300_000);
    expect(after.slots[0]!.id).toBeGreaterThan(before!.id);
    expect(await server.redis.zscore(twin.keys[1], String(before!.id))).toBeNull();
  });

  test('whoever waits longer after a loss makes all wait, whether it asks before the loss or after it', async () => {
    const twin = new Twin({ ...timingOf({ calls: 5, windowMs: 1000 }), horizonMs: 1e7, lossMs: 1300 });
    const holding = { ...twin.timing, lossMs: 11_300 };
    await twin.lease({ want: 1 });
    const { since } = (await twin.lease({}, holding)).real;
    expect((await twin.lease({ want: 1 })).real.slots[0]!.at).toBeGreaterThanOrEqual(since + 11_300_000);
    await server.redis.hset(twin.keys[0], { run: 'f'.repeat(40) });
    twin.state.command.run = 'f'.repeat(40);
    const after = (await twin.lease({ want: 1 })).real;
    expect(after.slots[0]!.at).toBeGreaterThanOrEqual(after.now + 11_300_000);
    // It was said of the state before: who holds no token any more does not pay for it for ever.
    await server.redis.hset(twin.keys[0], { run: 'f'.repeat(40) });
    const again = (await twin.lease({ want: 1 })).real;
    expect(again.slots[0]!.at).toBeLessThan(again.now + 2_000_000);
  });

  test('a batch of a thousand reports goes through', async () => {
    const twin = await bucket(5, 1000);
    const calls = new Map(Array.from({ length: 1000 }, (_, n) => [n + 1, 1]));
    const returned = new Set(Array.from({ length: 1000 }, (_, n) => n + 5000));
    const { real } = await twin.lease({ want: 1, calls, returned });
    expect(real.slots).toHaveLength(1);
  });

  test('keys share the hash tag of the app and never expire', async () => {
    const twin = await bucket(5, 1000, {}, 10);
    await twin.lease({ want: 1 });
    for (const key of twin.keys) {
      expect(key).toMatch(/^\{befriend:test-[\w-]+\}:(app-)?limiter/);
      expect(await server.redis.ttl(key)).toBe(-1);
    }
    expect(argsOf(twin.timing, nothing)).toHaveLength(17);
  });
});
