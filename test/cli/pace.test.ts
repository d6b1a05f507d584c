import { expect, test } from 'vitest';
import { openPace } from '../../src/cli/pace.ts';
import type { JobStatus, Priority } from '../../src/domain/job.ts';
import type { Outlook } from '../../src/jobs/outlook.ts';

const jobWith = (given: { made?: number; retried?: number; closed?: number; state?: JobStatus['state'] }): JobStatus =>
  ({
    id: 'mine',
    priority: 'normal',
    operation: 'import',
    state: given.state ?? 'running',
    closed: given.closed ?? 0,
    calls: { planned: 10_000, made: given.made ?? 0, throttled: 0, retried: given.retried ?? 0 },
  }) as JobStatus;

const outlook = (jobs: Outlook['jobs'] = [], given: Partial<Outlook> = {}): Outlook => ({
  ceiling: 200,
  limit: 200,
  allowed: { callsPerSecond: null, inFlight: null },
  throttled: null,
  tooFast: null,
  jobs,
  lastDelayMs: 0,
  unanswered: 0,
  heldBack: null,
  trouble: null,
  ...given,
});

test('the first forecast is the limit; later ones go by what all jobs of the command really got', () => {
  const pace = openPace(true);
  const looks = Array.from({ length: 60 }, (_, n) => {
    const made = n * 75; // 150 calls a second, two looks a second
    const job = jobWith({ made, closed: made });
    return pace(job, outlook([{ id: 'mine', priority: 'normal', callsLeft: 10_000 - made, made }]), n * 500);
  });
  expect(looks[0]).toMatchObject({ secondsLeft: 50, callsPerSecond: 0, others: 0, note: null });
  expect(looks[59]!.callsPerSecond).toBeCloseTo(150);
  expect(looks[59]!.secondsLeft).toBeCloseTo((10_000 - 59 * 75) / 150);
});

test('other jobs of the command are part of the time that is left', () => {
  const { secondsLeft, others } = openPace(true)(
    jobWith({}),
    outlook([
      { id: 'mine', priority: 'normal', callsLeft: 10_000, made: 0 },
      { id: 'small', priority: 'normal', callsLeft: 2000, made: 0 },
      { id: 'large', priority: 'normal', callsLeft: 90_000, made: 500 },
    ]),
    0,
  );
  expect({ secondsLeft, others }).toEqual({ secondsLeft: 22_000 / 200, others: 2 });
});

test('a job of another priority counts by its weight', () => {
  const beside = (mine: Priority, other: Priority) =>
    openPace(true)(
      { ...jobWith({}), priority: mine },
      outlook([
        { id: 'mine', priority: mine, callsLeft: 10_000, made: 0 },
        { id: 'large', priority: other, callsLeft: 90_000, made: 500 },
      ]),
      0,
    );
  expect(beside('high', 'normal')).toMatchObject({
    secondsLeft: 12_500 / 200,
    note: 'shares the limit with 1 running job: 80 % of the calls',
  });
  expect(beside('low', 'normal')).toMatchObject({
    secondsLeft: 50_000 / 200,
    note: 'shares the limit with 1 running job: 20 % of the calls',
  });
});

test('a job that ends beside this one takes nothing back from what was got', () => {
  const pace = openPace(true);
  for (let n = 0; n < 20; n++) {
    const jobs: Outlook['jobs'] = [{ id: 'mine', priority: 'normal', callsLeft: 5000, made: 50 * n }];
    if (n < 10) jobs.push({ id: 'other', priority: 'normal', callsLeft: 10, made: 50 * n });
    pace(jobWith({ made: 50 * n, closed: 50 * n }), outlook(jobs), 500 * n);
  }
  const last = pace(
    jobWith({ made: 1000, closed: 1000 }),
    outlook([{ id: 'mine', priority: 'normal', callsLeft: 9000, made: 1000 }]),
    10_000,
  );
  expect(last.secondsLeft).toBeGreaterThan(9000 / 200);
  expect(last.secondsLeft).toBeLessThan(9000 / 100);
});

test.each([
  [
    'an API that is away',
    { trouble: 'connection refused' },
    'calls fail (connection refused); trying again until they pass',
  ],
  [
    'outcomes that nobody takes',
    { heldBack: '82 MB of outcomes wait in Redis, since no worker writes them' },
    'nothing new is fed: 82 MB of outcomes wait in Redis, since no worker writes them',
  ],
  [
    'a lowered limit',
    { limit: 100, throttled: 'command' as const, tooFast: { code: 60007, msAgo: 11_400 } },
    '100 of 200 calls/s: the service said "too fast" (60007) 12 s ago, recovering',
  ],
  [
    'a limit that an operator has lowered',
    { limit: 100, allowed: { callsPerSecond: 100, inFlight: 8 } },
    '100 of 200 calls/s: befriend limit allows 100 calls/s, 8 in flight',
  ],
  [
    'a lowered limit of the app, whose code is forgotten',
    { limit: 100, throttled: 'app' as const, tooFast: { code: null, msAgo: 0 } },
    '100 of 200 calls/s: the service said "too fast" to the whole app 0 s ago, recovering',
  ],
])('%s is said, with what befriend does about it', (_, given, says) => {
  const { note, secondsLeft } = openPace(true)(jobWith({}), outlook([], given), 0);
  expect(note).toBe(says);
  expect(secondsLeft).toBe('trouble' in given || 'heldBack' in given ? null : 100);
});

test('silence is explained: rows that wait for another try, calls without an answer, a missing worker', () => {
  const looked = (here: boolean, given: Partial<Outlook> = {}) => {
    const pace = openPace(here);
    for (let n = 0; n < 60; n++) pace(jobWith({ made: 5 }), outlook([], given), n * 500);
    return pace(jobWith({ made: 5 }), outlook([], given), 30_000);
  };
  expect(looked(true, { lastDelayMs: 2000 }).note).toBe(
    'no call for 30 s: the rows that are left wait for another try',
  );
  expect(looked(false).note).toBe('no call for 30 s: is a worker running? (befriend worker)');
  expect(looked(true).note).toBe('no call for 30 s');
  expect(looked(true).secondsLeft).toBeNull();
  // Calls that hang say more than rows that wait beside them, or a limit that was lowered before.
  const hanging = looked(true, { unanswered: 64, lastDelayMs: 2000, limit: 100 });
  expect(hanging).toMatchObject({ note: 'no answer for 30 s: 64 calls wait for one', secondsLeft: null });
  expect(looked(true, { unanswered: 1 }).note).toBe('no answer for 30 s: 1 call waits for one');
});

test('a job that is held has no time left, and its silence begins when it goes on', () => {
  const pace = openPace(true);
  const at = (state: JobStatus['state'], seconds: number) => pace(jobWith({ state }), outlook(), 1000 * seconds);
  expect(at('paused', 0)).toMatchObject({ note: 'paused: no new calls', secondsLeft: null });
  expect(at('paused', 60)).toMatchObject({ note: 'paused: no new calls', secondsLeft: null });
  expect(at('running', 61)).toMatchObject({ note: null, secondsLeft: 50 });
  expect(at('running', 63)).toMatchObject({ note: 'no call for 3 s', secondsLeft: null });
  expect(at('completed', 64).note).toBeNull();
});

/** 100 calls a second for `from` to `to` seconds, none at other times, looked at twice a second. */
function outage(from: number, to: number, during: (seconds: number) => Partial<Outlook>) {
  const pace = openPace(true);
  let made = 0;
  return (seconds: number): ReturnType<typeof pace>[] =>
    Array.from({ length: 2 * seconds }, (_, n) => {
      const at = n / 2;
      const out = at > from && at <= to;
      if (n > 0 && !out) made += 50;
      return pace(
        jobWith({ made, closed: made }),
        outlook([{ id: 'mine', priority: 'normal', callsLeft: 10_000 - made, made }], out ? during(at - from) : {}),
        1000 * at,
      );
    });
}

test('while calls get no answer there is no time left, and afterwards it goes by what came since', () => {
  const trouble = 'no answer: silence for 4 s';
  const seen = outage(10, 40, (since) => (since < 14 ? { unanswered: since < 0.5 ? 0 : 64 } : { trouble }))(60);
  const at = (seconds: number) => seen[2 * seconds]!;
  const left = (seconds: number) => 10_000 - at(seconds).job.calls.made;
  // Before it is sure that nothing moves, the rate is that of the last calls.
  for (const seconds of [9, 10, 11, 12]) expect(at(seconds).secondsLeft).toBeCloseTo(left(seconds) / 100);
  expect(at(12).note).toBeNull();
  for (let seconds = 13; seconds <= 40; seconds++) expect(at(seconds).secondsLeft).toBeNull();
  expect(at(17)).toMatchObject({ note: 'no answer for 7 s: 64 calls wait for one', callsPerSecond: 0 });
  expect(at(30).note).toContain('calls fail (no answer: silence for 4 s)');
  // The limit for three seconds, as at the start.
  expect(at(41)).toMatchObject({ note: null, secondsLeft: left(41) / 200 });
  for (let seconds = 44; seconds < 60; seconds++) expect(at(seconds).secondsLeft).toBeCloseTo(left(seconds) / 100);
  expect(at(41).callsPerSecond).toBeCloseTo(100);
});

test('calls that fail with an answer are calls: their rate is shown, and no time left', () => {
  const pace = openPace(true);
  const failing = Array.from({ length: 20 }, (_, n) =>
    pace(
      jobWith({ made: 50 * n, retried: 50 * n }),
      outlook([{ id: 'mine', priority: 'normal', callsLeft: 10_000, made: 50 * n }], {
        trouble: 'code 60008 time-out',
      }),
      500 * n,
    ),
  ).at(-1)!;
  expect(failing.callsPerSecond).toBeCloseTo(100);
  expect(failing.secondsLeft).toBeNull();
});

test('no job is over before the last chunk that waits has come back', () => {
  const job = jobWith({ made: 10_000, closed: 9990 });
  const { secondsLeft } = openPace(true)(
    job,
    outlook([{ id: 'mine', priority: 'normal', callsLeft: 10, made: 10_000 }], { lastDelayMs: 6500 }),
    0,
  );
  expect(secondsLeft).toBe(7);
});

test('jobs that share the limit are named where nothing else is to be said', () => {
  const two: Outlook['jobs'] = [
    { id: 'mine', priority: 'normal', callsLeft: 10, made: 0 },
    { id: 'other', priority: 'normal', callsLeft: 10, made: 0 },
  ];
  expect(openPace(true)(jobWith({}), outlook(two), 0).note).toBe(
    'shares the limit with 1 running job: 50 % of the calls',
  );
});
