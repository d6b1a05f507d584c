import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { LeaseRequest } from '../../src/limiter/bucket.ts';
import { EMPTY_APP, EMPTY_BUCKET, EMPTY_MODEL, type LimiterModel, modelLease } from '../../src/limiter/model.ts';
import { timingOf } from '../../src/limiter/timing.ts';
import { mostIn } from './support.ts';

/** Evenly spread: `fc.double` favours tiny numbers. */
const upTo = (most: number): fc.Arbitrary<number> => fc.integer({ min: 0, max: 1000 }).map((n) => (n * most) / 1000);

/** What becomes of a slot: its lateness and its way to the service are fractions of what is allowed. */
const fate = fc.record({
  kind: fc.oneof(
    { weight: 12, arbitrary: fc.constant('used' as const) },
    {
      weight: 1,
      arbitrary: fc.constantFrom('used, report lost', 'given back', 'unused, report lost', 'stuck'),
    },
  ),
  late: upTo(1),
  reportLate: upTo(1),
});

const ask = fc.record({
  process: fc.nat({ max: 3 }),
  command: fc.nat({ max: 1 }),
  interactive: fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  want: fc.integer({ min: 1, max: 12 }),
  /** How long it waits for a slot, as a fraction of the window. */
  patience: fc.oneof({ weight: 9, arbitrary: fc.constant(Infinity) }, { weight: 1, arbitrary: upTo(1) }),
  /** Time since the ask before, as a fraction of the window. */
  pause: fc.oneof({ weight: 20, arbitrary: upTo(0.1) }, { weight: 1, arbitrary: upTo(2) }),
  lost: fc.oneof(
    { weight: 60, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: fc.constantFrom('command' as const, 'app' as const, 'all' as const) },
  ),
  throttled: fc.oneof(
    { weight: 20, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: fc.constantFrom('command' as const, 'app' as const) },
  ),
});

const rates = fc.record({
  calls: fc.tuple(fc.integer({ min: 1, max: 25 }), fc.integer({ min: 1, max: 25 })),
  appCalls: fc.option(fc.integer({ min: 1, max: 40 }), { freq: 3 }),
  windowMs: fc.constantFrom(10, 40, 100, 250, 1000, 5000),
  marginMs: fc.integer({ min: 1, max: 20 }),
  latenessMs: fc.integer({ min: 0, max: 40 }),
  pace: fc.constantFrom(0.01, 0.5, 0.98, 1),
});

type Valued<A> = A extends fc.Arbitrary<infer V> ? V : never;
type Ask = Valued<typeof ask>;
type Fate = Valued<typeof fate>;

type World = Valued<typeof rates>;

interface Report {
  at: number;
  process: number;
  command: number;
  id: number;
  /** null: given back. */
  arrived: number | null;
  urgent: boolean;
}

const LIFE_MS = 3000;

/** Arrival times at the service in a world on a virtual clock, µs, of each of two commands of an app. */
function arrivals(world: World, asks: readonly Ask[], fates: readonly Fate[]): [number[], number[]] {
  const { calls, appCalls, windowMs, ...rest } = world;
  const timings = calls.map((n) =>
    timingOf({ calls: n, windowMs }, { ...rest, coldLatenessMs: rest.latenessMs }, { appCalls }),
  );
  const window = windowMs * 1000;
  const commands = calls.map(() => EMPTY_BUCKET);
  let shared: Pick<LimiterModel, 'app' | 'nextId'> = EMPTY_MODEL;
  let now = 1e12;
  let granted = 0;
  let reports: Report[] = [];
  const sent: [number[], number[]] = [[], []];
  for (const { process, command, interactive, want, patience, pause, lost, throttled } of asks) {
    now += Math.round(pause * window);
    const timing = timings[command]!;
    // Reports ride on the asks of their limiter. Urgent ones are sent at once, the others when no ask took them along:
    // such a lease wants nothing, and may be of the other command.
    const due = (report: Report): boolean => {
      const alone = report.at + (report.urgent ? 0 : timing.flushMs * 1000) <= now;
      return alone || (report.process === process && report.command === command && report.at <= now);
    };
    const heard = reports.filter(due);
    reports = reports.filter((report) => !heard.includes(report));
    const requestOf = (wanted: number, of: number): LeaseRequest => {
      const said = heard.filter((report) => report.command === of);
      return {
        want: wanted,
        leadMs: timing.leadMs,
        bookedMs: timing.latenessMs,
        until: now + Math.floor(patience * window),
        interactive: interactive && wanted > 0,
        forget: 0,
        throttled: wanted > 0 && throttled === 'command' ? (shared.nextId ?? 1) - 1 : 0,
        appThrottled: wanted > 0 && throttled === 'app' ? (shared.nextId ?? 1) - 1 : 0,
        returned: new Set(said.filter((report) => report.arrived === null).map((report) => report.id)),
        calls: new Map(said.flatMap(({ id, arrived }) => (arrived === null ? [] : [[id, arrived]]))),
      };
    };
    if (lost === 'command' || lost === 'all') commands[command] = EMPTY_BUCKET;
    if (lost === 'app' || lost === 'all') shared = { ...shared, app: EMPTY_APP };
    const leaseOf = (wanted: number, of: number): { id: number; at: number }[] => {
      const state = { ...shared, command: commands[of]! };
      const told = modelLease(state, timings[of]!, requestOf(wanted, of), { run: 'one', now });
      commands[of] = told.state.command;
      shared = told.state;
      return told.lease.slots;
    };
    leaseOf(0, 1 - command);
    for (const { id, at } of leaseOf(want, command)) {
      const { kind, late, reportLate } = fates[granted % fates.length]!;
      granted += 1;
      const write = at + Math.floor(late * timing.latenessMs * 1000);
      const report = (after: number, arrived: number | null, urgent = false): unknown =>
        reports.push({ at: write + Math.floor(after), process, command, id, arrived, urgent });
      const arrive = (when: number): unknown => sent[command]!.push(when);
      if (kind === 'given back') report(reportLate * window, null);
      if (kind === 'used' || kind === 'used, report lost') arrive(write);
      if (kind === 'used') report(reportLate * window, write);
      if (kind === 'stuck') {
        // Sent in time, arrives late. The answer says when; half a window without one is said at once.
        const way = Math.floor(reportLate * LIFE_MS * 1000);
        arrive(write + way);
        if (way >= window / 2) report(window / 2, write + LIFE_MS * 1000, true);
        report(way, write + way);
      }
    }
  }
  return sent;
}

test('no window sees more than N arrivals of a command or of the app, whatever processes do', () => {
  let full = 0;
  let appFull = 0;
  fc.assert(
    fc.property(
      rates,
      fc.array(ask, { minLength: 60, maxLength: 200, size: 'max' }),
      fc.array(fate, { minLength: 1, maxLength: 40, size: 'max' }),
      (world, asks, fates) => {
        // A call stuck over a loss is reported again by its process (`Calls.holdAll`): not in this world.
        const stuck = fates.some(({ kind }) => kind === 'stuck');
        const sent = arrivals(world, stuck ? asks.map((a) => ({ ...a, lost: null })) : asks, fates);
        const window = world.windowMs * 1000;
        for (const [n, calls] of world.calls.entries()) {
          const seen = mostIn(sent[n]!, window);
          if (calls > 5 && seen === calls) full += 1;
          expect(seen).toBeLessThanOrEqual(calls);
        }
        if (world.appCalls === null) return;
        const seen = mostIn(sent.flat(), window);
        if (world.appCalls > 5 && seen === world.appCalls) appFull += 1;
        expect(seen).toBeLessThanOrEqual(world.appCalls);
      },
    ),
    { numRuns: 3000 },
  );
  // The limits are reached again and again, so the property says something.
  expect(full).toBeGreaterThan(10);
  expect(appFull).toBeGreaterThan(10);
});
