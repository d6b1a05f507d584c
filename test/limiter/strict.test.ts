import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { LeaseRequest } from '../../src/limiter/bucket.ts';
import { type BucketState, EMPTY_BUCKET, modelLease } from '../../src/limiter/model.ts';
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
  want: fc.integer({ min: 1, max: 12 }),
  /** Time since the ask before, as a fraction of the window. */
  pause: fc.oneof({ weight: 20, arbitrary: upTo(0.1) }, { weight: 1, arbitrary: upTo(2) }),
  lost: fc.oneof({ weight: 60, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
  throttled: fc.oneof({ weight: 20, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
});

const rates = fc.record({
  calls: fc.integer({ min: 1, max: 25 }),
  windowMs: fc.constantFrom(10, 40, 100, 250, 1000, 5000),
  marginMs: fc.integer({ min: 1, max: 20 }),
  latenessMs: fc.integer({ min: 0, max: 40 }),
  pace: fc.constantFrom(0.01, 0.5, 0.98, 1),
});

type Valued<A> = A extends fc.Arbitrary<infer V> ? V : never;
type Ask = Valued<typeof ask>;
type Fate = Valued<typeof fate>;

interface Report {
  at: number;
  process: number;
  id: number;
  /** null: given back. */
  arrived: number | null;
  urgent: boolean;
}

const LIFE_MS = 3000;

/** Arrival times at the service in a world on a virtual clock, µs. */
function arrivals(
  tuning: { calls: number; windowMs: number; marginMs: number; latenessMs: number; pace: number },
  asks: readonly Ask[],
  fates: readonly Fate[],
): number[] {
  const { calls, windowMs, ...rest } = tuning;
  const timing = timingOf({ calls, windowMs }, { ...rest, coldLatenessMs: rest.latenessMs });
  const window = windowMs * 1000;
  let state: BucketState = EMPTY_BUCKET;
  let now = 1e12;
  let granted = 0;
  let reports: Report[] = [];
  const sent: number[] = [];
  for (const { process, want, pause, lost, throttled } of asks) {
    now += Math.round(pause * window);
    // Reports ride on the asks of their process. Urgent ones are sent at once, the others when no ask took them along.
    const heard = reports.filter((report) => {
      const alone = report.at + (report.urgent ? 0 : timing.flushMs * 1000) <= now;
      return alone || (report.process === process && report.at <= now);
    });
    reports = reports.filter((report) => !heard.includes(report));
    const request: LeaseRequest = {
      want,
      leadMs: timing.leadMs,
      latenessMs: timing.latenessMs,
      forget: 0,
      throttled: throttled ? state.nextId - 1 : 0,
      returned: new Set(heard.filter((report) => report.arrived === null).map((report) => report.id)),
      calls: new Map(heard.flatMap(({ id, arrived }) => (arrived === null ? [] : [[id, arrived]]))),
    };
    if (lost) state = { ...EMPTY_BUCKET, nextId: state.nextId };
    const { state: next, lease } = modelLease(state, timing, request, { run: 'one', now });
    state = next;
    for (const { id, at } of lease.slots) {
      const { kind, late, reportLate } = fates[granted % fates.length]!;
      granted += 1;
      const write = at + Math.floor(late * timing.latenessMs * 1000);
      const report = (after: number, arrived: number | null, urgent = false): unknown =>
        reports.push({ at: write + Math.floor(after), process, id, arrived, urgent });
      if (kind === 'given back') report(reportLate * window, null);
      if (kind === 'used' || kind === 'used, report lost') sent.push(write);
      if (kind === 'used') report(reportLate * window, write);
      if (kind === 'stuck') {
        // Sent in time, arrives late. The answer says when; half a window without one is said at once.
        const way = Math.floor(reportLate * LIFE_MS * 1000);
        sent.push(write + way);
        if (way >= window / 2) report(window / 2, write + LIFE_MS * 1000, true);
        report(way, write + way);
      }
    }
  }
  return sent;
}

test('no window sees more than N arrivals, whatever processes do', () => {
  let full = 0;
  fc.assert(
    fc.property(
      rates,
      fc.array(ask, { minLength: 60, maxLength: 200, size: 'max' }),
      fc.array(fate, { minLength: 1, maxLength: 40, size: 'max' }),
      (tuning, asks, fates) => {
        // A call stuck over a loss is reported again by its process (`Calls.holdAll`): not in this world.
        const world = fates.some(({ kind }) => kind === 'stuck') ? asks.map((a) => ({ ...a, lost: false })) : asks;
        const seen = mostIn(arrivals(tuning, world, fates), tuning.windowMs * 1000);
        if (tuning.calls > 5 && seen === tuning.calls) full += 1;
        expect(seen).toBeLessThanOrEqual(tuning.calls);
      },
    ),
    { numRuns: 600 },
  );
  // The limit is reached again and again, so the property says something.
  expect(full).toBeGreaterThan(10);
});

test('with backlog and prompt processes nearly nothing is wasted', () => {
  for (const [calls, windowMs] of [
    [200, 1000],
    [50, 250],
    [20, 100],
    [5, 1000],
  ] as const) {
    const marginMs = 5;
    const fates = [{ kind: 'used' as const, late: 0.05, reportLate: 0 }];
    const every = 0.2 / calls;
    const asks = Array.from({ length: Math.round(6 / every) }, () => ({
      process: 0,
      want: 10,
      pause: every,
      lost: false,
      throttled: false,
    }));
    const sent = arrivals({ calls, windowMs, marginMs, latenessMs: 20, pace: 0.98 }, asks, fates);
    const span = (sent.at(-1)! - sent[0]!) / 1000;
    const used = ((sent.length - 1) / span) * (windowMs / calls);
    expect(used / (windowMs / (windowMs + marginMs + 1))).toBeGreaterThan(0.995);
  }
});
