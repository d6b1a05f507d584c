/**
 * The limiter whole, on the model of its script instead of Redis and on a virtual clock: any rate and window, any number
 * of processes with clocks of their own, late timers, lost answers, killed processes, lost state, a limit of the app.
 */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { mostIn } from './support.ts';
import { type ProcessOptions, VirtualWorld } from './virtual.ts';

const COMMANDS = ['check', 'import'] as const;
/** A world of more calls would show nothing else. */
const MOST_CALLS = 2500;

const processes = fc.array(
  fc.record({
    command: fc.constantFrom(...COMMANDS),
    interactive: fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
    takers: fc.integer({ min: 1, max: 64 }),
    /** Beside them those who wait so long and no longer, ms. */
    tries: fc.option(fc.integer({ min: 51, max: 400 }), { freq: 2 }),
    clockMs: fc.integer({ min: 0, max: 1e9 }),
    /** Crystals are good for 100 ppm. */
    drift: fc.integer({ min: -100, max: 100 }),
    /** In windows, when it is killed. */
    killedAt: fc.option(fc.integer({ min: 1, max: 5 }), { freq: 4 }),
  }),
  { minLength: 1, maxLength: 16 },
);

const rates = fc
  .record({
    windowMs: fc.oneof(fc.constantFrom(10, 60_000), fc.integer({ min: 10, max: 2000 })),
    calls: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 1000 })),
  })
  // 10,000 calls/s are more than one process can take.
  .map(({ windowMs, calls }) => ({ windowMs, calls: Math.min(calls, windowMs * 10) }));

const worlds = fc.record({
  rate: rates,
  processes,
  /** Of the app's limit, that of a command: less than both commands together want. */
  app: fc.option(fc.constantFrom(0.5, 1, 1.5), { freq: 3 }),
  marginMs: fc.integer({ min: 1, max: 20 }),
  latenessMs: fc.integer({ min: 1, max: 30 }),
  /** How late the event loop is at most, of the lateness: some slots are too old. */
  busy: fc.constantFrom(0.1, 0.5, 1.5),
  redisMs: fc.constantFrom(0.2, 1, 5),
  readMs: fc.constantFrom(0, 0, 100),
  lossy: fc.constantFrom(0, 0, 0.05),
  lostAt: fc.option(fc.integer({ min: 2, max: 4 }), { freq: 4 }),
  seed: fc.nat(),
});

/** Worlds of one seed, whose windows are full again and again; those that follow are new in each run. */
const KNOWN = fc.sample(worlds, { seed: 1, numRuns: 45 }).map((world): [World] => [world]);

type World = typeof worlds extends fc.Arbitrary<infer V> ? V : never;

async function live(given: World, more: Partial<ProcessOptions> = {}): Promise<VirtualWorld> {
  const { rate, app, marginMs, latenessMs, busy, redisMs, readMs, lossy, lostAt, seed } = given;
  const world = new VirtualWorld(seed);
  world.lossy = lossy;
  const appCalls = app === null ? null : Math.max(1, Math.round(rate.calls * app));
  const all = given.processes.map(({ command, interactive, takers, tries, clockMs, drift, killedAt }) => {
    const process = world.process({
      rate,
      appCalls,
      command,
      class: interactive ? 'interactive' : 'bulk',
      clockMs,
      drift,
      marginMs,
      latenessMs,
      redis: world.between(0.1, redisMs),
      read: world.between(0, readMs),
      late: world.between(0, busy * latenessMs),
      // The spread of the way is what the margin is for.
      way: world.between(1, 1 + marginMs / 2),
      ...more,
    });
    process.saturate(takers);
    if (tries !== null) process.try(2, tries, rate.windowMs / 5);
    if (killedAt !== null) world.after(killedAt * rate.windowMs, () => process.kill());
    return process;
  });
  if (lostAt !== null) world.after(lostAt * rate.windowMs, () => world.lose());
  const windows = Math.min(10, MOST_CALLS / rate.calls);
  const longest = Math.max(...all.map(({ lossMs }) => lossMs));
  await world.run(longest * (lostAt === null ? 1 : 2) + windows * rate.windowMs);
  return world;
}

test('no window sees more than N calls, at any rate, with any processes, whatever they and their clocks do', async () => {
  const seen = { full: 0, app: 0 };
  await fc.assert(
    fc.asyncProperty(worlds, async (given) => {
      const world = await live(given);
      const { calls, windowMs } = given.rate;
      for (const times of world.arrivals.values()) {
        const most = mostIn(times, windowMs);
        expect(most).toBeLessThanOrEqual(calls);
        if (calls > 5 && most >= 0.9 * calls) seen.full += 1;
      }
      if (given.app === null) return;
      const appCalls = Math.max(1, Math.round(calls * given.app));
      const most = mostIn(world.calls, windowMs);
      expect(most).toBeLessThanOrEqual(appCalls);
      if (appCalls > 5 && most >= 0.9 * appCalls) seen.app += 1;
    }),
    { numRuns: 95, examples: KNOWN },
  );
  // Windows are full or nearly so again and again: the property says something.
  expect(seen.full).toBeGreaterThan(10);
  expect(seen.app).toBeGreaterThan(3);
}, 120_000);

test.each([
  { calls: 1, windowMs: 10 },
  { calls: 1, windowMs: 1000 },
  { calls: 100, windowMs: 100 },
  { calls: 1000, windowMs: 1000 },
  { calls: 200, windowMs: 60_000 },
  // What a process does with an answer after its first bytes costs nothing.
  { calls: 200, windowMs: 1000, readMs: 80 },
])('$calls per $windowMs ms: use = W ÷ (W + margin + lateness)', async ({ readMs = 0, ...rate }) => {
  const world = new VirtualWorld();
  const redis = world.between(0.05, 0.1);
  for (let n = 0; n < 2; n += 1) world.process({ rate, redis, read: world.between(0, readMs) }).saturate(64);
  const windows = Math.max(3, 1000 / rate.calls);
  await world.run(2 * rate.windowMs + 2000);
  const before = world.calls.length;
  await world.run(windows * rate.windowMs);
  const use = (world.calls.length - before) / (windows * rate.calls);
  // Timers fire up to 2 ms late here, and a lone slot in 10 ms cannot be leased ahead.
  const most = rate.windowMs / (rate.windowMs + 4);
  const least = rate.windowMs / (rate.windowMs + 4 + 2 + (rate.windowMs < 50 ? 6 : 0));
  console.log(`use ${use.toFixed(3)} of ${least.toFixed(3)} to ${most.toFixed(3)}`);
  expect(mostIn(world.calls, rate.windowMs)).toBeLessThanOrEqual(rate.calls);
  expect(use).toBeLessThanOrEqual(most + 0.005);
  expect(use).toBeGreaterThanOrEqual(least - 0.005);
});

test('with tokens held until the answer no delay on the way breaks the window, nor a time-out, kill or lost state', async () => {
  let reached = 0;
  await fc.assert(
    fc.asyncProperty(
      worlds,
      fc.constantFrom(300, 1500),
      fc.constantFrom(1000, 5000),
      async (given, wayMs, callTimeoutMs) => {
        const random = new VirtualWorld(given.seed);
        const way = random.between(0, wayMs);
        const world = await live(given, { way, back: way, callTimeoutMs, holdUntilAnswered: true });
        const { calls, windowMs } = given.rate;
        for (const times of world.arrivals.values()) {
          const most = mostIn(times, windowMs);
          expect(most).toBeLessThanOrEqual(calls);
          if (most >= 0.8 * calls) reached += 1;
        }
        if (given.app === null) return;
        expect(mostIn(world.calls, windowMs)).toBeLessThanOrEqual(Math.max(1, Math.round(calls * given.app)));
      },
    ),
    { numRuns: 30 },
  );
  console.log(`reached ${reached}`);
  expect(reached).toBeGreaterThan(1);
}, 120_000);

test.each([
  { answerMs: 30, use: 0.966 },
  { answerMs: 100, use: 0.905 },
])('held until an answer of $answerMs ms: use = W ÷ (W + margin + lateness + answer) = $use', async (expected) => {
  const world = new VirtualWorld();
  const half = world.between(expected.answerMs / 2 - 1, expected.answerMs / 2 + 1);
  const rate = { calls: 200, windowMs: 1000 };
  for (let n = 0; n < 4; n += 1) {
    world.process({ rate, way: half, back: half, callTimeoutMs: 1000, holdUntilAnswered: true }).saturate(64);
  }
  await world.run(4000);
  const before = world.calls.length;
  await world.run(10_000);
  expect((world.calls.length - before) / 2000).toBeGreaterThan(expected.use - 0.005);
  expect((world.calls.length - before) / 2000).toBeLessThan(expected.use + 0.005);
});
