import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Verdict } from '../../src/chat/classify.ts';
import { DEFAULT_CURVES } from '../../src/domain/backoff.ts';
import { type Fault, mayHold } from '../../src/domain/fault.ts';
import { type OpenItem, type Policy, settleCall, settleWithoutCall } from '../../src/jobs/settle.ts';
import { settlement } from '../domain/arbitraries.ts';
import { fault, openItemsBelow } from './arbitraries.ts';

/** Without jitter: 0.5 draws the middle. */
const POLICY: Policy = {
  attempts: 5,
  curves: DEFAULT_CURVES,
  backoffScale: 1,
  throttledMs: 1000,
  serviceLimitMs: 3000,
  random: () => 0.5,
};

const info = 'Err';
/** Of `malformed` and `account` faults items come settled already: `chat` makes them so. */
const FAULTS = {
  internal: { kind: 'transient', curve: 'internal', code: 30006, info, answered: true },
  conflict: { kind: 'transient', curve: 'conflict', code: 30008, info, answered: true },
  once: { kind: 'transient', curve: 'internal', code: 30007, info, answered: true, maxAttempts: 1 },
  gaveUp: { kind: 'transient', curve: 'internal', code: 60008, info, answered: false },
  noAnswer: { kind: 'transient', curve: 'network', code: null, info: 'reset', answered: false },
  neverSent: { kind: 'transient', curve: 'network', code: null, info: 'refused', answered: true },
  throttled: { kind: 'throttled', code: 60007, info },
  credentials: { kind: 'credentials', code: 60020, info, renewable: false },
  unreadable: { kind: 'unreadable', info: 'not JSON' },
  unknownCode: { kind: 'unknown-code', code: 79_999, info, maxAttempts: 3 },
} as const satisfies Record<string, Fault>;

const itemWith = (given: Partial<OpenItem> = {}): OpenItem => ({
  index: 0,
  item: { to: 'b', rows: 'forward' },
  attempts: 0,
  unanswered: false,
  fault: null,
  ...given,
});

const settleOne = (given: Partial<OpenItem>, verdict: Verdict, writes = true) =>
  settleCall([itemWith(given)], [verdict], writes, POLICY);

test('an unknown code of the whole call stops the job when its tries are used up; one of an item fails the item', () => {
  const odd = { kind: 'unknown-code', code: 66666, info: 'what', maxAttempts: 3 } as const;
  const whole = settleCall([itemWith({ attempts: 2 })], [{ fault: odd }], true, POLICY, odd);
  expect(whole.credentials).toMatchObject({ kind: 'credentials', code: 66666 });
  expect(whole.settled).toEqual([]);
  // The try is not spent: after the fix `resume` has it again.
  expect(whole.open).toEqual([itemWith({ attempts: 2, fault: odd })]);
  const single = settleCall([itemWith({ attempts: 2 })], [{ fault: odd }], true, POLICY);
  expect(single.settled).toMatchObject([{ settlement: { status: 'failed', code: 66666 } }]);
});

describe('the first fault of an item', () => {
  test.each([
    { name: 'internal', attempts: 1, delayMs: 500 },
    { name: 'conflict', attempts: 1, delayMs: 600 },
    { name: 'gaveUp', attempts: 1, delayMs: 3000, unanswered: true },
    { name: 'noAnswer', attempts: 1, delayMs: 3000, unanswered: true },
    { name: 'neverSent', attempts: 0, delayMs: 2000 },
    { name: 'throttled', attempts: 0, delayMs: 1000 },
    { name: 'credentials', attempts: 0, delayMs: 0 },
    { name: 'unreadable', attempts: 1, delayMs: 3000, unanswered: true },
    { name: 'unknownCode', attempts: 1, delayMs: 500 },
  ] as const)(
    '$name of a write: open, attempts $attempts, again in $delayMs ms',
    ({ name, attempts, delayMs, ...more }) => {
      const unanswered = 'unanswered' in more;
      const result = settleOne({}, { fault: FAULTS[name] });
      expect(result).toMatchObject({ settled: [], delayMs });
      expect(result.open).toEqual([itemWith({ attempts, unanswered, fault: FAULTS[name] })]);
      expect(result.credentials).toEqual(name === 'credentials' ? FAULTS.credentials : null);
    },
  );

  test.each(['gaveUp', 'noAnswer', 'unreadable'] as const)('%s of a read leaves nothing unanswered', (name) => {
    const { open, delayMs } = settleOne({}, { fault: FAULTS[name] }, false);
    expect(open).toEqual([itemWith({ attempts: 1, fault: FAULTS[name] })]);
    expect(delayMs).toBe(500);
  });
});

describe('the last attempt of an item', () => {
  const last = { attempts: POLICY.attempts - 1 };
  test.each([
    { name: 'internal', writes: true, word: { status: 'failed', code: 30006, info } },
    { name: 'conflict', writes: true, word: { status: 'failed', code: 30008, info } },
    { name: 'gaveUp', writes: true, word: { status: 'unknown', code: 60008, info } },
    { name: 'gaveUp', writes: false, word: { status: 'failed', code: 60008, info } },
    { name: 'noAnswer', writes: true, word: { status: 'unknown', code: null, info: '', fault: 'reset' } },
    { name: 'noAnswer', writes: false, word: { status: 'failed', code: null, info: '', fault: 'reset' } },
    { name: 'unreadable', writes: true, word: { status: 'unknown', code: null, info: '', fault: 'not JSON' } },
    { name: 'unreadable', writes: false, word: { status: 'failed', code: null, info: '', fault: 'not JSON' } },
    { name: 'unknownCode', writes: true, word: { status: 'failed', code: 79_999, info } },
  ] as const)('$name, writes $writes: $word.status', ({ name, writes, word }) => {
    const result = settleOne(last, { fault: FAULTS[name] }, writes);
    expect(result).toMatchObject({ open: [], delayMs: 0 });
    expect(result.settled).toEqual([{ index: 0, item: itemWith().item, attempts: POLICY.attempts, settlement: word }]);
  });

  test.each(['neverSent', 'throttled', 'credentials'] as const)('%s does not spend it', (name) => {
    expect(settleOne(last, { fault: FAULTS[name] }).open).toMatchObject([last]);
  });

  test.each([
    { name: 'once', after: 1 },
    { name: 'unknownCode', after: 3 },
  ] as const)('comes sooner where the code bounds the tries: $name after $after', ({ name, after }) => {
    const settledAt = [0, 1, 2, 3, 4].map((n) => settleOne({ attempts: n }, { fault: FAULTS[name] }).settled.length);
    expect(settledAt.indexOf(1) + 1).toBe(after);
  });
});

test('a write that was once unanswered stays unknown until an answer settles it', () => {
  const unanswered = { attempts: POLICY.attempts - 1, unanswered: true, fault: FAULTS.noAnswer };
  expect(settleOne(unanswered, { fault: FAULTS.internal }).settled).toMatchObject([
    { settlement: { status: 'unknown', code: 30006 } },
  ]);
  const answer = { status: 'failed' as const, code: 30003, info };
  expect(settleOne(unanswered, { settlement: answer }).settled).toMatchObject([{ settlement: answer }]);
});

test('the delay is that of the item that must wait longest; backoff is scaled, the service’s own limit is not', () => {
  const items = [itemWith({ attempts: 3 }), itemWith({ index: 1 })];
  const of = (faults: Fault[], policy: Policy) =>
    settleCall(
      items,
      faults.map((one) => ({ fault: one })),
      true,
      policy,
    ).delayMs;
  expect(of([FAULTS.internal, FAULTS.internal], POLICY)).toBe(4000);
  expect(of([FAULTS.internal, FAULTS.noAnswer], POLICY)).toBe(4000);
  const compressed = { ...POLICY, backoffScale: 0.1 };
  expect(of([FAULTS.internal, FAULTS.internal], compressed)).toBe(400);
  expect(of([FAULTS.internal, FAULTS.noAnswer], compressed)).toBe(3000);
});

const verdict: fc.Arbitrary<Verdict> = fc.oneof(
  { weight: 1, arbitrary: fc.record({ settlement }) },
  { weight: 3, arbitrary: fc.record({ fault }) },
);
const drawn = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
/** A call: its items, a verdict each, and the policy under which it is settled. */
const call = fc.tuple(fc.integer({ min: 1, max: 6 }), drawn, fc.boolean()).chain(([attempts, value, writes]) =>
  openItemsBelow(attempts).chain((items) =>
    fc.record({
      items: fc.constant(items),
      verdicts: fc.array(verdict, { minLength: items.length, maxLength: items.length }),
      writes: fc.constant(writes),
      policy: fc.constant<Policy>({ ...POLICY, attempts, random: () => value }),
    }),
  ),
);

test('every item is settled or open, never both, with at most one attempt more and never more than allowed', () => {
  fc.assert(
    fc.property(call, ({ items, verdicts, writes, policy }) => {
      const { settled, open, delayMs } = settleCall(items, verdicts, writes, policy);
      const places = [...settled, ...open].map(({ index }) => index).toSorted((a, b) => a - b);
      expect(places).toEqual(items.map(({ index }) => index));
      const before = new Map(items.map(({ index, attempts }) => [index, attempts]));
      for (const { index, attempts } of [...settled, ...open]) {
        expect([0, 1]).toContain(attempts - (before.get(index) as number));
        expect(attempts).toBeLessThanOrEqual(policy.attempts);
      }
      expect(open.every(({ attempts }) => attempts < policy.attempts)).toBe(true);
      expect(Number.isInteger(delayMs) && delayMs >= 0).toBe(true);
      expect(open.length > 0 || delayMs === 0).toBe(true);
    }),
    { numRuns: 300 },
  );
});

test('an unanswered write keeps away for as long as the service may still run it, and never ends as a guess', () => {
  fc.assert(
    fc.property(call, ({ items, verdicts, writes, policy }) => {
      const { settled, open, delayMs } = settleCall(items, verdicts, writes, policy);
      const faultOf = new Map(
        items
          .map(({ index }, place) => [index, verdicts[place] as Verdict] as const)
          .filter(([, one]) => 'fault' in one),
      );
      const waits = open.some(({ index, fault: one }) => writes && faultOf.has(index) && mayHold(one as Fault));
      expect(delayMs).toBeGreaterThanOrEqual(waits ? policy.serviceLimitMs : 0);
      const unanswered = new Map(items.map((item) => [item.index, item.unanswered]));
      for (const { index, settlement: word } of settled) {
        const one = faultOf.get(index) as { fault: Fault } | undefined;
        if (one === undefined) continue;
        const may = unanswered.get(index) === true || (writes && mayHold(one.fault));
        expect(word.status).toBe(may ? 'unknown' : 'failed');
      }
      for (const item of open)
        expect(item.unanswered).toBe(unanswered.get(item.index) || (writes && mayHold(item.fault as Fault)));
    }),
    { numRuns: 300 },
  );
});

test('whatever the service answers, an item ends after the allowed attempts at the latest', () => {
  const spending = fault.filter((one) => settleOne({}, { fault: one }).open.every(({ attempts }) => attempts === 1));
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 6 }),
      fc.array(spending, { minLength: 6, maxLength: 6 }),
      (attempts, faults) => {
        let open = [itemWith()];
        let calls = 0;
        for (const one of faults) {
          if (open.length === 0) break;
          calls += 1;
          open = settleCall(open, [{ fault: one }], true, { ...POLICY, attempts }).open;
        }
        expect(open).toEqual([]);
        expect(calls).toBeLessThanOrEqual(attempts);
      },
    ),
  );
});

describe('what a cancelled job’s open items end with', () => {
  test.each([
    { what: 'never sent', given: {}, word: { status: 'skipped', code: null } },
    { what: 'sent by a caller that died', given: { unanswered: true }, word: { status: 'unknown', code: null } },
    { what: 'throttled only', given: { fault: FAULTS.throttled }, word: { status: 'skipped', code: 60007 } },
    { what: 'refused for credentials', given: { fault: FAULTS.credentials }, word: { status: 'skipped', code: 60020 } },
    { what: 'API not reached', given: { fault: FAULTS.neverSent }, word: { status: 'skipped', code: null } },
    { what: 'failed once', given: { attempts: 1, fault: FAULTS.internal }, word: { status: 'failed', code: 30006 } },
    {
      what: 'failed, then throttled',
      given: { attempts: 1, fault: FAULTS.throttled },
      word: { status: 'failed', code: 60007 },
    },
    {
      what: 'a read without an answer',
      given: { attempts: 1, fault: FAULTS.noAnswer },
      word: { status: 'failed', code: null, info: '', fault: 'reset' },
    },
    {
      what: 'a write without an answer',
      given: { attempts: 1, unanswered: true, fault: FAULTS.noAnswer },
      word: { status: 'unknown', code: null, info: '', fault: 'reset' },
    },
    {
      what: 'a write without an answer, then throttled',
      given: { attempts: 1, unanswered: true, fault: FAULTS.throttled },
      word: { status: 'unknown', code: 60007 },
    },
  ] as const)('$what: $word.status', ({ given, word }) => {
    const item = itemWith(given);
    expect(settleWithoutCall([item])).toMatchObject([{ index: 0, attempts: item.attempts, settlement: word }]);
  });

  test('every outcome without a code says why', () => {
    fc.assert(
      fc.property(openItemsBelow(5), (items) => {
        for (const { settlement: word } of settleWithoutCall(items)) {
          expect(['failed', 'unknown', 'skipped']).toContain(word.status);
          expect(word.code === null ? typeof word.fault : 'string').toBe('string');
        }
      }),
    );
  });
});
