/** Interactive callers beside bulk ones that want more than they may, on a virtual clock. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mostIn } from './support.ts';
import { type ProcessOptions, type VirtualProcess, VirtualWorld } from './virtual.ts';

/** The first window, the wait of a new state, and what was leased before the interactive limiter came. */
const WARM_UP_MS = 4000;
const MOST_WAIT_MS = 50;

interface Scene {
  rate: { calls: number; windowMs: number };
  processes: number;
  /** None: no interactive limiter at all. Times between its callers, ms. */
  interactive: 'none' | number[];
  seed?: number;
}

interface Seen {
  /** Calls a window of what may be. */
  use: number;
  /** Runs of the script a call. */
  leases: number;
  waits: number[];
  most: number;
}

/** Bulk processes under backlog for a while, with an interactive process beside them. */
async function scene({ rate, processes, interactive, seed = 1 }: Scene, forMs = 6000): Promise<Seen> {
  const world = new VirtualWorld(seed);
  const spread = (): Partial<ProcessOptions> => ({ clockMs: world.random() * 1e6, drift: world.random() * 200 - 100 });
  for (let n = 0; n < processes; n += 1) world.process({ rate, ...spread() }).saturate(64);
  const person = interactive === 'none' ? null : world.process({ rate, class: 'interactive', ...spread() });
  await world.run(WARM_UP_MS);
  const before = world.leases;
  const waits = person && interactive !== 'none' ? callAt(world, person, interactive) : [];
  await world.run(forMs);
  const calls = world.calls.filter((at) => at >= WARM_UP_MS).length;
  return {
    use: (calls / forMs) * (rate.windowMs / rate.calls),
    leases: (world.leases - before) / calls,
    waits,
    most: mostIn(world.calls, rate.windowMs),
  };
}

function callAt(world: VirtualWorld, person: VirtualProcess, pauses: readonly number[]): number[] {
  const waits: number[] = [];
  let at = 0;
  for (const pause of pauses) {
    at += pause;
    world.after(at, () => void person.call().then((ms) => waits.push(ms)));
  }
  return waits;
}

const p99 = (times: readonly number[]): number =>
  times.toSorted((a, b) => a - b)[Math.ceil(times.length * 0.99) - 1] as number;

describe.each([1, 4, 16])('%i bulk processes under backlog', (processes) => {
  const rate = { calls: 200, windowMs: 1000 };

  test('an idle interactive limiter costs them nothing but a few commands', async () => {
    const without = await scene({ rate, processes, interactive: 'none' });
    const idle = await scene({ rate, processes, interactive: [] });
    console.log(`use ${idle.use} after ${without.use}, commands a call ${idle.leases} after ${without.leases}`);
    expect(idle.use).toBeGreaterThan(without.use - 0.005);
    expect(idle.most).toBeLessThanOrEqual(rate.calls);
    // Without turns sixteen processes made 0.37.
    expect(without.leases).toBeLessThan(0.12);
    expect(idle.leases).toBeLessThan(0.7);
  });

  test.each([100, 200, 1000])('at %i calls/s interactive callers wait 50 ms at most (p99)', async (calls) => {
    const pauses = Array.from({ length: 120 }, (_, n) => (n * 37) % 100);
    const { waits, most, leases } = await scene({ rate: { calls, windowMs: 1000 }, processes, interactive: pauses });
    expect(waits).toHaveLength(120);
    expect(p99(waits)).toBeLessThanOrEqual(MOST_WAIT_MS);
    expect(most).toBeLessThanOrEqual(calls);
    expect(leases).toBeLessThan(1.2);
  });
});

test('whenever they come, at any rate of at least 100 calls/s and window of at least 100 ms', async () => {
  const waits: number[] = [];
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        perSecond: fc.integer({ min: 100, max: 600 }),
        windowMs: fc.constantFrom(100, 250, 1000, 2000),
        processes: fc.integer({ min: 1, max: 16 }),
        seed: fc.nat(),
        // No more than they may have in all.
        pauses: fc.array(fc.integer({ min: 20, max: 120 }), { minLength: 20, maxLength: 40 }),
      }),
      async ({ perSecond, windowMs, processes, seed, pauses }) => {
        const rate = { calls: Math.round((perSecond * windowMs) / 1000), windowMs };
        const seen = await scene({ rate, processes, interactive: pauses, seed }, 5000);
        expect(seen.waits).toHaveLength(pauses.length);
        expect(seen.most).toBeLessThanOrEqual(rate.calls);
        waits.push(...seen.waits);
      },
    ),
    { numRuns: 12 },
  );
  expect(p99(waits)).toBeLessThanOrEqual(MOST_WAIT_MS);
});

test.each([
  { calls: 20, windowMs: 1000 },
  { calls: 5, windowMs: 1000 },
  { calls: 2, windowMs: 4000 },
])('at slow rates they wait for the reach and two slots: %o', async (rate) => {
  const spacing = rate.windowMs / rate.calls;
  const pauses = Array.from({ length: 12 }, (_, n) => spacing * (3 + (n % 4) / 4));
  const { waits, most } = await scene({ rate, processes: 4, interactive: pauses }, 60 * spacing);
  expect(waits).toHaveLength(12);
  expect(Math.max(...waits)).toBeLessThanOrEqual(25 + 2 * spacing);
  expect(most).toBeLessThanOrEqual(rate.calls);
});

test('interactive callers that use the limit up come first: bulk gets nothing', async () => {
  const rate = { calls: 100, windowMs: 500 };
  const world = new VirtualWorld();
  const bulk = world.process({ rate });
  bulk.saturate(64);
  await world.run(3000);
  world.process({ rate, class: 'interactive' }).saturate(64);
  await world.run(2000);
  const before = bulk.limiter.state.sent;
  await world.run(3000);
  expect(bulk.limiter.state.sent - before).toBeLessThan(10);
  expect(world.calls.filter((at) => at >= 5000).length / 600).toBeGreaterThan(0.98);
});

test('the first call of a new interactive process is not late, once bulk leaves room', async () => {
  const rate = { calls: 200, windowMs: 1000 };
  const world = new VirtualWorld();
  world.process({ rate }).saturate(64);
  world.process({ rate, class: 'interactive' });
  await world.run(WARM_UP_MS);
  for (let n = 0; n < 10; n += 1) {
    const waits = callAt(world, world.process({ rate, class: 'interactive' }), [0]);
    await world.run(MOST_WAIT_MS + 5);
    expect(waits).toHaveLength(1);
    expect(waits[0]).toBeLessThanOrEqual(MOST_WAIT_MS);
  }
});

test('bulk leases far ahead again a few seconds after the last interactive limiter is closed', async () => {
  const rate = { calls: 200, windowMs: 1000 };
  const world = new VirtualWorld();
  world.process({ rate }).saturate(64);
  const person = world.process({ rate, class: 'interactive' });
  const leasesIn = async (ms: number): Promise<number> => {
    const before = world.leases;
    await world.run(ms);
    return (world.leases - before) / ((ms / 1000) * rate.calls);
  };
  await world.run(WARM_UP_MS);
  // Idle for minutes: it says all the while that it is there.
  expect(await leasesIn(20_000)).toBeGreaterThan(0.3);
  void person.limiter.close();
  await world.run(5500);
  expect(await leasesIn(5000)).toBeLessThan(0.15);
});

test('turns that nobody takes do not hold up the others', async () => {
  const rate = { calls: 200, windowMs: 1000 };
  const world = new VirtualWorld();
  const bulk = Array.from({ length: 16 }, () => world.process({ rate }));
  for (const process of bulk) process.saturate(16);
  world.process({ rate, class: 'interactive' });
  await world.run(WARM_UP_MS);
  for (const process of bulk.slice(2)) process.kill();
  await world.run(2000);
  const before = world.calls.length;
  await world.run(3000);
  expect((world.calls.length - before) / 600).toBeGreaterThan(0.98);
});

test.each([
  { coldSlots: 0, withinMs: 51 },
  { coldSlots: 10, withinMs: 55 },
  { coldSlots: 1e9, withinMs: 60 },
  { coldSlots: 1e9, withinMs: 200 },
])('those who try for a slot spend none that nobody waits for: %o', async ({ coldSlots, withinMs }) => {
  const world = new VirtualWorld();
  const rate = { calls: 200, windowMs: 1000 };
  for (let n = 0; n < 4; n += 1) world.process({ rate }).saturate(64);
  const person = world.process({ rate, class: 'interactive' });
  const trying = world.process({ rate, coldSlots });
  await world.run(WARM_UP_MS);
  trying.try(3, withinMs, 3);
  const waits = callAt(
    world,
    person,
    Array.from({ length: 60 }, (_, n) => (n * 37) % 100),
  );
  await world.run(6000);
  console.log(`use ${world.calls.filter((at) => at >= WARM_UP_MS).length / 1200}, ${trying.limiter.state.sent} tried`);
  expect(world.calls.filter((at) => at >= WARM_UP_MS).length / 1200).toBeGreaterThan(0.985);
  // The line is full: some get one, and they try again and again.
  expect(trying.limiter.state.sent).toBeGreaterThan(0);
  expect(p99(waits)).toBeLessThanOrEqual(MOST_WAIT_MS);
});

test('with a limit of the app the other commands leave room too', async () => {
  const world = new VirtualWorld();
  const rate = { calls: 200, windowMs: 1000 };
  const appCalls = 250;
  for (const command of ['check', 'import']) {
    for (let n = 0; n < 3; n += 1) world.process({ rate, command, appCalls }).saturate(64);
  }
  const person = world.process({ rate, command: 'add', appCalls, class: 'interactive' });
  await world.run(WARM_UP_MS);
  const waits = callAt(
    world,
    person,
    Array.from({ length: 60 }, (_, n) => (n * 37) % 100),
  );
  await world.run(4000);
  expect(waits).toHaveLength(60);
  expect(p99(waits)).toBeLessThanOrEqual(MOST_WAIT_MS);
  expect(mostIn(world.calls, 1000)).toBeLessThanOrEqual(appCalls);
  expect(world.calls.filter((at) => at >= WARM_UP_MS).length / 4 / appCalls).toBeGreaterThan(0.985);
});
