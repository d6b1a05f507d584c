import { describe, expect, test } from 'vitest';
import { accountsSchema, friendsOf, seedFriends, setAccounts } from '../../src/simulator/truth.ts';
import { adding, check, codes, makeService, many } from './service-support.ts';

/** A service with one switch turned, and the accounts the questions are about. */
function turned(name: string, reading: string, more: object = {}) {
  const service = makeService({ ...more, switches: { [name]: reading } });
  setAccounts(
    accountsSchema.parse({
      missing: ['gone'],
      profiles: [
        { account: 'shy', allowType: 'need-confirm' },
        { account: 'nobody', allowType: 'deny-any' },
        { account: 'hater', blocked: ['a', 'barred'] },
        { account: 'barred', forbidden: true },
      ],
    }),
    service.context,
  );
  return service;
}
const SINGLE = { AddType: 'Add_Type_Single' };

const again = (reading: string) => {
  const service = turned('import-existing', reading);
  service.call('friend_import', adding('a', [{ To_Account: 'b', Remark: 'old', GroupName: ['G'] }]));
  const answer = service.call('friend_import', adding('a', [{ To_Account: 'b', Remark: 'new' }]));
  return { answer: answer.ResultItem?.[0], entry: friendsOf('a', service.context).friends[0] };
};

describe('1 import-existing', () => {
  test('upsert: 0, given fields overwrite, others stay', () => {
    const { answer, entry } = again('upsert');
    expect(answer?.ResultCode).toBe(0);
    expect(entry).toMatchObject({ remark: 'new', groups: ['G'] });
  });
  test('no-op: 0, nothing changes', () => {
    const { answer, entry } = again('no-op');
    expect(answer?.ResultCode).toBe(0);
    expect(entry).toMatchObject({ remark: 'old' });
  });
  test('exists: 30001', () => {
    const { answer, entry } = again('exists');
    expect(answer).toMatchObject({ ResultCode: 30001, ResultInfo: 'Err_SNS_FriendImport_Friend_Exist' });
    expect(entry).toMatchObject({ remark: 'old' });
  });
});

const answered = (reading: string) => {
  const service = turned('missing-to', reading, { accounts: {} });
  const answer = service.call('friend_import', adding('a', ['b', 'gone', 'c']));
  return { answer, made: friendsOf('a', service.context).friends.map(({ to }) => to) };
};

describe('2 missing-to', () => {
  test('item', () => {
    const { answer, made } = answered('item');
    expect(answer.ErrorCode).toBe(0);
    expect(codes(answer)).toEqual([0, 30003, 0]);
    expect(made).toEqual(['b', 'c']);
  });
  test('envelope with the other items and Invalid_Account', () => {
    const { answer, made } = answered('envelope-with-items');
    expect(answer).toMatchObject({
      ActionStatus: 'FAIL',
      ErrorCode: 30003,
      ErrorInfo: 'Err_Sns_Invalid_Account',
      Invalid_Account: ['gone'],
    });
    expect(answer.ResultItem?.map((item) => item.To_Account)).toEqual(['b', 'c']);
    expect(made).toEqual(['b', 'c']);
  });
  test('envelope only', () => {
    const { answer, made } = answered('envelope-only');
    expect(answer).toMatchObject({ ActionStatus: 'FAIL', ErrorCode: 30003 });
    expect(answer.ResultItem).toBeUndefined();
    expect(made).toEqual([]);
  });
});

test.each([
  ['pending', 30539],
  ['ok', 0],
])('4 repeat-add-pending=%s: %i', (reading, code) => {
  const service = turned('repeat-add-pending', reading);
  expect(codes(service.call('friend_add', adding('a', ['shy'])))).toEqual([30539]);
  expect(codes(service.call('friend_add', adding('a', ['shy'])))).toEqual([code]);
});

test.each([
  ['exists', 30001, []],
  ['completes', 0, ['a']],
])('5 add-both-over-one-way=%s: %i', (reading, code, reverse) => {
  const service = turned('add-both-over-one-way', reading);
  seedFriends({ pairs: [['a', 'b']] }, service.context);
  expect(codes(service.call('friend_add', adding('a', ['b'])))).toEqual([code]);
  expect(friendsOf('b', service.context).friends.map(({ to }) => to)).toEqual(reverse);
});

test.each([
  ['passes-consent', [0, 30516, 30525], 30009],
  ['passes-all', [0, 0, 0], 0],
])('6 forced-add=%s', (reading, answers, barred) => {
  const service = turned('forced-add', reading);
  const forced = { ForceAddFlags: 1 };
  expect(codes(service.call('friend_add', adding('a', ['shy', 'nobody', 'hater'], forced)))).toEqual(answers);
  expect(codes(service.call('friend_add', adding('barred', ['b'], forced)))).toEqual([barred]);
});

test.each([
  ['succeeds', [0, 0]],
  ['as-two-way', [30539, 30516]],
])('7 one-way-add=%s', (reading, answers) => {
  const service = turned('one-way-add', reading);
  expect(codes(service.call('friend_add', adding('a', ['shy', 'nobody'], SINGLE)))).toEqual(answers);
});

test.each([
  ['30001', 30001],
  ['accepted', 0],
])('8 add-without-source=%s', (reading, code) => {
  const service = turned('add-without-source', reading);
  expect(codes(service.call('friend_add', adding('a', [{ To_Account: 'b', AddSource: undefined }])))).toEqual([code]);
});

test.each([
  ['accepted', 0],
  ['30001', 30001],
])('9 integer-custom-value=%s', (reading, code) => {
  const service = turned('integer-custom-value', reading);
  const item = { To_Account: 'b', CustomItem: [{ Tag: 'Tag_SNS_Custom_Ext', Value: 7 }] };
  expect(codes(service.call('friend_import', adding('a', [item])))).toEqual([code]);
});

test.each([
  ['30001', 30001, undefined],
  ['truncated', 0, 1000],
])('14 batch-above-limit=%s', (reading, code, results) => {
  const answer = turned('batch-above-limit', reading).call('friend_check', check('a', many(1001)));
  expect([answer.ErrorCode, answer.InfoItem?.length]).toEqual([code, results]);
});

const limited = (reading: string) => turned('body-above-limit', reading, { maxBodyBytes: 1000 });

test('16 body-above-limit', () => {
  const body = check('a', many(1000));
  expect(limited('no-limit').call('friend_check', body).ErrorCode).toBe(0);
  expect(limited('60003').call('friend_check', body).ErrorCode).toBe(60003);
  expect(limited('60003').call('friend_check', check('a', ['b'])).ErrorCode).toBe(0);
  expect(limited('closed').deliver('friend_check', body)).toEqual({ kind: 'reset', delayMs: 0 });
});

const walk = (switches: Record<string, string>) => {
  const service = makeService({ limit: 2, switches });
  return [900, 950, 960, 1001, 1002, 1940, 1970].map(
    (ms) => service.call('friend_check', check('a', ['b']), { at: ms * 1000 }).ErrorCode === 0,
  );
};

describe('17 rate-window and rejected-calls', () => {
  test('sliding', () => expect(walk({})).toEqual([true, true, false, false, false, true, true]));
  test('fixed second', () =>
    expect(walk({ 'rate-window': 'fixed' })).toEqual([true, true, false, true, true, false, false]));
  test('bucket', () =>
    expect(walk({ 'rate-window': 'bucket' })).toEqual([true, true, false, false, false, true, true]));
  test('rejected calls counted', () =>
    expect(walk({ 'rejected-calls': 'counted' })).toEqual([true, true, false, false, false, false, false]));
});

const idOf = (reading: string) => turned('request-id', reading).call('friend_check', check('a', ['b'])).RequestId;

test('18 request-id', () => {
  expect(idOf('present')).toMatch(/^Id-[0-9a-f]{32}-O-Seq-\d+$/);
  expect(idOf('absent')).toBeUndefined();
});

test.each([
  ['sensitive', 'CheckResult_Type_NoRelation'],
  ['insensitive', 'CheckResult_Type_AWithB'],
])('19 userid-case=%s', (reading, relation) => {
  const service = turned('userid-case', reading);
  service.call('friend_import', adding('Ann', ['Bob']));
  expect(service.call('friend_check', check('ann', ['BOB'])).InfoItem?.[0]).toMatchObject({
    To_Account: 'BOB',
    Relation: relation,
  });
});

const sees = (service: ReturnType<typeof makeService>) =>
  service.call('friend_check', check('a', ['b'])).InfoItem?.[0]?.Relation === 'CheckResult_Type_AWithB';

test('20 read-after-write', () => {
  const immediate = turned('read-after-write', 'immediate');
  immediate.call('friend_import', adding('a', ['b']));
  expect(sees(immediate)).toBe(true);
  const delayed = turned('read-after-write', 'delayed', { readDelayMs: 300 });
  delayed.call('friend_import', adding('a', ['b']));
  expect(sees(delayed)).toBe(false);
  delayed.pass(299);
  expect(sees(delayed)).toBe(false);
  delayed.pass(1);
  expect(sees(delayed)).toBe(true);
});

test.each([
  ['yes', ['shy', 'nobody']],
  ['no', ['nobody']],
])('21 pending-counts-as-failed=%s', (reading, failed) => {
  const answer = turned('pending-counts-as-failed', reading).call('friend_add', adding('a', ['shy', 'nobody', 'b']));
  expect(answer.Fail_Account).toEqual(failed);
});

test.each([
  ['transient', [70009, 70013]],
  ['signature', [60005, 60004]],
])('22 60004-meaning=%s', (reading, answers) => {
  const service = turned('60004-meaning', reading);
  const coded = (usersig: string) => service.call('friend_check', check('a', ['b']), { query: { usersig } }).ErrorCode;
  expect([coded(service.sign({ key: 'another' })), coded(service.sign({ identifier: 'bob' }))]).toEqual(answers);
});

test.each([
  ['account-illegal', [30002], 60026],
  ['app-mismatch', [30003], 30002],
])('23 30002-meaning=%s', (reading, items, foreignApp) => {
  const service = turned('30002-meaning', reading);
  expect(codes(service.call('friend_import', adding('a', ['x'.repeat(33)])))).toEqual(items);
  const query = { sdkappid: '1400000002' };
  expect(service.call('friend_import', adding('a', ['b']), { query }).ErrorCode).toBe(foreignApp);
});

test.each([
  ['allow-any', 0],
  ['need-confirm', 30539],
])('24 default-allow-type=%s', (reading, code) => {
  expect(codes(turned('default-allow-type', reading).call('friend_add', adding('a', ['b'])))).toEqual([code]);
});

describe('25 over-long-field', () => {
  const items = ['b', { To_Account: 'c', Remark: 'x'.repeat(97) }];
  test('item', () =>
    expect(codes(turned('over-long-field', 'item').call('friend_import', adding('a', items)))).toEqual([0, 30001]));
  test('envelope', () => {
    const service = turned('over-long-field', 'envelope');
    const answer = service.call('friend_import', adding('a', items));
    expect(answer).toMatchObject({ ErrorCode: 30001, ErrorInfo: 'Err_SNS_FriendImport_Remark_Too_Long' });
    expect(friendsOf('a', service.context).friends).toEqual([]);
  });
});

test.each([
  ['two-results', [0, 0, 0]],
  ['one-result', [0, 0]],
  ['30001', [0, 0, 30001]],
])('26 repeated-to=%s', (reading, answers) => {
  expect(codes(turned('repeated-to', reading).call('friend_import', adding('a', ['b', 'c', 'b'])))).toEqual(answers);
});
