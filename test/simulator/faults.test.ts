import { describe, expect, test } from 'vitest';
import { readFaultPlan, type FaultPlanInput } from '../../src/simulator/faults.ts';
import { friendsOf, seedFriends, truthOf } from '../../src/simulator/truth.ts';
import {
  accounts,
  adding,
  asking,
  check,
  codes,
  deleting,
  getting,
  makeService,
  many,
  read,
  updating,
  type Envelope,
} from './service-support.ts';

/** One import under a plan: what goes back, and whether it was applied. */
function importUnder(calls: FaultPlanInput['calls']) {
  const service = makeService({ faults: { calls } });
  const delivery = service.deliver('friend_import', adding('a', ['b']));
  const { faults } = service.context.ledger.of('friend_import');
  return { delivery, applied: friendsOf('a', service.context).friends.length === 1, faults };
}

describe('faults of calls', () => {
  test('502 of a gateway, before and after the service', () => {
    expect(importUnder({ badGateway: 1 })).toMatchObject({
      delivery: { kind: 'answer', status: 502 },
      applied: false,
      faults: { badGateway: 1 },
    });
    expect(importUnder({ badGatewayAfter: 1 })).toMatchObject({ delivery: { status: 502 }, applied: true });
  });

  test('reset, before and after', () => {
    expect(importUnder({ resetBefore: 1 })).toMatchObject({ delivery: { kind: 'reset' }, applied: false });
    expect(importUnder({ resetAfter: 1 })).toMatchObject({ delivery: { kind: 'reset' }, applied: true });
  });

  test('hang: applied, and the answer held', () => {
    expect(importUnder({ hang: 1, hangMs: 4000 })).toMatchObject({
      delivery: { kind: 'answer', status: 200, delayMs: 4000 },
      applied: true,
    });
  });

  test('malformed and truncated bodies: applied', () => {
    const { delivery, applied } = importUnder({ malformed: 1 });
    expect(applied).toBe(true);
    expect(() => read(delivery)).toThrow(SyntaxError);
    expect(importUnder({ truncated: 1 })).toMatchObject({ delivery: { kind: 'answer', cut: true }, applied: true });
  });

  test('codes of the whole call, before and after', () => {
    const before = importUnder({ codes: { 60008: 1 } });
    expect(read(before.delivery)).toMatchObject({ ActionStatus: 'FAIL', ErrorCode: 60008 });
    expect(before).toMatchObject({ applied: false, faults: { 'code:60008': 1 } });
    const after = importUnder({ codesAfter: { 60008: 1 } });
    expect(read(after.delivery)).toMatchObject({ ErrorCode: 60008 });
    expect(after.applied).toBe(true);
  });

  test('concern friend commands, or those named', () => {
    const service = makeService({ faults: { calls: { badGateway: 1, commands: ['friend_add'] } } });
    expect(service.deliver('friend_check', check('a', ['b']))).toMatchObject({ status: 200 });
    expect(service.deliver('friend_add', adding('a', ['b']))).toMatchObject({ status: 502 });
  });

  test('a call that never got to the service holds no list', () => {
    const service = makeService({ faults: { calls: { resetBefore: 1 } } });
    service.begin('friend_import', adding('a', ['b']));
    service.begin('friend_import', adding('a', ['b']));
    expect(service.context.conflicts.counts.overlaps).toBe(0);
  });

  test('latency is on every answer', () => {
    const service = makeService({ limit: 1, faults: { latency: { baseMs: 30, jitterMs: 10 } } });
    const delays = [1, 2].map(() => service.deliver('friend_check', check('a', ['b'])).delayMs);
    for (const delay of delays) {
      expect(delay).toBeGreaterThanOrEqual(20);
      expect(delay).toBeLessThanOrEqual(40);
    }
  });
});

const answers = (seed: number) => {
  const service = makeService({ seed, faults: 'rough' });
  return many(30).map((from) => JSON.stringify(service.deliver('friend_import', adding(from, many(5)))));
};

describe('faults of items', () => {
  test('transient pairs pass at the n-th try and are applied then', () => {
    const service = makeService({ faults: { transient: [{ code: 30007, fraction: 0.5, passesAt: 3 }] } });
    const ids = many(40);
    const tries = [1, 2, 3].map(() => {
      service.pass(1);
      return codes(service.call('friend_import', adding('a', ids)));
    });
    const hit = ids.filter((_, n) => tries[0]?.[n] === 30007);
    expect(hit.length).toBeGreaterThan(8);
    expect(hit.length).toBeLessThan(32);
    expect(tries[1]).toEqual(tries[0]);
    expect(tries[2]).toEqual(ids.map(() => 0));
    expect(friendsOf('a', service.context).friends).toHaveLength(40);
    expect(service.context.ledger.of('friend_import').faults).toEqual({ transient: 2 * hit.length });
  });

  test('a transient code can hide a write that was applied', () => {
    const service = makeService({ faults: { transient: [{ code: 30007, fraction: 1, applied: true }] } });
    expect(codes(service.call('friend_import', adding('a', ['b'])))).toEqual([30007]);
    expect(friendsOf('a', service.context).friends).toHaveLength(1);
  });

  test('permanent codes stay, whatever the try, and nothing is applied', () => {
    const service = makeService({ faults: { permanent: [{ code: 30525, fraction: 0.3, commands: ['friend_add'] }] } });
    const ids = many(100);
    const first = codes(service.call('friend_add', adding('a', ids)));
    service.pass(1);
    const second = codes(service.call('friend_add', adding('a', ids)));
    const hit = ids.filter((_, n) => first[n] === 30525);
    expect(hit.length).toBeGreaterThan(10);
    expect(ids.filter((_, n) => second[n] === 30525)).toEqual(hit);
    const truths = truthOf({ pairs: ids.map((to) => ['a', to]), command: 'friend_add' }, service.context);
    expect(ids.filter((_, n) => truths[n]?.fault?.kind === 'permanent')).toEqual(hit);
    expect(ids.filter((_, n) => !truths[n]?.forward)).toEqual(hit);
  });

  test('the same seed gives the same answers, another seed others', () => {
    expect(answers(1)).toEqual(answers(1));
    expect(answers(1)).not.toEqual(answers(2));
  });
});

/** A service where a and b are friends. */
function friendly(faults: FaultPlanInput, more: object = {}) {
  const service = makeService({ ...more, faults });
  seedFriends({ pairs: [['a', 'b'], ['b', 'a']] }, service.context); // prettier-ignore
  return service;
}

/** A call of every command, and the code of its only item or of its envelope. */
const ofItem = (answer: Envelope) => codes(answer)[0];
const ofEnvelope = (answer: Envelope) => answer.ErrorCode;
const EVERY: [command: string, body: object, codeOf: (answer: Envelope) => number | undefined][] = [
  ['friend_import', adding('a', ['b']), ofItem],
  ['friend_add', adding('a', ['c']), ofItem],
  ['friend_update', updating('a', [['b', { Tag_SNS_IM_Remark: 'x' }]]), ofItem],
  ['friend_delete', deleting('a', ['b'], 'Both'), ofItem],
  ['friend_delete_all', deleting('a', undefined, 'Both'), ofEnvelope],
  ['friend_check', check('a', ['b']), ofItem],
  ['friend_get', getting('a'), ofEnvelope],
  ['friend_get_list', asking('a', ['b']), ofItem],
  ['account_check', { CheckItem: [{ UserID: 'a' }] }, ofItem],
];
const ALL = [...EVERY.map(([command]) => command), 'multiaccount_import'];

describe.each(EVERY)('rules reach %s', (command, body, codeOf) => {
  test('permanent: the code every time, nothing applied', () => {
    const service = friendly({ permanent: [{ code: 30009, fraction: 1, commands: ALL }] });
    const before = [friendsOf('a', service.context), friendsOf('b', service.context)];
    for (const _ of [1, 2]) {
      service.pass(1);
      expect(codeOf(service.call(command, body))).toBe(30009);
    }
    expect([friendsOf('a', service.context), friendsOf('b', service.context)]).toEqual(before);
    expect(service.context.ledger.of(command)).toMatchObject({ calls: 2, applied: 0, faults: { permanent: 2 } });
  });

  test('transient: passes at its try', () => {
    const service = friendly({ transient: [{ code: 30006, fraction: 1, passesAt: 3, commands: ALL }] });
    const answered = [1, 2, 3].map(() => {
      service.pass(1);
      return codeOf(service.call(command, body));
    });
    expect(answered).toEqual([30006, 30006, 0]);
    expect(service.context.ledger.of(command).faults).toEqual({ transient: 2 });
  });

  test('any code with any text, for an item and for the whole call', () => {
    const item = friendly({ permanent: [{ code: 98765, fraction: 1, info: 'Some_Exist', commands: ALL }] });
    const told = item.call(command, body);
    const [one] = told.ResultItem ?? told.InfoItem ?? [];
    expect([codeOf(told), one?.ResultInfo ?? told.ErrorInfo]).toEqual([98765, 'Some_Exist']);
    const whole = friendly({ permanent: [{ code: 12345, fraction: 1, info: 'x', level: 'envelope', commands: ALL }] });
    const answer = whole.call(command, body);
    expect(answer).toMatchObject({ ActionStatus: 'FAIL', ErrorCode: 12345, ErrorInfo: 'x' });
    expect(answer.ResultItem ?? answer.InfoItem ?? answer.UserDataItem).toBeUndefined();
    const drawn = friendly({ calls: { codes: { 54321: 1 }, info: 'y', commands: ALL } });
    expect(drawn.call(command, body)).toMatchObject({ ErrorCode: 54321, ErrorInfo: 'y' });
  });
});

describe('rules of whole calls', () => {
  const half = (level: 'item' | 'envelope') =>
    makeService({ faults: { permanent: [{ code: 30007, fraction: 0.5, level }] } });

  test('are drawn by From; a call without items is hit by rules of items too', () => {
    const froms = many(60);
    const hit = (service: ReturnType<typeof makeService>, command: string, body: (from: string) => object) =>
      froms.filter((from) => service.call(command, body(from)).ErrorCode === 30007);
    const service = half('item');
    const first = hit(service, 'friend_get', (from) => getting(from));
    expect(first.length).toBeGreaterThan(15);
    expect(first.length).toBeLessThan(45);
    expect(hit(service, 'friend_get', (from) => getting(from, 500))).toEqual(first);
    const truths = truthOf({ pairs: froms.map((from) => [from, '']), command: 'friend_get' }, service.context);
    expect(froms.filter((_, n) => truths[n]?.fault?.kind === 'permanent')).toEqual(first);
    expect(hit(service, 'friend_check', (from) => check(from, ['x']))).toEqual([]);
    const whole = hit(half('envelope'), 'friend_check', (from) => check(from, ['x']));
    expect(whole.length).toBeGreaterThan(15);
    expect(whole.length).toBeLessThan(45);
  });

  test('a transient one can hide a write that was applied', () => {
    const service = friendly({ transient: [{ code: 30007, fraction: 1, applied: true }] });
    expect(service.call('friend_delete_all', deleting('a', undefined, 'Both'))).toMatchObject({
      ErrorCode: 30007,
      ErrorInfo: 'Err_SNS_FriendDeleteAll_Exec_Task_Timeout',
    });
    expect(friendsOf('a', service.context).friends).toEqual([]);
    expect(friendsOf('b', service.context).friends).toEqual([]);
    expect(service.context.ledger.of('friend_delete_all')).toMatchObject({ codes: { 30007: 1 }, applied: 1 });
  });

  test('a code has five digits', () => {
    expect(() => readFaultPlan({ permanent: [{ code: 999, fraction: 1 }] })).toThrow(/five digits/);
    expect(() => readFaultPlan({ transient: [{ code: 100_000, fraction: 1 }] })).toThrow(/five digits/);
    expect(() => readFaultPlan({ calls: { codes: { 7: 1 } } })).toThrow(/calls\.codes\.7/);
  });
});

describe('faults of multiaccount_import', () => {
  const ids = many(60);
  const KNOWN = { accounts: { mode: 'known' } } as const;

  test('a hit account is in FailAccounts and not imported', () => {
    const faults = { permanent: [{ code: 70398, fraction: 0.5, commands: ['multiaccount_import'] }] };
    const { call, context } = makeService({ ...KNOWN, faults });
    const failed = call('multiaccount_import', accounts(ids)).FailAccounts ?? [];
    expect(failed.length).toBeGreaterThan(15);
    expect(failed.length).toBeLessThan(45);
    expect(ids.filter((id) => !context.exists(id))).toEqual(failed);
    expect(context.ledger.of('multiaccount_import')).toMatchObject({
      items: { 0: 60 - failed.length, 70398: failed.length },
      applied: 60 - failed.length,
      faults: { permanent: failed.length },
    });
    const truths = truthOf({ pairs: ids.map((id) => ['', id]), command: 'multiaccount_import' }, context);
    expect(ids.filter((_, n) => truths[n]?.fault)).toEqual(failed);
  });

  test('a transient one passes later, and can hide that it was applied', () => {
    const rule = { code: 70500, fraction: 1, applied: true, commands: ['multiaccount_import'] };
    const { call, context } = makeService({ ...KNOWN, faults: { transient: [rule] } });
    expect(call('multiaccount_import', accounts(['ann'])).FailAccounts).toEqual(['ann']);
    expect(context.exists('ann')).toBe(true);
    expect(call('multiaccount_import', accounts(['ann'])).FailAccounts).toEqual([]);
  });

  test('friend rules do not concern account commands', () => {
    const { call } = makeService({
      faults: { permanent: [{ code: 30006, fraction: 1 }], calls: { codes: { 60008: 1 } } },
    });
    expect(call('multiaccount_import', accounts(['ann']))).toMatchObject({ ErrorCode: 0, FailAccounts: [] });
    expect(codes(call('account_check', { CheckItem: [{ UserID: 'ann' }] }))).toEqual([0]);
  });
});

describe('the ledger under faults', () => {
  const under = (calls: FaultPlanInput['calls']) => {
    const service = makeService({ faults: { calls } });
    service.deliver('friend_import', adding('a', ['b', 'c']));
    return service.context.ledger.of('friend_import');
  };

  test.each(['resetAfter', 'badGatewayAfter', 'malformed', 'truncated'] as const)(
    'an answer lost to %s is no answer, though it was applied',
    (kind) => {
      expect(under({ [kind]: 1 })).toEqual({ calls: 1, codes: {}, items: {}, applied: 2, faults: { [kind]: 1 } });
    },
  );

  test('a code that takes the answer’s place counts alone', () => {
    const counts = { calls: 1, codes: { 60008: 1 }, items: {}, applied: 2, faults: { 'codeAfter:60008': 1 } };
    expect(under({ codesAfter: { 60008: 1 } })).toEqual(counts);
  });

  test('an answer that comes late is one', () => {
    expect(under({ hang: 1 })).toMatchObject({ codes: { 0: 1 }, items: { 0: 2 } });
  });
});

describe('how often an item was sent', () => {
  const counting = (faults: FaultPlanInput = {}) =>
    makeService({ countSent: true, faults, limit: 3, accounts: { missing: ['gone'] } });

  test('counts calls whose body was read, whatever became of them', () => {
    const service = counting({ calls: { badGateway: 1, commands: ['friend_add'] } });
    const sent = (command: string, from: string, to: string) => service.context.sent?.of(command, from, to);
    service.call('friend_import', adding('a', ['b', 'c']));
    service.call('friend_import', adding('a', ['b', 'gone']));
    service.call('friend_import', adding('gone', ['b']));
    expect(service.call('friend_import', adding('a', ['b'])).ErrorCode).toBe(60007);
    service.deliver('friend_add', adding('a', ['b']));
    expect(['b', 'c', 'gone', 'never'].map((to) => sent('friend_import', 'a', to))).toEqual([2, 1, 1, 0]);
    expect([sent('friend_import', 'gone', 'b'), sent('friend_add', 'a', 'b')]).toEqual([1, 1]);
  });

  test('of calls without items by From, of account commands by account', () => {
    const service = counting();
    service.call('friend_get', getting('a'));
    service.call('friend_get', getting('a', 500));
    service.call('friend_delete_all', deleting('gone'));
    service.call('multiaccount_import', accounts(['ann']));
    const sent = (command: string, from: string, to = '') => service.context.sent?.of(command, from, to);
    expect([sent('friend_get', 'a'), sent('friend_delete_all', 'gone')]).toEqual([2, 1]);
    expect([sent('multiaccount_import', '', 'ann'), sent('account_check', '', 'ann')]).toEqual([1, 0]);
  });

  test('is not kept unless asked for', () => {
    expect(makeService().context.sent).toBeNull();
  });
});
