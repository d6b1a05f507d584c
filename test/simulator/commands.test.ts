import { describe, expect, test } from 'vitest';
import { OPERATIONS } from '../../src/domain/operation.ts';
import { friendsOf, seedFriends, setAccounts, accountsSchema } from '../../src/simulator/truth.ts';
import { adding, check, codes, makeService, many, SOURCE } from './service-support.ts';

const ENVELOPE = { ActionStatus: 'OK', ErrorCode: 0, ErrorInfo: '', ErrorDisplay: '' };
const PLAIN = { switches: { 'request-id': 'absent' } };

describe('friend_check', () => {
  test('answers the page’s sample, field by field and in its order', () => {
    const service = makeService({ ...PLAIN, accounts: { missing: ['u404'] } });
    seedFriends({ pairs: [['u1', 'u2'], ['u2', 'u1'], ['u3', 'u1']] }, service.context); // prettier-ignore
    const body = '{"From_Account":"u1","To_Account":["u2","u3","u404"],"CheckType":"CheckResult_Type_Both"}';
    expect(service.text('friend_check', body)).toBe(
      '{"InfoItem":[{"To_Account":"u2","Relation":"CheckResult_Type_BothWay","ResultCode":0,"ResultInfo":""},' +
        '{"To_Account":"u3","Relation":"CheckResult_Type_BWithA","ResultCode":0,"ResultInfo":""},' +
        '{"To_Account":"u404","Relation":"CheckResult_Type_NoRelation","ResultCode":30003,"ResultInfo":"Err_Sns_Invalid_Account"}],' +
        '"Fail_Account":["u404"],"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":"","ErrorDisplay":""}',
    );
  });

  test('has four relations in Both mode and two in Single mode', () => {
    const service = makeService();
    seedFriends({ pairs: [['a', 'one'], ['two', 'a'], ['a', 'both'], ['both', 'a']] }, service.context); // prettier-ignore
    const relations = (type: 'Both' | 'Single') =>
      service
        .call('friend_check', check('a', ['one', 'two', 'both', 'none'], type))
        .InfoItem?.map((item) => item.Relation?.replace('CheckResult_Type_', ''));
    expect(relations('Both')).toEqual(['AWithB', 'BWithA', 'BothWay', 'NoRelation']);
    expect(relations('Single')).toEqual(['AWithB', 'NoRelation', 'AWithB', 'NoRelation']);
  });

  test('the relation of an item that failed says nothing, and is there all the same', () => {
    const service = makeService({ faults: { permanent: [{ code: 30006, fraction: 1 }] } });
    seedFriends({ pairs: [['a', 'b']] }, service.context);
    expect(service.call('friend_check', check('a', ['b'])).InfoItem).toEqual([
      {
        To_Account: 'b',
        Relation: 'CheckResult_Type_NoRelation',
        ResultCode: 30006,
        ResultInfo: 'Err_SNS_FriendCheck_Check_Relation_Exec_Task_Fail',
      },
    ]);
  });
});

const custom = (tag: string) => adding('a', [{ To_Account: 'b', CustomItem: [{ Tag: tag, Value: 'x' }] }]);

describe('friend_import', () => {
  const sample = {
    From_Account: 'u1',
    AddFriendItem: [
      {
        To_Account: 'u2',
        AddSource: 'AddSource_Type_Sync',
        Remark: 'Ann',
        RemarkTime: 1700000000,
        GroupName: ['Team', 'Close'],
        AddTime: 1690000000,
        CustomItem: [{ Tag: 'Tag_SNS_Custom_Ext', Value: 'x1' }],
      },
    ],
  };

  test('answers the page’s sample and keeps every field, one way', () => {
    const service = makeService(PLAIN);
    expect(service.text('friend_import', sample)).toBe(
      '{"ResultItem":[{"To_Account":"u2","ResultCode":0,"ResultInfo":""}],"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":"","ErrorDisplay":""}',
    );
    const list = friendsOf('u1', service.context);
    expect(list.friends).toEqual([
      {
        to: 'u2',
        addTime: 1690000000,
        source: 'AddSource_Type_Sync',
        remark: 'Ann',
        remarkTime: 1700000000,
        groups: ['Team', 'Close'],
        custom: { Tag_SNS_Custom_Ext: 'x1' },
      },
    ]);
    expect(list).toMatchObject({ groups: ['Team', 'Close'], standardSequence: 1, customSequence: 1 });
    expect(friendsOf('u2', service.context).friends).toEqual([]);
  });

  test('takes what the client sends', () => {
    const service = makeService();
    const fields = { remark: 'Bo', groups: ['A'], custom: { Ext: 'v' }, addTime: 5, wording: 'hi' };
    const body = OPERATIONS.import.request('a', [{ to: 'b', rows: 'forward', fields }], {});
    expect(codes(service.call('friend_import', body))).toEqual([0]);
    expect(friendsOf('a', service.context).friends[0]).toMatchObject({
      source: 'AddSource_Type_Sync',
      remark: 'Bo',
      groups: ['A'],
      addTime: 5,
      wording: 'hi',
      custom: { Tag_SNS_Custom_Ext: 'v' },
    });
  });

  test('times that are not given are now', () => {
    const service = makeService();
    service.call('friend_import', adding('a', [{ To_Account: 'b', Remark: 'Bo' }]));
    expect(friendsOf('a', service.context).friends[0]).toMatchObject({
      addTime: 1_700_000_000,
      remarkTime: 1_700_000_000,
    });
  });

  test('does not ask for consent, and looks at no blocklist', () => {
    const service = makeService();
    setAccounts(
      accountsSchema.parse({ profiles: [{ account: 'b', allowType: 'deny-any', blocked: ['a'] }] }),
      service.context,
    );
    expect(codes(service.call('friend_import', adding('a', ['b'])))).toEqual([0]);
  });

  test('a friend list ends at 3000 entries: 30010 by real count', () => {
    const service = makeService();
    for (const n of [0, 1, 2]) service.call('friend_import', adding('a', many(1000, `n${n}-`)));
    const answer = service.call('friend_import', adding('a', ['one-more', 'n0-5']));
    expect(answer.ResultItem).toEqual([
      { To_Account: 'one-more', ResultCode: 30010, ResultInfo: 'Err_SNS_FriendImport_My_Friend_Num_Exceed_Threshold' },
      { To_Account: 'n0-5', ResultCode: 0, ResultInfo: '' },
    ]);
    expect(friendsOf('a', service.context).friends).toHaveLength(3000);
  });

  test('an account has at most 32 lists: 30011', () => {
    const service = makeService();
    service.call('friend_import', adding('a', [{ To_Account: 'b', GroupName: many(31, 'g') }]));
    const answer = service.call(
      'friend_import',
      adding('a', [
        { To_Account: 'c', GroupName: ['x', 'y'] },
        { To_Account: 'd', GroupName: ['x', 'g0'] },
        { To_Account: 'e', GroupName: ['y'] },
      ]),
    );
    expect(codes(answer)).toEqual([30011, 0, 30011]);
    expect(answer.Fail_Account).toEqual(['c', 'e']);
  });

  test('limits of fields are bytes of UTF-8', () => {
    const service = makeService();
    const coded = (fields: object) =>
      codes(service.call('friend_import', adding('a', [{ To_Account: 'b', ...fields }])));
    expect(coded({ Remark: 'ä'.repeat(48) })).toEqual([0]);
    expect(coded({ Remark: 'ä'.repeat(48) + 'x' })).toEqual([30001]);
    expect(coded({ AddWording: '字'.repeat(86) })).toEqual([30001]);
    expect(coded({ GroupName: ['字'.repeat(10)] })).toEqual([0]);
    expect(coded({ GroupName: ['字'.repeat(11)] })).toEqual([30001]);
    expect(coded({ GroupName: [''] })).toEqual([30001]);
    expect(coded({ AddSource: 'AddSource_Type_TooLongWord' })).toEqual([30001]);
    expect(coded({ AddSource: undefined })).toEqual([30001]);
    expect(coded({ CustomItem: [{ Tag: 'Tag_SNS_Custom_Ext', Value: 'x'.repeat(501) }] })).toEqual([30001]);
    expect(coded({ CustomItem: [{ Tag: 'Tag_SNS_Custom_NineChars', Value: 'x' }] })).toEqual([30001]);
    expect(coded({ CustomItem: [{ Tag: 'Tag_Other', Value: 'x' }] })).toEqual([30001]);
  });

  test('custom tags can be limited to those registered', () => {
    const service = makeService({ customTags: ['Ext'] });
    expect(codes(service.call('friend_import', custom('Tag_SNS_Custom_Ext')))).toEqual([0]);
    expect(codes(service.call('friend_import', custom('Tag_SNS_Custom_Other')))).toEqual([30001]);
  });
});

const profile = (account: string, settings: object) => accountsSchema.parse({ profiles: [{ account, ...settings }] });

describe('friend_add', () => {
  test('answers the page’s sample: one friend already, one that must consent', () => {
    const service = makeService(PLAIN);
    seedFriends({ pairs: [['u1', 'u2'], ['u2', 'u1']] }, service.context); // prettier-ignore
    setAccounts(profile('u3', { allowType: 'need-confirm' }), service.context);
    const body =
      '{"From_Account":"u1","AddFriendItem":[{"To_Account":"u2","AddSource":"AddSource_Type_Sync"},{"To_Account":"u3","Remark":"Bo","GroupName":"Team","AddSource":"AddSource_Type_Sync","AddWording":"hi"}],"AddType":"Add_Type_Both","ForceAddFlags":0}';
    expect(service.call('friend_add', body)).toEqual({
      ResultItem: [
        { To_Account: 'u2', ResultCode: 30001, ResultInfo: 'Err_SNS_FriendAdd_Friend_Exist' },
        { To_Account: 'u3', ResultCode: 30539, ResultInfo: 'Err_SNS_FriendAdd_Need_Confirm' },
      ],
      Fail_Account: ['u2', 'u3'],
      ...ENVELOPE,
    });
    expect(friendsOf('u3', service.context).pending).toEqual(['u1']);
  });

  test('adds both ways by default, one way on request', () => {
    const service = makeService();
    service.call('friend_add', adding('a', [{ To_Account: 'b', Remark: 'Bo', GroupName: 'Team' }]));
    service.call('friend_add', adding('a', ['c'], { AddType: 'Add_Type_Single' }));
    const listOf = (id: string) => friendsOf(id, service.context).friends;
    expect(listOf('a').map(({ to }) => to)).toEqual(['b', 'c']);
    expect(listOf('a')[0]).toMatchObject({ remark: 'Bo', groups: ['Team'], source: SOURCE });
    expect(listOf('b')).toEqual([{ to: 'a', addTime: 1_700_000_000, source: SOURCE }]);
    expect(listOf('c')).toEqual([]);
  });

  test('consent, blocklists and the forbid flag each have their code', () => {
    const service = makeService();
    setAccounts(profile('nobody', { allowType: 'deny-any' }), service.context);
    setAccounts(profile('hater', { blocked: ['a'] }), service.context);
    setAccounts(profile('a', { blocked: ['hated'] }), service.context);
    setAccounts(profile('barred', { forbidden: true }), service.context);
    expect(service.call('friend_add', adding('a', ['nobody', 'hater', 'hated'])).ResultItem).toMatchObject([
      { ResultCode: 30516, ResultInfo: 'Err_SNS_FriendAdd_Friend_Allow_Type_Forbid' },
      { ResultCode: 30525 },
      { ResultCode: 30515 },
    ]);
    expect(codes(service.call('friend_add', adding('barred', ['x', 'y'])))).toEqual([30009, 30009]);
  });

  test('quotas of both ends: 30010, 30014, 30011, and 100 pending requests: 30012', () => {
    const service = makeService();
    seedFriends({ pairs: many(3000).map((to) => ['full', to]) }, service.context);
    setAccounts(profile('shy', { allowType: 'need-confirm' }), service.context);
    expect(codes(service.call('friend_add', adding('full', ['x'])))).toEqual([30010]);
    expect(codes(service.call('friend_add', adding('x', ['full'])))).toEqual([30014]);
    expect(codes(service.call('friend_add', adding('x', ['full'], { AddType: 'Add_Type_Single' })))).toEqual([0]);
    for (const group of many(32, 'g'))
      service.call('friend_add', adding('a', [{ To_Account: group, GroupName: group }]));
    expect(codes(service.call('friend_add', adding('a', [{ To_Account: 'z', GroupName: 'g32' }])))).toEqual([30011]);
    for (const from of many(100, 'asker')) {
      expect(codes(service.call('friend_add', adding(from, ['shy'])))).toEqual([30539]);
    }
    expect(codes(service.call('friend_add', adding('late', ['shy'])))).toEqual([30012]);
  });

  test('force skips consent', () => {
    const service = makeService();
    setAccounts(profile('shy', { allowType: 'need-confirm' }), service.context);
    expect(codes(service.call('friend_add', adding('a', ['shy'], { ForceAddFlags: 1 })))).toEqual([0]);
  });
});
