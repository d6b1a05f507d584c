import { expect, test } from 'vitest';
import type { Lease } from '../../src/limiter/bucket.ts';
import { EMPTY_BUCKET, EMPTY_MODEL, type LimiterModel, modelLease } from '../../src/limiter/model.ts';
import { type Timing, timingOf } from '../../src/limiter/timing.ts';

/**
 * Calls a window of each command, when every command has more to call than it may, and its process asks as
 * `SharedLimiter` does: for a lease whenever fewer slots are in its hand, and not before a line that is full moves on.
 */
function underBacklog(calls: readonly number[], appCalls: number | null, windowMs = 1000): number[] {
  const timings = calls.map((n) => timingOf({ calls: n, windowMs }, {}, { appCalls }));
  const window = windowMs * 1000;
  const commands = calls.map(() => EMPTY_BUCKET);
  const slots = calls.map(() => [] as { id: number; at: number }[]);
  const said = calls.map(() => 0);
  const askAt = calls.map(() => 0);
  let shared: Pick<LimiterModel, 'app' | 'nextId'> = EMPTY_MODEL;
  const start = 1e12;
  const from = start + 4 * window;
  const end = start + 14 * window;
  for (let now = start; now < end; now += 500) {
    for (const [n, timing] of timings.entries()) {
      const mine = slots[n]!;
      if (now < askAt[n]! || mine.filter(({ at }) => at > now).length >= timing.leaseSize) continue;
      const sent = mine.slice(said[n]).filter(({ at }) => at <= now);
      said[n]! += sent.length;
      const { leadMs, latenessMs: bookedMs, leaseSize: want } = timing;
      const request = {
        want,
        leadMs,
        bookedMs,
        until: Infinity,
        interactive: false,
        forget: 0,
        throttled: 0,
        appThrottled: 0,
        returned: new Set<number>(),
      };
      const reports = new Map(sent.map(({ id, at }) => [id, at + 1000]));
      const state = { ...shared, command: commands[n]! };
      const told = modelLease(state, timing, { ...request, calls: reports }, { run: 'one', now });
      commands[n] = told.state.command;
      shared = told.state;
      mine.push(...told.lease.slots);
      askAt[n] = nextAsk(told.lease, timing, want);
    }
  }
  return slots.map((mine) => mine.filter(({ at }) => at >= from && at < end).length / 10);
}
/** As `SharedLimiter.nextAsk`, on Redis' clock, µs. */
function nextAsk({ now, slots, following, turn }: Lease, { horizonMs, refillMs, rate }: Timing, want: number): number {
  if (turn > 0) return turn;
  if (slots.length === want) return 0;
  if (slots.length > 0) return slots.at(-1)!.at - refillMs * 1000;
  return now + Math.max(horizonMs * 250, Math.min(following - now - horizonMs * 1000, rate.windowMs * 250));
}

/** Of a round of window, margin (4 ms) and lateness (1 ms). */
const FULL_USE = 1000 / 1005;

test.each([
  { calls: [200], appCalls: null },
  { calls: [50], appCalls: null },
  { calls: [200], appCalls: 200 },
  { calls: [200], appCalls: 120 },
  { calls: [200, 200], appCalls: 200 },
  { calls: [200, 100], appCalls: 250 },
  { calls: [200, 200], appCalls: 300 },
  { calls: [200, 200], appCalls: 400 },
  { calls: [200, 100], appCalls: 300 },
  { calls: [200, 200, 200, 100], appCalls: 500 },
])('with backlog nearly nothing is wasted: $calls a window of each command, $appCalls of the app', (limits) => {
  const { calls, appCalls } = limits;
  const sum = (numbers: readonly number[]): number => numbers.reduce((all, n) => all + n, 0);
  const most = Math.min(sum(calls), appCalls ?? Infinity);
  expect(sum(underBacklog(calls, appCalls)) / most).toBeGreaterThan(0.995 * FULL_USE);
});

test.each([
  { calls: [200, 200], appCalls: 200 },
  { calls: [200, 100], appCalls: 150 },
  { calls: [200, 200, 200, 100], appCalls: 200 },
  { calls: [20, 10], appCalls: 20 },
  { calls: [200, 200, 200, 100], appCalls: 30 },
  { calls: [5, 5], appCalls: 5 },
])('commands that want more than the app may all get on: $calls of each, $appCalls of the app', (limits) => {
  const got = underBacklog(limits.calls, limits.appCalls);
  // Whoever asks when a full line moves on gets what is there.
  expect(Math.max(...got) / Math.min(...got)).toBeLessThan(3.5);
});

test('a command that needs less than its share gets all of it', () => {
  expect(underBacklog([200, 20], 200)[1]).toBeGreaterThan(19);
  expect(underBacklog([200, 1], 100)[1]).toBeGreaterThan(0.9);
});
