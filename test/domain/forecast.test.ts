import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { callsLeft, type Load, runningJobs, secondsBeside } from '../../src/domain/forecast.ts';
import type { JobStatus, Priority } from '../../src/domain/job.ts';
import { WEIGHT } from '../../src/domain/shares.ts';

test('calls left are the open chunks, and more of them where calls had to be made again', () => {
  expect(callsLeft({ planned: 100, closed: 40, made: 40, retried: 0 })).toBe(60);
  expect(callsLeft({ planned: 100, closed: 40, made: 60, retried: 15 })).toBe(80);
  expect(callsLeft({ planned: 100, closed: 100, made: 130, retried: 30 })).toBe(0);
  expect(callsLeft({ planned: 100, closed: 0, made: 0, retried: 0 })).toBe(100);
  // Nothing passed yet: no forecast is endless.
  expect(callsLeft({ planned: 100, closed: 0, made: 50, retried: 50 })).toBe(1000);
});

test('jobs share with those that are fed; where none is, with all that run', () => {
  const job = (id: string, given: Partial<JobStatus> = {}): JobStatus =>
    ({
      id,
      operation: 'import',
      state: 'running',
      priority: 'normal',
      closed: 10,
      fed: true,
      calls: { planned: 30, made: 10, throttled: 0, retried: 0, lookups: 0 },
      ...given,
    }) as JobStatus;
  const others = [job('checks', { operation: 'check' }), job('paused', { state: 'paused' })];
  const ids = (...jobs: JobStatus[]) => runningJobs('friend_import', [...others, ...jobs]).map(({ id }) => id);
  expect(ids(job('a'), job('b', { fed: false }), job('c'))).toEqual(['a', 'c']);
  expect(ids(job('a', { fed: false }), job('b', { fed: false }))).toEqual(['a', 'b']);
  expect(runningJobs('friend_import', [job('a')])).toEqual([{ id: 'a', priority: 'normal', callsLeft: 20, made: 10 }]);
});

/**
 * Calls until the first load is done, made one by one: the next one is always that of the job which has had least for
 * its weight. What weighted shares of one limit come to.
 */
function callsUntilDone(loads: readonly Load[]): number {
  const made = loads.map(() => 0);
  for (let calls = 0; ; calls += 1) {
    if (made[0] === loads[0]!.calls) return calls;
    const due = loads.map(({ calls: all, priority }, n) =>
      made[n] === all ? Infinity : (made[n]! + 1) / WEIGHT[priority],
    );
    // Where several are due, mine is the last: they are counted as beside it.
    const next = due.lastIndexOf(Math.min(...due));
    made[next]! += 1;
  }
}

const load = (most: number): fc.Arbitrary<Load> =>
  fc.record({ calls: fc.nat(most), priority: fc.constantFrom<Priority>('high', 'normal', 'low') });

test('beside others a job takes as long as calls that are made one by one, each of whose turn it is', () => {
  fc.assert(
    fc.property(load(200), fc.array(load(1000), { maxLength: 6 }), (mine, others) => {
      const told = secondsBeside(mine, others, 1);
      const made = callsUntilDone([mine, ...others]);
      // Of each other job a part of a call may be due.
      expect(told - made).toBeGreaterThanOrEqual(-1e-9);
      expect(told - made).toBeLessThanOrEqual(others.length);
    }),
  );
});

test('among equals every call of mine stands beside one of each', () => {
  const equal = fc.nat(300).map((calls): Load => ({ calls, priority: 'low' }));
  fc.assert(
    fc.property(equal, fc.array(equal, { maxLength: 6 }), (mine, others) => {
      expect(secondsBeside(mine, others, 1)).toBe(callsUntilDone([mine, ...others]));
    }),
  );
  expect(secondsBeside({ calls: 400, priority: 'high' }, [], 200)).toBe(2);
});

test('a job of 2,000 calls beside a job of ten million', () => {
  const night = { calls: 10_000_000, priority: 'low' } as const;
  const seconds = (priority: Priority) => secondsBeside({ calls: 2000, priority }, [night], 200);
  expect({ high: seconds('high'), normal: seconds('normal'), low: seconds('low') }).toEqual({
    high: 10.625,
    normal: 12.5,
    low: 20,
  });
});
