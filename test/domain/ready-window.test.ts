/** A ready window that is topped up by shares, run through with a clock of its own: who gets the calls, and when. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { secondsBeside } from '../../src/domain/forecast.ts';
import type { Priority } from '../../src/domain/job.ts';
import { FIRST_PART, type Standing, topUps, WEIGHT } from '../../src/domain/shares.ts';

const LIMIT = 200;
const WINDOW_SECONDS = 2;
const FEED_SECONDS = 0.5;
/** A feed that looks a moment before a job comes sees it next time. */
const SLACK_SECONDS = WINDOW_SECONDS + FEED_SECONDS;

interface Plan {
  calls: number;
  priority: Priority;
  /** When it is submitted. */
  at: number;
  /** Its priority is another one from then on. */
  later?: { at: number; priority: Priority };
}

interface Call {
  job: number;
  at: number;
}

/** As feed, queue and callers do it: a queue of two places, first come first served, and hands that wait for a slot. */
function run(plans: readonly Plan[], { hands = 64, until = Infinity } = {}): Call[] {
  const jobs = plans.map((plan) => ({ plan, fed: 0, ready: 0, left: plan.calls }));
  const queue: Record<'first' | 'next', number[]> = { first: [], next: [] };
  const inHand: number[] = [];
  const calls: Call[] = [];
  const feed = (now: number): void => {
    const here = jobs.filter(({ plan, ready, left }) => plan.at <= now && ready + left > 0);
    const more = topUps(
      LIMIT * WINDOW_SECONDS,
      here.map(({ plan, ready, left }): Standing => {
        const priority = plan.later && plan.later.at <= now ? plan.later.priority : plan.priority;
        return { weight: WEIGHT[priority], ready, delayed: 0, left };
      }),
    );
    for (const [n, job] of here.entries()) {
      for (let chunk = 0; chunk < more[n]!; chunk += 1) {
        const first = job.fed === 0 && chunk < more[n]! * FIRST_PART;
        queue[first ? 'first' : 'next'].push(jobs.indexOf(job));
      }
      job.fed += more[n]!;
      job.ready += more[n]!;
      job.left -= more[n]!;
    }
  };
  for (let tick = 0; tick < until * LIMIT && jobs.some(({ ready, left }) => ready + left > 0); tick += 1) {
    const now = tick / LIMIT;
    if (tick % (LIMIT * FEED_SECONDS) === 0) feed(now);
    while (inHand.length < hands && queue.first.length + queue.next.length > 0) {
      inHand.push((queue.first.shift() ?? queue.next.shift())!);
    }
    const job = inHand.shift();
    if (job === undefined) continue;
    jobs[job]!.ready -= 1;
    calls.push({ job, at: now });
  }
  return calls;
}

const callsOf = (calls: readonly Call[], job: number): number[] =>
  calls.filter((call) => call.job === job).map(({ at }) => at);

const priority = fc.constantFrom<Priority>('high', 'normal', 'low');
const NIGHT: Plan = { calls: 10_000, priority: 'low', at: 0 };

test('while all have work each gets calls by its weight in any ten seconds, and none is left out', () => {
  fc.assert(
    fc.property(
      fc.array(priority, { minLength: 1, maxLength: 5 }),
      fc.integer({ min: 3, max: 20 }),
      fc.constantFrom(1, 64, 1000),
      (priorities, from, hands) => {
        const calls = run(
          priorities.map((one) => ({ calls: 100_000, priority: one, at: 0 })),
          { until: from + 10, hands },
        );
        const weights = priorities.map((one) => WEIGHT[one]);
        const whole = weights.reduce((sum, weight) => sum + weight, 0);
        for (const [n, weight] of weights.entries()) {
          const got = callsOf(calls, n).filter((at) => at >= from).length;
          const due = (10 * LIMIT * weight) / whole;
          // Ten seconds are some turns of the window; a turn more or less, and parts are whole chunks.
          expect(Math.abs(got - due)).toBeLessThanOrEqual(due / 4 + 10);
        }
      },
    ),
    { numRuns: 40 },
  );
});

test('no call is left unmade while a chunk is left', () => {
  const plans = fc.array(fc.record({ calls: fc.nat(1500), priority, at: fc.constant(0) }), { maxLength: 5 });
  fc.assert(
    fc.property(plans, (jobs) => {
      const calls = run(jobs);
      expect(calls.map(({ at }) => at)).toEqual(calls.map((_, n) => n / LIMIT));
    }),
    { numRuns: 40 },
  );
});

test('a job that comes ends as forecast, within the window, whoever has filled window and hands before', () => {
  const small = fc.record({ calls: fc.integer({ min: 1, max: 1000 }), priority, at: fc.constant(5) });
  fc.assert(
    fc.property(small, priority, fc.constantFrom(1, 64, 1000), (mine, other, hands) => {
      const plans = [{ ...NIGHT, priority: other }, mine];
      const calls = callsOf(run(plans, { hands, until: 60 }), 1);
      const told = secondsBeside(mine, [plans[0]!], LIMIT);
      expect(calls[0]! - mine.at).toBeLessThanOrEqual(SLACK_SECONDS);
      if (told > 50) return;
      expect(calls).toHaveLength(mine.calls);
      expect(calls.at(-1)! - mine.at).toBeLessThanOrEqual(told * 1.05 + SLACK_SECONDS);
    }),
    { numRuns: 60 },
  );
});

test('a job that comes has its first calls at once, behind what is in hand', () => {
  const [first] = callsOf(run([NIGHT, { calls: 20, priority: 'normal', at: 5 }], { until: 20 }), 1);
  expect(first! - 5).toBeLessThanOrEqual(64 / LIMIT);
});

test('another priority counts as soon as the window has passed', () => {
  const plans: Plan[] = [
    { ...NIGHT, priority: 'normal', later: { at: 10, priority: 'low' } },
    { ...NIGHT, priority: 'normal' },
  ];
  const [mine] = [callsOf(run(plans, { until: 30 }), 0)];
  const within = (from: number, to: number): number => mine!.filter((at) => at >= from && at < to).length / (to - from);
  expect(within(4, 10)).toBeCloseTo(LIMIT / 2, -1);
  expect(within(10 + SLACK_SECONDS, 28)).toBeCloseTo(LIMIT / 5, -1);
});

test('what waits for another try leaves its place to others, and takes no more than as much again', () => {
  const high: Standing = { weight: 16, ready: 0, delayed: 0, left: 1000 };
  const low: Standing = { ...high, weight: 4 };
  expect(topUps(400, [high, low])).toEqual([320, 80]);
  // Half of its part waits: it has its part ready all the same.
  expect(topUps(400, [{ ...high, delayed: 160 }, low])).toEqual([320, 80]);
  // All that it may have open waits.
  expect(topUps(400, [{ ...high, delayed: 640 }, low])).toEqual([0, 400]);
  expect(topUps(400, [{ ...high, ready: 320, delayed: 640 }, low])).toEqual([0, 80]);
});

test('a job that has more than its part, since another one came, is given nothing; the other one is', () => {
  expect(
    topUps(400, [
      { weight: 1, ready: 400, delayed: 0, left: 9000 },
      { weight: 4, ready: 0, delayed: 0, left: 9000 },
    ]),
  ).toEqual([0, 320]);
  expect(topUps(400, [{ weight: 1, ready: 400, delayed: 0, left: 9000 }])).toEqual([0]);
});

test('the smallest part is one chunk', () => {
  const many = Array.from({ length: 30 }, (): Standing => ({ weight: 16, ready: 0, delayed: 0, left: 100 }));
  expect(topUps(100, [...many, { weight: 1, ready: 0, delayed: 0, left: 100 }]).at(-1)).toBe(1);
});
