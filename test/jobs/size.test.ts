/** How many items the next call carries: chunks that are called to their end against services that fail whole calls. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CallResult, classify } from '../../src/chat/classify.ts';
import { TransportError } from '../../src/transport/transport-error.ts';
import { DEFAULT_CURVES } from '../../src/domain/backoff.ts';
import type { NextCall } from '../../src/jobs/next-call.ts';
import { ANY_SIZE, sizeAfter, startIn } from '../../src/jobs/size.ts';
import type { Policy } from '../../src/jobs/settle.ts';
import { endedAs, walk } from './walk.ts';

const policy: Policy = {
  attempts: 5,
  curves: DEFAULT_CURVES,
  backoffScale: 1,
  throttledMs: 1000,
  serviceLimitMs: 3000,
  random: () => 0.5,
};

type Service = (call: NextCall) => CallResult;

const answered = ({ operation, items }: NextCall, body: object): CallResult =>
  classify(operation, items, { kind: 'response', status: 200, body: JSON.stringify(body) });

/** Every item was written, every account is there, every friendship holds. */
const passes: Service = (call) => {
  const found = { ResultCode: 0, ResultInfo: '', AccountStatus: 'Imported', Relation: 'CheckResult_Type_AWithB' };
  const entries = call.items.map(({ to }) => ({ ...found, To_Account: to, UserID: to }));
  return answered(call, { ActionStatus: 'OK', ErrorCode: 0, ResultItem: entries, InfoItem: entries });
};
const refuses =
  (code: number): Service =>
  (call) =>
    answered(call, { ActionStatus: 'FAIL', ErrorCode: code, ErrorInfo: '' });
const silence: Service = ({ operation, items }) =>
  classify(operation, items, { kind: 'error', error: new TransportError('no answer within 10 s', 'ETIMEDOUT', true) });

/** Fails the calls that carry one of these places, and passes the others. */
const spoiltBy =
  (places: ReadonlySet<number>, fails: Service): Service =>
  (call) =>
    (call.items.some(({ to }) => places.has(Number(to.slice(1)))) ? fails : passes)(call);
const above =
  (most: number, fails: Service): Service =>
  (call) =>
    (call.items.length > most ? fails : passes)(call);

const WRITES = { policy, options: { noVerify: true } };
const DOUBTED = { ...WRITES, past: { step: 'accounts', fault: { kind: 'account', code: 30003, info: '' } } } as const;
const UNREAD = {
  policy,
  past: { step: 'verify', attempts: 5, unanswered: true, fault: { kind: 'unreadable', info: 'not JSON' } },
} as const;

const levels = (count: number): number => Math.ceil(Math.log2(count));
const sorted = (places: Iterable<number>): number[] => [...places].toSorted((a, b) => a - b);
const failing = ({ calls }: ReturnType<typeof walk>): number => calls.filter(({ fault }) => fault !== null).length;

/** A chunk, and some of its places, never all. */
const chunkWith = (most: number) =>
  fc
    .integer({ min: most + 1, max: 1000 })
    .chain((count) =>
      fc.record({ count: fc.constant(count), places: fc.uniqueArray(fc.nat(count - 1), { maxLength: most }) }),
    );

describe('calls above a size fail', () => {
  const sizes = fc.record({ count: fc.integer({ min: 1, max: 1000 }), most: fc.integer({ min: 1, max: 1000 }) });
  /** Between half of what passes and all of it is carried; now and then it is tried whether more is possible by now. */
  const bounds = ({ count, most }: { count: number; most: number }) => {
    const passing = count > most ? Math.ceil(count / Math.ceil((most + 1) / 2)) : 1;
    return { passing, failing: 2 + levels(count) + Math.floor(passing / 16) };
  };

  test.each([
    { what: 'no answer', fails: silence },
    { what: '60008', fails: refuses(60008) },
    { what: '60003', fails: refuses(60003) },
  ])('$what: every row is written all the same, and the size that failed is hardly tried again', ({ fails }) => {
    fc.assert(
      fc.property(sizes, ({ count, most }) => {
        const run = walk(count, above(most, fails), WRITES);
        expect(endedAs(run, 'ok')).toHaveLength(count);
        const bound = bounds({ count, most });
        expect(failing(run)).toBeLessThanOrEqual(bound.failing);
        expect(run.calls.length - failing(run)).toBeLessThanOrEqual(bound.passing);
      }),
      { numRuns: 60 },
    );
  });

  test('the walk down: the same size twice, then halves; never back up to what failed', () => {
    const { calls } = walk(1000, above(100, silence), WRITES);
    const sixteenth = Array.from({ length: 15 }, () => 63);
    expect(calls.map(({ size }) => size)).toEqual([1000, 1000, 500, 250, 125, ...sixteenth, 55]);
  });

  test('of a read of writes in doubt: it gets smaller as well', () => {
    fc.assert(
      fc.property(sizes, ({ count, most }) => {
        const run = walk(count, above(most, silence), UNREAD);
        expect(endedAs(run, 'satisfied')).toHaveLength(count);
        expect(failing(run)).toBeLessThanOrEqual(bounds({ count, most }).failing);
      }),
      { numRuns: 40 },
    );
  });
});

describe('an item spoils the calls that carry it: they are not answered', () => {
  test('up to two are found, and cost no other row its answer', () => {
    fc.assert(
      fc.property(chunkWith(2), ({ count, places }) => {
        const run = walk(count, spoiltBy(new Set(places), silence), WRITES);
        expect(endedAs(run, 'unknown')).toEqual(sorted(places));
        expect(endedAs(run, 'ok')).toHaveLength(count - places.length);
        const each = 3 * levels(count) + policy.attempts;
        expect(run.calls.length).toBeLessThanOrEqual(2 + places.length * each);
        // Attempts, and halves.
        expect(run.mostSends).toBeLessThanOrEqual(policy.attempts + places.length * (1 + levels(count)));
      }),
      { numRuns: 100 },
    );
  });

  test.each([
    [0, 1, 2, 3, 4, 5, 6, 7],
    [0, 250, 500, 750, 999],
    [993, 994, 995, 996, 997, 998, 999],
  ])('more than that, where they are %i, %i, %i, …: the same', (...places) => {
    const run = walk(1000, spoiltBy(new Set(places), silence), WRITES);
    expect(endedAs(run, 'unknown')).toEqual(places);
  });

  test('reads of writes in doubt: only what spoils them stays unknown', () => {
    fc.assert(
      fc.property(chunkWith(2), ({ count, places }) => {
        const run = walk(count, spoiltBy(new Set(places), silence), UNREAD);
        expect(endedAs(run, 'unknown')).toEqual(sorted(places));
        expect(endedAs(run, 'satisfied')).toHaveLength(count - places.length);
      }),
      { numRuns: 60 },
    );
  });
});

describe('nothing is ever answered', () => {
  test.each([
    { what: 'writes', given: WRITES },
    { what: 'accounts', given: DOUBTED },
    { what: 'reads of writes in doubt', given: UNREAD },
  ])('$what: neither size nor an item is the cause, so the attempts of whole calls end it', ({ given }) => {
    const { calls, settled } = walk(1000, silence, given);
    expect(settled).toHaveLength(1000);
    expect(calls.length).toBeLessThan(20);
    expect(calls.at(-1)?.size).toBeGreaterThan(90);
  });

  test('for a while: what failed by chance keeps no calls small', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 16 }), (silent) => {
        let calls = 0;
        const run = walk(1000, (call) => (++calls > silent ? passes : silence)(call), WRITES);
        expect(endedAs(run, 'ok')).toHaveLength(1000);
        expect(run.calls.length).toBeLessThanOrEqual(silent + 16 + levels(1000) + 1);
      }),
    );
  });
});

describe('an item spoils the calls that carry it: they are refused', () => {
  const anyPlaces = fc.oneof(
    chunkWith(3),
    fc.integer({ min: 1, max: 300 }).chain((count) =>
      fc.record({
        count: fc.constant(count),
        // Runs of neighbours, as a file has them.
        places: fc
          .tuple(fc.nat(count - 1), fc.nat(count))
          .map(([from, length]) => Array.from({ length: Math.min(length, count - from) }, (_, n) => from + n)),
      }),
    ),
  );

  test('each that ends as refused was refused alone, all others pass', () => {
    fc.assert(
      fc.property(anyPlaces, ({ count, places }) => {
        const run = walk(count, spoiltBy(new Set(places), refuses(30001)), WRITES);
        expect(endedAs(run, 'failed')).toEqual(sorted(places));
        expect(run.calls.filter(({ size, fault }) => size === 1 && fault !== null)).toHaveLength(places.length);
        // Halving down to each, and growing again behind it; never more than two calls a row.
        const each = places.length * (1 + 2 * levels(count)) + levels(count);
        expect(run.calls.length).toBeLessThanOrEqual(1 + Math.min(each, 2 * count + levels(count)));
      }),
      { numRuns: 100 },
    );
  });

  test('a chunk of nothing else costs a call a row, and the halves before the first', () => {
    const everything = new Set(Array.from({ length: 1000 }, (_, n) => n));
    const run = walk(1000, spoiltBy(everything, refuses(30001)), WRITES);
    expect(endedAs(run, 'failed')).toHaveLength(1000);
    expect(run.calls).toHaveLength(1000 + levels(1000));
  });
});

describe('lookups of accounts that are refused', () => {
  const calls = (count: number) => Math.ceil((1 + count) / 100) + 3 * levels(100) + 3;

  test.each([70402, 30001, 30002, 60003, 70206])('%i: an account that spoils them is found by halves', (code) => {
    fc.assert(
      fc.property(chunkWith(1), ({ count, places }) => {
        const bad = spoiltBy(new Set(places), refuses(code));
        const run = walk(count, (call) => (call.step === 'accounts' ? bad : passes)(call), DOUBTED);
        expect(endedAs(run, 'failed')).toEqual(sorted(places));
        expect(endedAs(run, 'ok')).toHaveLength(count - places.length);
        expect(run.calls.length).toBeLessThanOrEqual(calls(count));
      }),
      { numRuns: 40 },
    );
  });

  test.each([70402, 30001, 30002, 60003, 70206])('%i for From_Account, or for everything: all rows end', (code) => {
    const ofFrom: Service = (call) => (call.items.some(({ to }) => to === 'from') ? refuses(code) : passes)(call);
    for (const service of [ofFrom, refuses(code)]) {
      const run = walk(1000, service, DOUBTED);
      expect(run.settled.map(({ settlement: { status, code: of } }) => [status, of])).toEqual(
        run.settled.map(() => ['failed', 30003]),
      );
      expect(run.calls.length).toBeLessThan(10);
    }
  });
});

test('reads of writes in doubt that are refused: who is missing is found by halves, and told', () => {
  fc.assert(
    fc.property(chunkWith(2), ({ count, places }) => {
      const run = walk(count, spoiltBy(new Set(places), refuses(30003)), UNREAD);
      expect(endedAs(run, 'failed')).toEqual(sorted(places));
      expect(endedAs(run, 'satisfied')).toHaveLength(count - places.length);
      expect(run.calls.length).toBeLessThanOrEqual(1 + places.length * (1 + 2 * levels(count)) + levels(count));
    }),
    { numRuns: 60 },
  );
});

test.each([30001, 30002])('reads that %i refuses: what spoils them stays unknown, the others are told', (code) => {
  const run = walk(1000, spoiltBy(new Set([7, 500]), refuses(code)), UNREAD);
  expect(endedAs(run, 'unknown')).toEqual([7, 500]);
  expect(endedAs(run, 'satisfied')).toHaveLength(998);
});

test('whatever is answered, a chunk comes to its end', () => {
  const services = [passes, silence, ...[30001, 30003, 30006, 60003, 60008, 70402, 70500].map(refuses)];
  const count = 40;
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...services), { minLength: 1, maxLength: 40 }),
      fc.constantFrom(WRITES, DOUBTED, UNREAD, { policy }),
      (turns, given) => {
        let calls = 0;
        const service: Service = (call) => (turns[calls++ % turns.length] as Service)(call);
        const run = walk(count, service, { ...given, mostCalls: 10 * count * policy.attempts });
        expect(sorted(run.settled.map(({ index }) => index))).toEqual(Array.from({ length: count }, (_, n) => n));
        // Attempts are bounded; beside them are halves, and what a lookup made unspent.
        expect(Math.max(...run.settled.map(({ attempts }) => attempts))).toBeLessThanOrEqual(policy.attempts);
      },
    ),
    { numRuns: 300 },
  );
});

test('single items that look for the cause come from all over the list, whatever its length', () => {
  const alone = [0, 1, 2].map((unanswered) => ({ ...ANY_SIZE, atMost: 1, alone: unanswered }));
  expect(alone.map((size) => startIn(size, 1000))).toEqual([0, 618, 236]);
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1000 }), (length) => {
      for (const size of alone) expect(startIn(size, length)).toBeLessThan(length);
    }),
  );
});

test('a call that tells nothing of its size leaves it, and one that is answered at once leaves nothing to note', () => {
  const size = { ...ANY_SIZE, atMost: 8, tooMany: 16, answered: 3 };
  expect(sizeAfter(size, 'no-word', 8, 1000)).toBe(size);
  expect(sizeAfter(ANY_SIZE, 'answered', 8, 1000)).toBe(ANY_SIZE);
});
