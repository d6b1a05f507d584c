import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CallResult, Verdict } from '../../src/chat/classify.ts';
import { DEFAULT_CURVES } from '../../src/domain/backoff.ts';
import { type Fault, mayHold } from '../../src/domain/fault.ts';
import { type OperationOptions, OPERATIONS } from '../../src/domain/operation.ts';
import { NO_LESSONS, type OpenItem } from '../../src/jobs/open-items.ts';
import { type Policy, type SettleContext, settleBarred, settleCall, settleWithoutCall } from '../../src/jobs/settle.ts';
import { settlement } from '../domain/arbitraries.ts';
import { fault, openItem, openItemsBelow } from './arbitraries.ts';

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

const itemWith = (given: Partial<OpenItem> = {}): OpenItem => openItem(0, { to: 'b', rows: 'forward' }, given);

/** Nothing verifies, unless a test asks for it: then unanswered writes end with their last word. */
const contextWith = ({ options, ...given }: Partial<SettleContext> = {}): SettleContext => ({
  operation: OPERATIONS.import,
  options: { noVerify: true, ...options },
  lessons: NO_LESSONS,
  policy: POLICY,
  outage: false,
  ...given,
});
const READS = { operation: OPERATIONS.check };

const resultOf = (verdicts: Verdict[], callFault: Fault | null = null): CallResult => ({
  fault: callFault,
  verdicts,
  anomalies: [],
  requestId: null,
});
const wholeCall = (count: number, one: Fault) =>
  resultOf(
    Array.from({ length: count }, () => ({ fault: one })),
    one,
  );

const settleOne = (given: Partial<OpenItem>, verdict: Verdict, context: Partial<SettleContext> = {}) =>
  settleCall([itemWith(given)], [], resultOf([verdict]), contextWith(context));

describe('a code that no page lists', () => {
  const odd = { kind: 'unknown-code', code: 66666, info: 'what', maxAttempts: 3 } as const;
  const seen = (times: number) => ({ attempts: 3, fault: odd, times });

  test('of the whole call stops the job when it has come three times in a row; of one item it fails the item', () => {
    const whole = settleCall([itemWith(seen(2))], [], wholeCall(1, odd), contextWith());
    expect(whole.credentials).toMatchObject({ kind: 'credentials', code: 66666 });
    expect(whole.settled).toEqual([]);
    // The try is not spent: after the fix `resume` has it again.
    expect(whole.open).toEqual([itemWith(seen(3))]);
    const single = settleOne(seen(2), { fault: odd });
    expect(single.settled).toMatchObject([{ settlement: { status: 'failed', code: 66666 } }]);
  });

  test('is seen for the first time whatever failed the item before', () => {
    const before = { attempts: 2, fault: FAULTS.internal, times: 2 };
    for (const result of [wholeCall(1, odd), resultOf([{ fault: odd }])]) {
      const { open, credentials } = settleCall([itemWith(before)], [], result, contextWith());
      expect(credentials).toBeNull();
      expect(open).toEqual([itemWith({ attempts: 3, fault: odd, times: 1 })]);
    }
  });

  test('at the last attempt of the item fails the item, and does not stop the job before it is seen three times', () => {
    const last = { attempts: POLICY.attempts - 1, fault: FAULTS.internal, times: POLICY.attempts - 1 };
    const { settled, credentials } = settleCall([itemWith(last)], [], wholeCall(1, odd), contextWith());
    expect(credentials).toBeNull();
    expect(settled).toMatchObject([{ settlement: { status: 'failed', code: 66666 } }]);
  });
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
      expect(result.open).toEqual([itemWith({ attempts, unanswered, fault: FAULTS[name], times: attempts })]);
      expect(result.credentials).toEqual(name === 'credentials' ? FAULTS.credentials : null);
    },
  );

  test.each(['gaveUp', 'noAnswer', 'unreadable'] as const)('%s of a read leaves nothing unanswered', (name) => {
    const { open, delayMs } = settleOne({}, { fault: FAULTS[name] }, READS);
    expect(open).toEqual([itemWith({ attempts: 1, fault: FAULTS[name], times: 1 })]);
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
    const result = settleOne(last, { fault: FAULTS[name] }, writes ? {} : READS);
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
    const settledAt = [0, 1, 2, 3, 4].map(
      (n) => settleOne({ attempts: n, fault: FAULTS[name], times: n }, { fault: FAULTS[name] }).settled.length,
    );
    expect(settledAt.indexOf(1) + 1).toBe(after);
  });
});

test('an unanswered write that ends its item keeps the chunk away all the same: it may still run', () => {
  const last = itemWith({ attempts: POLICY.attempts - 1 });
  const waiting = openItem(1, { to: 'c', rows: 'forward' });
  const { settled, open, delayMs } = settleCall([last], [waiting], wholeCall(1, FAULTS.noAnswer), contextWith());
  expect(settled).toMatchObject([{ index: 0, settlement: { status: 'unknown' } }]);
  expect({ open, delayMs }).toEqual({ open: [waiting], delayMs: POLICY.serviceLimitMs });
});

test('a write that was once unanswered stays unknown until an answer settles it', () => {
  const unanswered = { attempts: POLICY.attempts - 1, unanswered: true, fault: FAULTS.noAnswer };
  expect(settleOne(unanswered, { fault: FAULTS.internal }).settled).toMatchObject([
    { settlement: { status: 'unknown', code: 30006 } },
  ]);
  const answer = { status: 'ok' as const, code: 0, info };
  expect(settleOne(unanswered, { settlement: answer }).settled).toMatchObject([{ settlement: answer }]);
});

describe('a refusal behind a write that was never answered, where no read is to tell', () => {
  const unanswered = { attempts: 1, unanswered: true, fault: FAULTS.noAnswer };
  const refusal = (code: number) => ({ status: 'failed' as const, code, info });

  test.each([
    // The one before may hold all the same.
    { code: 30001, status: 'unknown' },
    { code: 30010, status: 'unknown' },
    // Whose account is not there has no entry, and is in none.
    { code: 30002, status: 'failed' },
    { code: 30003, status: 'failed' },
  ])('$code: $status', ({ code, status }) => {
    const { settled } = settleOne(unanswered, { settlement: refusal(code) });
    expect(settled).toMatchObject([{ settlement: { status, code } }]);
    // A cancelled job ends it alike.
    const waiting = itemWith({ ...unanswered, step: 'verify', answer: refusal(code) });
    expect(settleWithoutCall([waiting])).toMatchObject([{ settlement: { status, code } }]);
  });

  test('a row that its From_Account’s bar ends is no better known', () => {
    const { settled } = settleCall(
      [itemWith()],
      [itemWith({ index: 1, ...unanswered })],
      resultOf([{ settlement: refusal(30010) }]),
      contextWith(),
    );
    expect(settled.map(({ settlement: { status } }) => status)).toEqual(['failed', 'unknown']);
  });

  test('an update that holds would be answered 0 again: refused, it does not', () => {
    const answer = { settlement: refusal(30001) };
    const { settled } = settleOne(unanswered, answer, { operation: OPERATIONS.update });
    expect(settled).toMatchObject([{ settlement: refusal(30001) }]);
  });

  test('answered at once, it is taken at its word', () => {
    expect(settleOne({}, { settlement: refusal(30001) }).settled).toMatchObject([{ settlement: refusal(30001) }]);
  });
});

test('the delay is that of the item that must wait longest; backoff is scaled, the service’s own limit is not', () => {
  const items = [itemWith({ attempts: 3 }), itemWith({ index: 1 })];
  const of = (faults: Fault[], policy: Policy) =>
    settleCall(items, [], resultOf(faults.map((one) => ({ fault: one }))), contextWith({ policy })).delayMs;
  expect(of([FAULTS.internal, FAULTS.internal], POLICY)).toBe(4000);
  expect(of([FAULTS.internal, FAULTS.noAnswer], POLICY)).toBe(4000);
  const compressed = { ...POLICY, backoffScale: 0.1 };
  expect(of([FAULTS.internal, FAULTS.internal], compressed)).toBe(400);
  expect(of([FAULTS.internal, FAULTS.noAnswer], compressed)).toBe(3000);
});

const contextOf = (writes: boolean, policy: Policy) => contextWith({ policy, ...(writes ? {} : READS) });

/** `malformed` and `account` are last words: they come as settlements. Codes that bar a From_Account have tests of their own. */
const verdict: fc.Arbitrary<Verdict> = fc.oneof(
  { weight: 1, arbitrary: fc.record({ settlement }) },
  {
    weight: 3,
    arbitrary: fc.record({ fault: fault.filter(({ kind }) => kind !== 'malformed' && kind !== 'account') }),
  },
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
      const { settled, open, delayMs } = settleCall(items, [], resultOf(verdicts), contextOf(writes, policy));
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
      const { settled, open, delayMs } = settleCall(items, [], resultOf(verdicts), contextOf(writes, policy));
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
          open = settleCall(
            open,
            [],
            resultOf([{ fault: one }]),
            contextWith({ policy: { ...POLICY, attempts } }),
          ).open;
        }
        expect(open).toEqual([]);
        expect(calls).toBeLessThanOrEqual(attempts);
      },
    ),
  );
});

describe('a call that was never answered, again and again', () => {
  const lot = (count: number) => Array.from({ length: count }, (_, n) => openItem(n, { to: `t${n}`, rows: 'forward' }));

  test('a single item is tried no more often than any other', () => {
    let open = lot(1);
    let lessons = NO_LESSONS;
    let calls = 0;
    for (; open.length > 0; calls += 1) {
      ({ open, lessons } = settleCall(open, [], wholeCall(1, FAULTS.noAnswer), contextWith({ lessons })));
    }
    expect(calls).toBe(POLICY.attempts);
  });

  test('while nothing reaches the API no attempt is spent and no body gets smaller', () => {
    const result = wholeCall(2, FAULTS.noAnswer);
    const { open, lessons, delayMs } = settleCall(lot(2), [], result, contextWith({ outage: true }));
    expect(open.map(({ attempts, unanswered }) => ({ attempts, unanswered }))).toEqual([
      { attempts: 0, unanswered: true },
      { attempts: 0, unanswered: true },
    ]);
    expect(lessons).toEqual(NO_LESSONS);
    expect(delayMs).toBeGreaterThanOrEqual(POLICY.serviceLimitMs);
  });
});

describe('a code that is about the From_Account', () => {
  const answer = (code: number): Verdict => ({ settlement: { status: 'failed', code, info } });
  const item = (index: number, given: Partial<OpenItem> = {}) =>
    openItem(index, { to: `t${index}`, rows: 'forward' }, given);

  test.each([30009, 30010])('%i ends every row that waits, with the code, unsent', (code) => {
    const { settled, open, bars } = settleCall([item(0)], [item(1), item(2)], resultOf([answer(code)]), contextWith());
    expect(open).toEqual([]);
    expect(settled.map(({ index, settlement: { status, code: of } }) => [index, status, of])).toEqual([
      [0, 'failed', code],
      [1, 'failed', code],
      [2, 'failed', code],
    ]);
    expect(settled[1]?.settlement.fault).toContain('not sent');
    expect(bars).toEqual([{ settlement: { status: 'failed', code, info } }]);
  });

  const listed = (index: number, groups?: string[]) =>
    openItem(index, { to: `t${index}`, rows: 'forward', ...(groups && { fields: { groups } }) });

  test('30011 ends the rows that name the lists it was answered to: others name lists that may be there', () => {
    const waiting = [listed(1, ['y', 'x']), listed(2, ['x']), listed(3, ['x', 'z', 'y']), listed(4, []), listed(5)];
    const result = resultOf([answer(30011)]);
    const { settled, open, bars } = settleCall([listed(0, ['x', 'y'])], waiting, result, contextWith());
    expect(settled.map(({ index, settlement: { code } }) => [index, code])).toEqual([0, 1, 3].map((n) => [n, 30011]));
    expect(open.map(({ index }) => index)).toEqual([2, 4, 5]);
    expect(bars).toEqual([{ settlement: { status: 'failed', code: 30011, info }, lists: ['x', 'y'] }]);
  });

  test('30011 to a row that names no list tells nothing of others', () => {
    expect(settleCall([listed(0)], [listed(1), item(2)], resultOf([answer(30011)]), contextWith())).toMatchObject({
      settled: [{ index: 0 }],
      open: [{ index: 1 }, { index: 2 }],
      bars: [],
    });
  });

  test.each([
    { before: {}, says: 'not sent:' },
    { before: { fault: FAULTS.neverSent }, says: 'not sent:' },
    { before: { fault: FAULTS.throttled }, says: 'not sent again:' },
    { before: { attempts: 1, fault: FAULTS.internal }, says: 'not sent again:' },
  ])('a row that waits with $before is $says', ({ before, says }) => {
    const { settled } = settleCall([item(0)], [item(1, before)], resultOf([answer(30010)]), contextWith());
    expect(settled[1]?.settlement.fault?.startsWith(says)).toBe(true);
  });

  test('one of the same call that failed in passing was sent', () => {
    const result = resultOf([answer(30010), { fault: FAULTS.internal }]);
    const { settled } = settleCall([item(0), item(1)], [], result, contextWith());
    expect(settled[1]).toMatchObject({ attempts: 1, settlement: { status: 'failed', code: 30010 } });
    expect(settled[1]?.settlement.fault).toContain('not sent again');
  });

  test('a row whose write may hold is not said to have failed', () => {
    const unanswered = item(1, { attempts: 1, unanswered: true, fault: FAULTS.noAnswer });
    const { settled } = settleCall([item(0)], [unanswered], resultOf([answer(30010)]), contextWith());
    expect(settled[1]?.settlement.status).toBe('unknown');
  });

  test('another chunk of the account takes the word of the first', () => {
    const { bars } = settleCall([item(0)], [], resultOf([answer(30010)]), contextWith());
    const { settled, open } = settleBarred([item(0), item(1)], bars, contextWith());
    expect(open).toEqual([]);
    expect(settled.map(({ attempts, settlement: { code } }) => [attempts, code])).toEqual([
      [0, 30010],
      [0, 30010],
    ]);
  });

  test('a policy that holds an account back for minutes holds its list, and tries three times', () => {
    const filtered: Fault = { kind: 'transient', curve: 'security', code: 30540, info, answered: true, maxAttempts: 3 };
    const first = settleOne({}, { fault: filtered });
    expect(first).toMatchObject({ delayMs: 120_000, holdFromMs: 120_000, settled: [] });
    const twice = { attempts: 2, fault: filtered, times: 2 };
    expect(settleOne(twice, { fault: filtered }).settled).toMatchObject([{ settlement: { code: 30540 } }]);
    // Two other failures before it are not two of its three.
    expect(settleOne({ ...twice, fault: FAULTS.internal }, { fault: filtered }).settled).toEqual([]);
  });
});

describe('what is in doubt is verified, unless the job is not to', () => {
  const verify = { options: { noVerify: false } };
  const ok: Verdict = { settlement: { status: 'ok', code: 0, info: '' } };
  const exists: Verdict = { settlement: { status: 'satisfied', code: 30001, info: 'Err_SNS_FriendAdd_Friend_Exist' } };
  const none: Verdict = { settlement: { status: 'satisfied', code: 31704, info: '' } };
  const odd: Verdict = { settlement: { status: 'failed', code: 30001, info: 'odd' } };

  const asked = (operation: 'import' | 'add' | 'delete' | 'update', options: OperationOptions, answer: Verdict) =>
    settleOne({}, answer, { operation: OPERATIONS[operation], options: { noVerify: false, ...options } }).open.some(
      ({ step }) => step === 'verify',
    );

  test.each([
    { what: 'import, 0', yes: false, of: ['import', {}, ok] },
    { what: 'add, 0', yes: true, of: ['add', {}, ok] },
    { what: 'add one way, 0', yes: true, of: ['add', { single: true }, ok] },
    { what: 'add by force, 0', yes: false, of: ['add', { force: true }, ok] },
    { what: 'add, exists', yes: true, of: ['add', {}, exists] },
    { what: 'add by force, exists', yes: true, of: ['add', { force: true }, exists] },
    { what: 'add one way, exists', yes: false, of: ['add', { single: true }, exists] },
    { what: 'delete, none there', yes: false, of: ['delete', {}, none] },
    { what: 'delete both, none there', yes: true, of: ['delete', { both: true }, none] },
    { what: 'delete, 30001', yes: true, of: ['delete', {}, odd] },
    { what: 'update, 30001', yes: false, of: ['update', {}, odd] },
    { what: 'add, 0, not to verify', yes: false, of: ['add', { noVerify: true }, ok] },
  ] as const)('$what: $yes', ({ of, yes }) => {
    expect(asked(...(of as Parameters<typeof asked>))).toBe(yes);
  });

  test('an unanswered write waits for the service and for a read that lags; an answered one for the read', () => {
    const last = { attempts: POLICY.attempts - 1 };
    expect(settleOne(last, { fault: FAULTS.noAnswer }, verify)).toMatchObject({
      settled: [],
      delayMs: 2 * POLICY.serviceLimitMs,
    });
    const add = { operation: OPERATIONS.add, ...verify };
    expect(settleOne({}, ok, add)).toMatchObject({ settled: [], delayMs: POLICY.serviceLimitMs });
  });
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
      what: 'answered 0, which was not verified yet',
      given: { attempts: 1, answer: { status: 'ok', code: 0, info: '' } },
      word: { status: 'unknown', code: 0 },
    },
    {
      what: 'answered with a failure that was not verified yet',
      given: { attempts: 1, answer: { status: 'failed', code: 30001, info } },
      word: { status: 'failed', code: 30001 },
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
