import { describe, expect, test } from 'vitest';
import { COMMANDS } from '../../src/simulator/commands/index.ts';
import { SWITCHES } from '../../src/simulator/switches.ts';
import { accountsSchema, friendsOf, seedFriends, setAccounts } from '../../src/simulator/truth.ts';
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
  updating,
  type Envelope,
} from './service-support.ts';

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

/** One call of each command with To_Accounts, from a. */
const ITEM_BODIES: [command: string, body: (to: readonly string[]) => object][] = [
  ['friend_import', (to) => adding('a', to)],
  ['friend_add', (to) => adding('a', to)],
  ['friend_update', (to) => updating('a', to.map((id) => [id, { Tag_SNS_IM_Remark: 'x' }]))],
  ['friend_delete', (to) => deleting('a', to, 'Single')],
  ['friend_check', (to) => check('a', to)],
  ['friend_get_list', (to) => asking('a', to)],
]; // prettier-ignore

/** One call of every command. */
const BODIES: [command: string, body: object][] = [
  ...ITEM_BODIES.map(([command, body]): [string, object] => [command, body(['b'])]),
  ['friend_delete_all', deleting('a')],
  ['friend_get', getting('a')],
  ['account_check', { CheckItem: [{ UserID: 'a' }] }],
  ['multiaccount_import', accounts(['a'])],
];

describe('switches', () => {
  const all = Object.values(SWITCHES);
  const names = COMMANDS.map(({ name }) => name);

  test('there is one for each open question', () => {
    expect(new Set(all.map(({ number }) => number))).toEqual(new Set(Array.from({ length: 27 }, (_, n) => n + 1)));
  });

  test.each(Object.entries(SWITCHES))('%s says which commands it changes', (_name, { commands }) => {
    expect(commands.length).toBeGreaterThan(0);
    expect(commands.filter((command) => !names.includes(command))).toEqual([]);
    expect(new Set(commands).size).toBe(commands.length);
  });

  test('those of the envelope change every command', () => {
    for (const name of ['request-id', 'rate-window', 'rejected-calls', 'body-above-limit', '60004-meaning'] as const) {
      expect(SWITCHES[name].commands.toSorted()).toEqual(names.toSorted());
    }
    expect(BODIES.map(([command]) => command).toSorted()).toEqual(names.toSorted());
  });
});

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
  test('envelope with items: a missing From is named as well', () => {
    const service = turned('missing-to', 'envelope-with-items');
    expect(service.call('friend_import', adding('gone', ['b']))).toMatchObject({
      ErrorCode: 30003,
      Invalid_Account: ['gone'],
    });
  });
  test('envelope only', () => {
    const { answer, made } = answered('envelope-only');
    expect(answer).toMatchObject({ ActionStatus: 'FAIL', ErrorCode: 30003 });
    expect(answer.ResultItem).toBeUndefined();
    expect(made).toEqual([]);
  });
});

describe.each(ITEM_BODIES)('2 missing-to in %s', (command, body) => {
  test.each([
    ['item', 0, ['b', 'gone', 'c'], undefined],
    ['envelope-with-items', 30003, ['b', 'c'], ['gone']],
    ['envelope-only', 30003, undefined, undefined],
  ])('%s', (reading, code, ids, invalid) => {
    const answer = turned('missing-to', reading).call(command, body(['b', 'gone', 'c']));
    const items = answer.ResultItem ?? answer.InfoItem;
    expect(answer.ErrorCode).toBe(code);
    expect(items?.map(({ To_Account }) => To_Account)).toEqual(ids);
    expect(answer.Invalid_Account).toEqual(invalid);
    expect(items?.find(({ To_Account }) => To_Account === 'gone')?.ResultCode).toBe(
      reading === 'item' ? 30003 : undefined,
    );
  });
});

test.each([
  ['31704', 31704],
  ['30001', 30001],
])('3 delete-non-friend=%s: %i', (reading, code) => {
  const answer = turned('delete-non-friend', reading).call('friend_delete', deleting('a', ['b'], 'Single'));
  expect(answer.ResultItem).toEqual([
    { To_Account: 'b', ResultCode: code, ResultInfo: 'Err_SNS_FriendDelete_Not_Friend' },
  ]);
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
  seedFriends({ pairs: [['a', 'b']] }, service.context);
  expect(codes(service.call('friend_update', updating('a', [['b', { Tag_SNS_Custom_Ext: 7 }]])))).toEqual([code]);
});

test.each([
  ['replaces', ['New'], []],
  ['adds', ['Old', 'New'], ['Old', 'New']],
])('10 update-groups=%s', (reading, groups, afterEmpty) => {
  const service = turned('update-groups', reading);
  const set = (names: string[]) => {
    expect(codes(service.call('friend_update', updating('a', [['b', { Tag_SNS_IM_Group: names }]])))).toEqual([0]);
    return friendsOf('a', service.context).friends[0]?.groups;
  };
  service.call('friend_import', adding('a', [{ To_Account: 'b', GroupName: ['Old'] }]));
  expect(set(['New'])).toEqual(groups);
  expect(set([])).toEqual(afterEmpty);
});

test.each([
  ['single', [0], [], ['a']],
  ['both', [0], [], []],
  ['30001', [], ['b'], ['a']],
])('11 delete-without-type=%s', (reading, answers, left, right) => {
  const service = turned('delete-without-type', reading);
  seedFriends({ pairs: [['a', 'b'], ['b', 'a']] }, service.context); // prettier-ignore
  const answer = service.call('friend_delete', deleting('a', ['b']));
  expect([answer.ErrorCode === 0, codes(answer)]).toEqual([reading !== '30001', answers]);
  expect(friendsOf('a', service.context).friends.map(({ to }) => to)).toEqual(left);
  expect(friendsOf('b', service.context).friends.map(({ to }) => to)).toEqual(right);
});

/** A service where a has one friend with custom data and 600 without. */
function withList(name: string, reading: string) {
  const service = turned(name, reading);
  const custom = { To_Account: 'first', CustomItem: [{ Tag: 'Tag_SNS_Custom_Ext', Value: 'x' }] };
  service.call('friend_import', adding('a', [custom]));
  seedFriends({ pairs: many(600).map((to) => ['a', to]) }, service.context);
  return {
    ...service,
    get: (...sequences: [number?, number?]) => service.call('friend_get', getting('a', 0, sequences)),
  };
}

describe('12 friend_get', () => {
  test.each([
    ['present', 1],
    ['absent', undefined],
  ])('get-custom-sequence=%s', (reading, sequence) => {
    const { get } = withList('get-custom-sequence', reading);
    const answer = get(0, 1);
    expect(answer.CustomSequence).toBe(sequence);
    expect(answer.StandardSequence).toBe(601);
    // Where the service does not know the field, it leaves nothing out because of it.
    expect(answer.UserDataItem?.[0]?.ValueItem.some(({ Tag }) => Tag === 'Tag_SNS_Custom_Ext') ?? false).toBe(
      reading === 'absent',
    );
  });

  test.each([
    ['500', 500],
    ['100', 100],
  ])('get-page-size=%s', (reading, size) => {
    const { get } = withList('get-page-size', reading);
    expect(get()).toMatchObject({ FriendNum: 601, CompleteFlag: 0, NextStartIndex: size });
    expect(get().UserDataItem).toHaveLength(size);
  });
});

const tagsOf = (answer: Envelope) => answer.UserDataItem?.[0]?.ValueItem.map(({ Tag }) => Tag);

describe('13 get-equal-sequence', () => {
  const STANDARD = ['Tag_SNS_IM_AddSource', 'Tag_SNS_IM_AddTime'];
  const CUSTOM = ['Tag_SNS_Custom_Ext'];

  test.each(['missing', 'empty', 'other-half'])('%s: another sequence, or 0, leaves nothing out', (reading) => {
    const { get } = withList('get-equal-sequence', reading);
    for (const answer of [get(), get(0, 0), get(600, 2)]) expect(tagsOf(answer)).toEqual([...STANDARD, ...CUSTOM]);
  });

  test('missing', () => {
    const { get } = withList('get-equal-sequence', 'missing');
    for (const answer of [get(601, 1), get(601, 0), get(0, 1)]) {
      expect(answer).not.toHaveProperty('UserDataItem');
      expect(answer).toMatchObject({ StandardSequence: 601, FriendNum: 601 });
    }
  });

  test('empty', () => {
    const { get } = withList('get-equal-sequence', 'empty');
    for (const answer of [get(601, 1), get(601, 0), get(0, 1)]) expect(answer.UserDataItem).toEqual([]);
  });

  test('other-half', () => {
    const { get } = withList('get-equal-sequence', 'other-half');
    expect(tagsOf(get(601, 0))).toEqual(CUSTOM);
    expect(tagsOf(get(0, 1))).toEqual(STANDARD);
    expect(get(601, 1).UserDataItem).toEqual([]);
  });
});

describe.each(ITEM_BODIES.filter(([command]) => command !== 'friend_get_list'))(
  '14 batch-above-limit in %s',
  (command, body) => {
    test.each([
      ['30001', 30001, undefined],
      ['truncated', 0, 1000],
    ])('%s', (reading, code, results) => {
      const answer = turned('batch-above-limit', reading).call(command, body(many(1001)));
      expect([answer.ErrorCode, (answer.InfoItem ?? answer.ResultItem)?.length]).toEqual([code, results]);
    });
  },
);

test.each([
  ['30001', 70206, false],
  ['truncated', 0, true],
])('14 batch-above-limit=%s in account commands: %i', (reading, code, imported) => {
  const service = turned('batch-above-limit', reading, { accounts: { mode: 'known' } });
  const ids = many(101);
  expect(service.call('multiaccount_import', accounts(ids)).ErrorCode).toBe(code);
  expect(service.call('account_check', { CheckItem: ids.map((UserID) => ({ UserID })) }).ErrorCode).toBe(code);
  expect([service.context.exists('many99'), service.context.exists('many100')]).toEqual([imported, false]);
});

test.each([
  ['allowed', 0, 101],
  ['30001', 30001, undefined],
])('15 get-list-above-100=%s', (reading, code, results) => {
  const service = turned('get-list-above-100', reading);
  const answer = service.call('friend_get_list', asking('a', many(101)));
  expect([answer.ErrorCode, answer.InfoItem?.length]).toEqual([code, results]);
  expect(service.call('friend_get_list', asking('a', many(100))).InfoItem).toHaveLength(100);
});

const limited = (reading: string) => turned('body-above-limit', reading, { maxBodyBytes: 1000 });

test('16 body-above-limit', () => {
  const body = check('a', many(1000));
  expect(limited('no-limit').call('friend_check', body).ErrorCode).toBe(0);
  expect(limited('60003').call('friend_check', body).ErrorCode).toBe(60003);
  expect(limited('60003').call('friend_check', check('a', ['b'])).ErrorCode).toBe(0);
  expect(limited('closed').deliver('friend_check', body)).toEqual({ kind: 'reset', delayMs: 0 });
});

test.each(BODIES)('16 body-above-limit in %s', (command, body) => {
  const tight = (reading: string) => turned('body-above-limit', reading, { maxBodyBytes: 10 });
  expect(tight('no-limit').call(command, body).ErrorCode).toBe(0);
  expect(tight('60003').call(command, body).ErrorCode).toBe(60003);
  expect(tight('closed').deliver(command, body).kind).toBe('reset');
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

test.each(BODIES)('18 request-id in %s', (command, body) => {
  expect(turned('request-id', 'present').call(command, body)).toHaveProperty('RequestId');
  expect(turned('request-id', 'absent').call(command, body)).not.toHaveProperty('RequestId');
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

test.each([
  ['sensitive', [30001], [30001], 0, [31704], 'NotImported'],
  ['insensitive', [0], [0], 1, [0], 'Imported'],
])('19 userid-case=%s in the other commands', (reading, updated, told, friends, deleted, status) => {
  const service = turned('userid-case', reading, {
    accounts: { mode: 'known', imported: ['Ann', 'ann', 'BOB', 'BOb'] },
  });
  service.call('multiaccount_import', accounts(['Bob']));
  service.call('friend_import', adding('Ann', ['Bob']));
  expect(codes(service.call('friend_update', updating('ann', [['BOB', { Tag_SNS_IM_Remark: 'x' }]])))).toEqual(updated);
  expect(codes(service.call('friend_get_list', asking('ann', ['BOB'])))).toEqual(told);
  expect(service.call('friend_get', getting('ann')).FriendNum).toBe(friends);
  expect(codes(service.call('friend_delete', deleting('ann', ['BOB'], 'Single')))).toEqual(deleted);
  expect(service.call('account_check', { CheckItem: [{ UserID: 'boB' }] }).ResultItem?.[0]?.AccountStatus).toBe(status);
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

describe('20 read-after-write in friend_get and friend_get_list', () => {
  /** What the three reads say of b in the list of a. */
  const read = ({ call }: ReturnType<typeof makeService>) => ({
    got: call('friend_get', getting('a')).UserDataItem?.map(({ To_Account }) => To_Account),
    sequence: call('friend_get', getting('a')).StandardSequence,
    listed: codes(call('friend_get_list', asking('a', ['b']))),
    remark: call('friend_get_list', asking('a', ['b'])).InfoItem?.[0]?.SnsProfileItem?.[0]?.Value,
  });
  const NOTHING = { got: [], sequence: 0, listed: [30001], remark: undefined };
  const OLD = { got: ['b'], sequence: 1, listed: [0], remark: 'old' };
  const NEW = { ...OLD, sequence: 2, remark: 'new' };
  const GONE = { ...NOTHING, sequence: 3 };

  test.each([
    ['immediate', 0],
    ['delayed', 300],
  ])('%s: an entry comes, changes and goes %i ms after its write', (reading, delay) => {
    const service = turned('read-after-write', reading, { readDelayMs: 300 });
    const steps = [
      () => service.call('friend_import', adding('a', [{ To_Account: 'b', Remark: 'old' }])),
      () => service.call('friend_update', updating('a', [['b', { Tag_SNS_IM_Remark: 'new' }]])),
      () => service.call('friend_delete', deleting('a', ['b'], 'Single')),
    ];
    const seen = steps.map((step) => {
      service.pass(100);
      step();
      return read(service);
    });
    service.pass(99);
    seen.push(read(service));
    for (const _ of steps) {
      seen.push((service.pass(1), read(service)));
      service.pass(99);
    }
    expect(seen).toEqual(
      delay === 0 ? [OLD, NEW, GONE, GONE, GONE, GONE, GONE] : [NOTHING, NOTHING, NOTHING, NOTHING, OLD, NEW, GONE],
    );
  });

  test('can be turned while it runs, for what is written from then on', () => {
    const service = turned('read-after-write', 'immediate');
    service.call('friend_import', adding('a', ['b']));
    service.context.setSwitches({ 'read-after-write': 'delayed' });
    service.call('friend_import', adding('a', ['c']));
    expect(read(service).got).toEqual(['b']);
    service.context.setSwitches({ 'read-after-write': 'immediate' });
    expect(read(service).got).toEqual(['b', 'c']);
  });

  test('writes see what truly holds', () => {
    const service = turned('read-after-write', 'delayed');
    service.call('friend_import', adding('a', ['b']));
    expect(codes(service.call('friend_update', updating('a', [['b', { Tag_SNS_IM_Remark: 'x' }]])))).toEqual([0]);
    expect(codes(service.call('friend_delete', deleting('a', ['b'], 'Single')))).toEqual([0]);
  });
});

test.each([
  ['present', ['b']],
  ['absent', undefined],
])('21 fail-account-on-delete=%s', (reading, failed) => {
  const service = turned('fail-account-on-delete', reading);
  seedFriends({ pairs: [['a', 'c']] }, service.context);
  const answer = service.call('friend_delete', deleting('a', ['b', 'c'], 'Single'));
  expect(codes(answer)).toEqual([31704, 0]);
  expect(answer.Fail_Account).toEqual(failed);
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
  const impossible = 'x'.repeat(33);
  for (const [command, body] of ITEM_BODIES) expect(codes(service.call(command, body([impossible])))).toEqual(items);
  for (const [command, body] of BODIES) {
    const isFriends = command.startsWith('friend_');
    const foreign = service.call(command, body, { query }).ErrorCode;
    expect([command, foreign]).toEqual([command, isFriends ? foreignApp : 60026]);
  }
  for (const [command, body] of BODIES.filter(([name]) => name.startsWith('friend_'))) {
    expect(service.call(command, { ...body, From_Account: impossible }).ErrorCode).toBe(items[0]);
  }
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
  test('in friend_update too', () => {
    const update = (reading: string) => {
      const service = turned('over-long-field', reading);
      seedFriends({ pairs: [['a', 'b'], ['a', 'c']] }, service.context); // prettier-ignore
      const long = { Tag_SNS_IM_Remark: 'x'.repeat(97) };
      const answer = service.call('friend_update', updating('a', [['b', { Tag_SNS_IM_Remark: 'ok' }], ['c', long]])); // prettier-ignore
      return [answer.ErrorCode, codes(answer), friendsOf('a', service.context).friends.map(({ remark }) => remark)];
    };
    expect(update('item')).toEqual([0, [0, 30001], ['ok', undefined]]);
    expect(update('envelope')).toEqual([30001, [], [undefined, undefined]]);
  });
});

test.each([
  ['two-results', [0, 0, 0]],
  ['one-result', [0, 0]],
  ['30001', [0, 0, 30001]],
])('26 repeated-to=%s', (reading, answers) => {
  expect(codes(turned('repeated-to', reading).call('friend_import', adding('a', ['b', 'c', 'b'])))).toEqual(answers);
});

describe.each(ITEM_BODIES)('26 repeated-to in %s', (command, body) => {
  test.each([
    ['two-results', ['b', 'c', 'b']],
    ['one-result', ['b', 'c']],
    ['30001', ['b', 'c', 'b']],
  ])('%s', (reading, ids) => {
    const answer = turned('repeated-to', reading).call(command, body(['b', 'c', 'b']));
    const items = answer.ResultItem ?? answer.InfoItem ?? [];
    expect(items.map(({ To_Account }) => To_Account)).toEqual(ids);
    expect(items[2]?.ResultInfo.endsWith('_To_Account_Repeated') ?? false).toBe(reading === '30001');
  });
});

test.each([
  ['completes', 0, []],
  ['not-friend', 31704, ['a']],
])('27 delete-both-over-one-way=%s: %i', (reading, code, reverse) => {
  const service = turned('delete-both-over-one-way', reading);
  seedFriends({ pairs: [['b', 'a']] }, service.context);
  expect(codes(service.call('friend_delete', deleting('a', ['b'], 'Single')))).toEqual([31704]);
  expect(codes(service.call('friend_delete', deleting('a', ['b'], 'Both')))).toEqual([code]);
  expect(friendsOf('b', service.context).friends.map(({ to }) => to)).toEqual(reverse);
});
