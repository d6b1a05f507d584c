import { performance } from 'node:perf_hooks';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { keysOf } from '../../src/limiter/bucket.ts';
import { createLimiter, type Limiter, type LimiterOptions, type Slot } from '../../src/limiter/limiter.ts';
import { testRedis, type TestRedis } from '../support/redis.ts';
import { block, mostIn, uniqueCommand, until, use, warmLimiter } from './support.ts';

const APP = 1400000000;
let server: TestRedis;
beforeAll(async () => {
  server = await testRedis();
});
afterAll(() => server.close());

/** Limiters on connections of their own, as processes have, closed when `run` is done. */
async function limiters(
  count: number,
  options: Partial<LimiterOptions> & Pick<LimiterOptions, 'rate'>,
  run: (limiters: Limiter[], command: string) => Promise<void>,
): Promise<void> {
  const command = uniqueCommand();
  const connections = await Promise.all(Array.from({ length: count }, () => server.connect()));
  const all = connections.map((redis) => warmLimiter(redis, { command, ...options }));
  try {
    await run(all, command);
  } finally {
    await Promise.all(all.map((limiter) => limiter.close()));
    for (const redis of connections) redis.disconnect();
  }
}

const tokensOf = async (command: string): Promise<number> => {
  const all = await server.redis.zcard(keysOf(APP, command)[1]);
  return all - 1;
};

/** Round trips of the limiter's script so far. */
async function scriptCalls(): Promise<number> {
  const stats = await server.redis.info('commandstats');
  return [...stats.matchAll(/cmdstat_eval(?:sha)?:calls=(\d+)/g)].reduce((sum, match) => sum + Number(match[1]), 0);
}

async function writeNow(limiter: Limiter): Promise<Slot> {
  for (;;) {
    const slot = await limiter.take();
    if (slot.mayWrite()) return slot;
  }
}

describe('strict', () => {
  test.each([
    { calls: 50, windowMs: 250, latenessMs: 20, tripsACall: 1.2 },
    { calls: 20, windowMs: 100, latenessMs: 10, tripsACall: 3 },
    // Whoever waits asks a few times a window, also where a window has three calls.
    { calls: 3, windowMs: 50, latenessMs: 20, tripsACall: 12 },
  ])('three limiters under backlog: $calls per $windowMs ms', async ({ calls, windowMs, latenessMs, tripsACall }) => {
    await limiters(3, { rate: { calls, windowMs }, latenessMs }, async (all) => {
      const sends: number[] = [];
      const stop = new AbortController();
      const before = await scriptCalls();
      const work = Promise.all(all.map((limiter) => use(limiter, 20, sends, stop.signal)));
      await until(() => sends.length >= calls * 7);
      stop.abort();
      await work;
      const span = (sends.at(-1) as number) - (sends[0] as number);
      const used = ((sends.length - 1) / span) * (windowMs / calls);
      const trips = ((await scriptCalls()) - before) / sends.length;
      console.log(`use ${used.toFixed(3)}, round trips a call ${trips.toFixed(2)}`);
      expect(mostIn(sends, windowMs)).toBeLessThanOrEqual(calls);
      expect(new Set(sends).size).toBe(sends.length);
      expect(trips).toBeLessThanOrEqual(tripsACall);
    });
  });

  test('the first slots of a cold process', async () => {
    const rate = { calls: 20, windowMs: 100 };
    await limiters(2, { rate, coldSlots: undefined }, async (all) => {
      const sends: number[] = [];
      const stop = new AbortController();
      const work = Promise.all(all.map((limiter) => use(limiter, 20, sends, stop.signal)));
      await until(() => sends.length >= 60);
      stop.abort();
      await work;
      expect(mostIn(sends, 100)).toBeLessThanOrEqual(20);
    });
  });
});

describe('the limit of the app', () => {
  const windowMs = 250;

  test.each([
    { calls: [50, 50], appCalls: 50, tripsACall: 1.2 },
    { calls: [50, 25], appCalls: 60, tripsACall: 1.2 },
    { calls: [50, 25], appCalls: 75, tripsACall: 1.2 },
  ])('holds over two commands under backlog: $calls and $appCalls per 250 ms', async (limits) => {
    const { calls, appCalls, tripsACall } = limits;
    const app = uniqueCommand();
    const connections = await Promise.all(calls.map(() => server.connect()));
    const all = connections.map((redis, n) => {
      const rate = { calls: calls[n]!, windowMs };
      return warmLimiter(redis, { app, command: `command-${n}`, rate, appCalls });
    });
    const sends: number[][] = calls.map(() => []);
    const stop = new AbortController();
    const before = await scriptCalls();
    const work = Promise.all(all.map((limiter, n) => use(limiter, 20, sends[n]!, stop.signal)));
    await until(() => sends.flat().length >= appCalls * 8);
    stop.abort();
    await work;
    const trips = ((await scriptCalls()) - before) / sends.flat().length;
    await Promise.all(all.map((limiter) => limiter.close()));
    for (const redis of connections) redis.disconnect();
    const sorted = sends.flat().toSorted((a, b) => a - b);
    const used = ((sorted.length - 1) / (sorted.at(-1)! - sorted[0]!)) * (windowMs / appCalls);
    console.log(`use ${used.toFixed(3)}, ${sends.map((own) => own.length).join(' + ')}, trips ${trips.toFixed(2)}`);
    for (const [n, own] of sends.entries()) {
      expect(mostIn(own, windowMs)).toBeLessThanOrEqual(calls[n]!);
      // None starves. How equal the shares are is asked on a virtual clock (backlog.test.ts).
      expect(own.length).toBeGreaterThan(sorted.length / 10);
    }
    expect(mostIn(sorted, windowMs)).toBeLessThanOrEqual(appCalls);
    expect(trips).toBeLessThanOrEqual(tripsACall);
  });

  test('whoever knows it waits for the calls of a process that does not', async () => {
    const app = uniqueCommand();
    const rate = { calls: 10, windowMs };
    const aware = warmLimiter(server.redis, { app, command: 'a', rate, appCalls: 12 });
    (await writeNow(aware)).settled();
    const unaware = warmLimiter(server.redis, { app, command: 'b', rate });
    for (let n = 0; n < 10; n += 1) (await writeNow(unaware)).settled();
    const last = performance.now();
    (await writeNow(aware)).settled();
    expect(performance.now() - last).toBeGreaterThanOrEqual(windowMs);
    expect(aware.state.losses).toBe(0);
    await Promise.all([aware.close(), unaware.close()]);
  });

  test('its tokens are free again like the command’s, and every slot has one', async () => {
    const app = uniqueCommand();
    const limiter = warmLimiter(server.redis, { app, command: 'a', rate: { calls: 5, windowMs }, appCalls: 7 });
    const [, , , tokens] = keysOf(app, 'a');
    const idsOf = async (): Promise<string[]> =>
      (await server.redis.zrange(tokens, '0', '-1')).filter((id) => /^\d/.test(id));
    const slot = await limiter.take();
    expect(await idsOf()).toEqual([String(slot.id)]);
    slot.giveUp();
    await until(async () => (await idsOf()).length === 0);
    expect(await server.redis.zrange(tokens, '0', '-1')).toEqual(['origin']);
    await limiter.close();
  });

  test('one that makes no sense is refused', () => {
    expect(() => warmLimiter(server.redis, { rate: { calls: 5, windowMs }, appCalls: 0 })).toThrow(RangeError);
  });
});

describe('classes', () => {
  // The bounds are asked on a virtual clock (classes.test.ts); here the script and real time do it.
  test('an interactive caller does not wait behind what bulk callers leased, also on a connection of theirs', async () => {
    const rate = { calls: 100, windowMs: 500 };
    const command = uniqueCommand();
    const connections = await Promise.all([server.connect(), server.connect(), server.connect()]);
    const bulk = connections.map((redis) => warmLimiter(redis, { command, rate }));
    const interactive = warmLimiter(connections[0]!, { command, rate, class: 'interactive' });
    const sends: number[] = [];
    const stop = new AbortController();
    const work = Promise.all(bulk.map((limiter) => use(limiter, 30, sends, stop.signal)));
    await until(() => sends.length >= 100);
    const waits: number[] = [];
    for (let n = 0; n < 25; n += 1) {
      const asked = performance.now();
      const slot = await writeNow(interactive);
      sends.push(performance.now());
      waits.push(performance.now() - asked);
      slot.settled();
    }
    stop.abort();
    await work;
    await Promise.all([interactive, ...bulk].map((limiter) => limiter.close()));
    for (const redis of connections) redis.disconnect();
    waits.sort((a, b) => a - b);
    console.log(`waits ${waits[12]!.toFixed(1)} at the median, ${waits.at(-1)!.toFixed(1)} at most`);
    expect(waits[12]).toBeLessThanOrEqual(50);
    expect(mostIn(sends, rate.windowMs)).toBeLessThanOrEqual(rate.calls);
  });
});

describe('slots', () => {
  const rate = { calls: 2, windowMs: 200 };

  test('no slot comes before its time on the clock of Redis', async () => {
    await limiters(1, { rate: { calls: 100, windowMs: 500 } }, async ([limiter], command) => {
      for (let n = 0; n < 30; n += 1) {
        const slot = await limiter!.take();
        const [seconds, micros] = await server.redis.time();
        const booked = Number(await server.redis.zscore(keysOf(APP, command)[1], String(slot.id)));
        expect(Number(seconds) * 1e6 + Number(micros)).toBeGreaterThanOrEqual(booked - 20_000);
        slot.giveUp();
      }
    });
  });

  test('come in the order in which they were asked for', async () => {
    await limiters(1, { rate: { calls: 100, windowMs: 500 } }, async ([limiter]) => {
      const order: number[] = [];
      const take = async (n: number): Promise<void> => {
        const slot = await limiter!.take();
        order.push(n);
        slot.giveUp();
      };
      await Promise.all(Array.from({ length: 25 }, (_, n) => take(n)));
      expect(order).toEqual(Array.from({ length: 25 }, (_, n) => n));
    });
  });

  test('too old: nothing may be written, and the token is free again', async () => {
    await limiters(1, { rate }, async ([limiter], command) => {
      const slot = await limiter!.take();
      expect(await tokensOf(command)).toBe(1);
      block(25);
      expect(slot.mayWrite()).toBe(false);
      // On a busy machine one that came before may have been too old as well.
      expect(limiter!.state.tooOld).toBeGreaterThanOrEqual(1);
      expect(limiter!.state.sent).toBe(0);
      await until(async () => (await tokensOf(command)) === 0);
    });
  });

  test('given up: the token is free again; twice is once', async () => {
    await limiters(1, { rate }, async ([limiter], command) => {
      const slot = await limiter!.take();
      slot.giveUp();
      slot.giveUp();
      expect(slot.mayWrite()).toBe(false);
      await until(async () => (await tokensOf(command)) === 0);
    });
  });

  test('may be written once', async () => {
    await limiters(1, { rate }, async ([limiter]) => {
      const slot = await writeNow(limiter!);
      expect(slot.mayWrite()).toBe(false);
      slot.settled();
      expect(limiter!.state).toMatchObject({ sent: 1, unanswered: 0 });
    });
  });

  test('a late write moves the slot N places later', async () => {
    await limiters(1, { rate, latenessMs: 100 }, async ([limiter], command) => {
      const slot = await limiter!.take();
      block(40);
      const [seconds, micros] = await server.redis.time();
      expect(slot.mayWrite()).toBe(true);
      const late = performance.now();
      slot.settled();
      const token = async (): Promise<number> =>
        Number(await server.redis.zscore(keysOf(APP, command)[1], String(slot.id)));
      const booked = await token();
      await until(async () => (await token()) !== booked);
      expect(await token()).toBeGreaterThanOrEqual(Number(seconds) * 1e6 + Number(micros));
      expect(await token()).toBeLessThan(booked);
      (await writeNow(limiter!)).settled();
      (await writeNow(limiter!)).settled();
      expect(performance.now() - late).toBeGreaterThanOrEqual(200);
    });
  });

  test('a call without an answer keeps its token until it has one', async () => {
    const one = { calls: 1, windowMs: 60 };
    await limiters(2, { rate: one, callTimeoutMs: 60_000 }, async ([first, second]) => {
      const stuck = await writeNow(first!);
      let taken = false;
      const next = writeNow(second!).then((slot) => {
        taken = true;
        return slot;
      });
      await until(() => first!.state.held === 1);
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(taken).toBe(false);
      stuck.settled(false);
      expect(first!.state.held).toBe(0);
      const answered = performance.now();
      (await next).settled();
      // The bound is when it ended, less the half margin that an answer may take.
      expect(performance.now() - answered).toBeGreaterThanOrEqual(60);
    });
  });
});

describe('aborts', () => {
  test('a waiting take rejects with the reason, and its slot is given back', async () => {
    await limiters(1, { rate: { calls: 1, windowMs: 1000 } }, async ([limiter], command) => {
      const stop = new AbortController();
      (await writeNow(limiter!)).settled();
      const waiting = limiter!.take(stop.signal);
      await until(() => limiter!.state.leased === 1);
      stop.abort(new Error('enough'));
      await expect(waiting).rejects.toThrow('enough');
      expect(limiter!.state).toMatchObject({ waiting: 0, leased: 0 });
      await until(async () => (await tokensOf(command)) === 1);
    });
  });

  test('an aborted signal is refused at once', async () => {
    await limiters(1, { rate: { calls: 1, windowMs: 300 } }, async ([limiter]) => {
      await expect(limiter!.take(AbortSignal.abort(new Error('before')))).rejects.toThrow('before');
      expect(limiter!.state.waiting).toBe(0);
    });
  });
});

describe('throttling', () => {
  test('halves the shared rate once for all slots granted before, and it recovers', async () => {
    await limiters(2, { rate: { calls: 40, windowMs: 200 } }, async ([first, second], command) => {
      const slots = await Promise.all(Array.from({ length: 6 }, () => writeNow(first!)));
      for (const slot of slots) {
        slot.throttled();
        slot.settled();
      }
      await until(() => first!.state.ratePerSecond < 120);
      expect(first!.state.ratePerSecond).toBeGreaterThanOrEqual(100);
      (await writeNow(second!)).settled();
      expect(second!.state.ratePerSecond).toBeLessThan(130);
      // Half a minute without another one: the reduction lies back in time.
      const [state] = keysOf(APP, command);
      const at = Number(await server.redis.hget(state, 'reducedAt'));
      await server.redis.hset(state, { reducedAt: String(at - 30e6) });
      (await writeNow(second!)).settled();
      await until(async () => {
        (await writeNow(second!)).settled();
        return second!.state.ratePerSecond === 200;
      });
      expect(second!.state.ceilingPerSecond).toBe(200);
    });
  });
});

describe('"too fast" for the app', () => {
  test.each([
    { appCalls: null, ceiling: 200 },
    { appCalls: 30, ceiling: 150 },
    { appCalls: 60, ceiling: 200 },
  ])('halves the rate of every command, once for all slots granted before (app: $appCalls)', async (limits) => {
    const app = uniqueCommand();
    const rate = { calls: 40, windowMs: 200 };
    const { appCalls, ceiling } = limits;
    const [first, second] = ['a', 'b'].map((command) => warmLimiter(server.redis, { app, command, rate, appCalls }));
    const slots = await Promise.all([first!, second!, first!, second!].map(writeNow));
    for (const slot of slots) {
      slot.throttled('app');
      slot.settled();
    }
    for (const limiter of [first!, second!]) {
      await until(() => limiter.state.ratePerSecond < limiter.state.ceilingPerSecond);
      expect(limiter.state.ceilingPerSecond).toBe(ceiling);
    }
    // A later answer to the slots of both hit the same generation; a moment of recovery has passed.
    (await writeNow(first!)).settled();
    (await writeNow(second!)).settled();
    for (const { state } of [first!, second!]) {
      const half = Math.min(200, appCalls === null ? 200 : appCalls * 5) / 2;
      expect(state.ratePerSecond).toBeGreaterThanOrEqual(Math.min(100, half));
      expect(state.ratePerSecond).toBeLessThan(half * 1.3);
    }
    await Promise.all([first!.close(), second!.close()]);
  });
});

describe('closing', () => {
  test('gives back what was leased, refuses takers, and may be done twice', async () => {
    const redis = await server.connect();
    const command = uniqueCommand();
    const limiter = warmLimiter(redis, { command, rate: { calls: 40, windowMs: 400 } });
    const takers = Array.from({ length: 30 }, () => limiter.take());
    const slot = await takers[0]!;
    await until(() => limiter.state.leased > 2);
    const waiting = limiter.state.waiting;
    expect(waiting).toBeGreaterThan(0);
    const closing = limiter.close();
    const ends = await Promise.allSettled(takers);
    expect(ends.filter((end) => end.status === 'rejected')).toHaveLength(waiting);
    await Promise.all([closing, limiter.close()]);
    expect(slot.mayWrite()).toBe(false);
    await expect(limiter.take()).rejects.toThrow('closed');
    // Only slots in takers' hands are still tokens.
    expect(await tokensOf(command)).toBe(takers.length - waiting);
  });
});

test('a rate that makes no sense is refused', () => {
  const rate = { calls: 0, windowMs: 1000 };
  expect(() => createLimiter({ redis: server.redis, app: 1, command: 'c', rate, callTimeoutMs: 1 })).toThrow(
    RangeError,
  );
});

test('a connection with a keyPrefix is refused: it would be a second limit', () => {
  const redis = server.redis.duplicate({ keyPrefix: 'mine:', lazyConnect: true });
  expect(() => warmLimiter(redis, { rate: { calls: 10, windowMs: 1000 } })).toThrow("keyPrefix 'mine:'");
  redis.disconnect();
});
