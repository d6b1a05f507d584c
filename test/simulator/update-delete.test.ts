import { describe, expect, test } from 'vitest';
import { friendsOf, seedFriends } from '../../src/simulator/truth.ts';
import { adding, codes, deleting, makeService, many, textOf, updating } from './service-support.ts';

const PLAIN = { switches: { 'request-id': 'absent' } };
const ENVELOPE = '"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":"","ErrorDisplay":""}';
const REMARK = 'Tag_SNS_IM_Remark';
const GROUP = 'Tag_SNS_IM_Group';

/** A service where the pairs are friends. */
function withFriends(pairs: [string, string][], options: object = {}) {
  const service = makeService({ ...PLAIN, ...options });
  seedFriends({ pairs }, service.context);
  const list = (id: string) => friendsOf(id, service.context);
  return { ...service, list, ids: (id: string) => list(id).friends.map(({ to }) => to) };
}

describe('friend_update', () => {
  test('answers the page’s sample and changes what is given', () => {
    const service = makeService(PLAIN);
    service.call(
      'friend_import',
      adding('u1', [{ To_Account: 'u2', AddWording: 'hi', GroupName: ['Old'], AddTime: 5 }]),
    );
    const body =
      '{"From_Account":"u1","UpdateItem":[{"To_Account":"u2","SnsItem":[{"Tag":"Tag_SNS_IM_Remark","Value":"Ann B"},{"Tag":"Tag_SNS_IM_Group","Value":["Team"]}]}]}';
    expect(service.text('friend_update', body)).toBe(
      `{"ResultItem":[{"To_Account":"u2","ResultCode":0,"ResultInfo":""}],${ENVELOPE}`,
    );
    expect(friendsOf('u1', service.context).friends).toEqual([
      {
        to: 'u2',
        addTime: 5,
        source: 'AddSource_Type_Sync',
        wording: 'hi',
        remark: 'Ann B',
        remarkTime: 1_700_000_000,
        groups: ['Team'],
      },
    ]);
  });

  test('custom fields change one by one', () => {
    const { call, list } = withFriends([['a', 'b']]);
    const set = (changes: Record<string, unknown>) => codes(call('friend_update', updating('a', [['b', changes]])));
    expect(set({ Tag_SNS_Custom_One: 'x', Tag_SNS_Custom_Two: 2 })).toEqual([0]);
    expect(set({ Tag_SNS_Custom_One: 'y' })).toEqual([0]);
    expect(list('a').friends[0]?.custom).toEqual({ Tag_SNS_Custom_One: 'y', Tag_SNS_Custom_Two: 2 });
  });

  test('who is no friend: 30001, and not with a text that says `exists`', () => {
    const { call } = withFriends([['b', 'a']]);
    const answer = call('friend_update', updating('a', [['b', { [REMARK]: 'x' }]]));
    expect(answer.ResultItem).toEqual([
      { To_Account: 'b', ResultCode: 30001, ResultInfo: 'Err_SNS_FriendUpdate_Not_Friend' },
    ]);
    expect(answer.Fail_Account).toEqual(['b']);
  });

  test('only remark, lists and custom fields, within their limits: 30001 per item', () => {
    const { call, list } = withFriends([['a', 'b']]);
    const before = list('a');
    const coded = (tag: string, value: unknown) =>
      codes(call('friend_update', updating('a', [['b', { [tag]: value }]])));
    expect(coded(REMARK, 'x'.repeat(97))).toEqual([30001]);
    expect(coded(REMARK, ['x'])).toEqual([30001]);
    expect(coded(REMARK, 7)).toEqual([30001]);
    expect(coded(GROUP, ['字'.repeat(11)])).toEqual([30001]);
    expect(coded(GROUP, ['ok', ''])).toEqual([30001]);
    expect(coded(GROUP, 'Team')).toEqual([30001]);
    expect(coded('Tag_SNS_Custom_Ext', 'x'.repeat(501))).toEqual([30001]);
    expect(coded('Tag_SNS_Custom_NineChars', 'x')).toEqual([30001]);
    expect(coded('Tag_SNS_IM_AddSource', 'AddSource_Type_Sync')).toEqual([30001]);
    expect(coded('Tag_SNS_IM_AddTime', 5)).toEqual([30001]);
    expect(codes(call('friend_update', updating('a', [['b', {}]])))).toEqual([30001]);
    expect(list('a')).toEqual(before);
    expect(coded(REMARK, 'ä'.repeat(48))).toEqual([0]);
  });

  test('an account has at most 32 lists, also in update: 30011', () => {
    const { call, list } = withFriends([['a', 'b'], ['a', 'c']]); // prettier-ignore
    expect(codes(call('friend_update', updating('a', [['b', { [GROUP]: many(31, 'g') }]])))).toEqual([0]);
    const answer = call(
      'friend_update',
      updating('a', [
        ['c', { [GROUP]: ['x', 'y'], [REMARK]: 'no' }],
        ['b', { [GROUP]: ['x', 'g0'] }],
        ['c', { [GROUP]: ['y'] }],
      ]),
    );
    expect(codes(answer)).toEqual([30011, 0, 30011]);
    expect(answer.ResultItem?.[0]?.ResultInfo).toBe('Err_SNS_FriendUpdate_Group_Num_Exceed_Threshold');
    expect(list('a').friends[1]).not.toHaveProperty('remark');
    expect(list('a').groups).toHaveLength(32);
  });

  test('raises the sequence of the half it changes', () => {
    const { call, list } = withFriends([['a', 'b']]);
    const sequences = () => [list('a').standardSequence, list('a').customSequence];
    expect(sequences()).toEqual([1, 0]);
    call('friend_update', updating('a', [['b', { [REMARK]: 'x' }]]));
    expect(sequences()).toEqual([2, 0]);
    call('friend_update', updating('a', [['b', { Tag_SNS_Custom_Ext: 'x' }]]));
    expect(sequences()).toEqual([2, 1]);
    call('friend_update', updating('a', [['nobody', { [REMARK]: 'x' }]]));
    expect(sequences()).toEqual([2, 1]);
  });

  test('up to 1000 items; UpdateItem and SnsItem are arrays', () => {
    const service = makeService();
    const update = (body: unknown) => service.call('friend_update', body);
    const items = (n: number) => updating('a', many(n).map((to) => [to, { [REMARK]: 'x' }])); // prettier-ignore
    expect(update(items(1000)).ErrorCode).toBe(0);
    expect(update(items(1001)).ErrorCode).toBe(30001);
    expect(update({ From_Account: 'a', UpdateItem: {} }).ErrorInfo).toBe('SNS_DECODE_ERR');
    expect(update({ From_Account: 'a', UpdateItem: [{ To_Account: 'b' }] }).ErrorInfo).toBe('SNS_DECODE_ERR');
    expect(update(updating('a', [['b', { [REMARK]: null }]])).ErrorInfo).toBe('SNS_DECODE_ERR');
  });
});

describe('friend_delete', () => {
  test('answers the page’s sample, and `0` as ErrorInfo where all went well', () => {
    const { text, ids } = withFriends([['u1', 'u2'], ['u2', 'u1']]); // prettier-ignore
    const body = '{"From_Account":"u1","To_Account":["u2","u9"],"DeleteType":"Delete_Type_Both"}';
    expect(text('friend_delete', body)).toBe(
      '{"ResultItem":[{"To_Account":"u2","ResultCode":0,"ResultInfo":""},' +
        '{"To_Account":"u9","ResultCode":31704,"ResultInfo":"Err_SNS_FriendDelete_Not_Friend"}],' +
        `"Fail_Account":["u9"],${ENVELOPE}`,
    );
    expect([ids('u1'), ids('u2')]).toEqual([[], []]);
  });

  test('one way, or both', () => {
    const { call, ids } = withFriends([['a', 'b'], ['b', 'a'], ['a', 'c'], ['c', 'a'], ['a', 'd']]); // prettier-ignore
    expect(call('friend_delete', deleting('a', ['b'], 'Single'))).toMatchObject({ ErrorCode: 0, ErrorInfo: '0' });
    expect([ids('a'), ids('b')]).toEqual([['c', 'd'], ['a']]);
    expect(codes(call('friend_delete', deleting('a', ['c', 'd'], 'Both')))).toEqual([0, 0]);
    expect([ids('a'), ids('c')]).toEqual([[], []]);
  });

  test('accounts that are not imported, and fields that make no sense', () => {
    const { call } = withFriends([['a', 'b']], { accounts: { missing: ['gone'] } });
    expect(codes(call('friend_delete', deleting('a', ['gone', 'b'], 'Single')))).toEqual([30003, 0]);
    expect(call('friend_delete', deleting('gone', ['a'], 'Single')).ErrorCode).toBe(30003);
    expect(call('friend_delete', { ...deleting('a', ['b']), DeleteType: 'Both' }).ErrorCode).toBe(30001);
    expect(call('friend_delete', deleting('a', [])).ErrorCode).toBe(30001);
    expect(call('friend_delete', deleting('a', many(1001), 'Single')).ErrorCode).toBe(30001);
  });

  test('raises the sequences that lost data', () => {
    const { call, list } = withFriends([['a', 'b']]);
    call('friend_import', adding('a', [{ To_Account: 'c', CustomItem: [{ Tag: 'Tag_SNS_Custom_Ext', Value: 'x' }] }]));
    const sequences = () => [list('a').standardSequence, list('a').customSequence];
    expect(sequences()).toEqual([2, 1]);
    call('friend_delete', deleting('a', ['b'], 'Single'));
    expect(sequences()).toEqual([3, 1]);
    call('friend_delete', deleting('a', ['c'], 'Single'));
    expect(sequences()).toEqual([4, 2]);
  });

  test('makes room in a full list', () => {
    const { call } = withFriends(many(3000).map((to) => ['full', to]));
    expect(codes(call('friend_import', adding('full', ['x'])))).toEqual([30010]);
    call('friend_delete', deleting('full', ['many7'], 'Single'));
    expect(codes(call('friend_import', adding('full', ['x'])))).toEqual([0]);
  });
});

describe('friend_delete_all', () => {
  test('empties From’s list by default; the answer is the envelope alone', () => {
    const { text, ids } = withFriends([['a', 'b'], ['a', 'c'], ['b', 'a']]); // prettier-ignore
    expect(text('friend_delete_all', { From_Account: 'a' })).toBe(`{${ENVELOPE}`);
    expect([ids('a'), ids('b')]).toEqual([[], ['a']]);
    expect(text('friend_delete_all', deleting('a', undefined, 'Single'))).toBe(`{${ENVELOPE}`);
  });

  test('Both takes From out of its friends’ lists, not out of others’', () => {
    const { call, ids, context } = withFriends([['a', 'b'], ['a', 'c'], ['b', 'a'], ['fan', 'a']]); // prettier-ignore
    expect(call('friend_delete_all', deleting('a', undefined, 'Both')).ErrorCode).toBe(0);
    expect([ids('a'), ids('b'), ids('fan')]).toEqual([[], [], ['a']]);
    expect(context.ledger.of('friend_delete_all')).toMatchObject({ calls: 1, codes: { 0: 1 }, items: {}, applied: 2 });
  });

  test('a missing From and a wrong type fail it', () => {
    const { call, ids } = withFriends([['a', 'b']], { accounts: { missing: ['gone'] } });
    expect(call('friend_delete_all', { From_Account: 'gone' }).ErrorCode).toBe(30003);
    expect(call('friend_delete_all', { From_Account: 'a', DeleteType: 'All' }).ErrorCode).toBe(30001);
    expect(call('friend_delete_all', {}).ErrorCode).toBe(30001);
    expect(ids('a')).toEqual(['b']);
  });
});

describe('writes of both ends at the same time', () => {
  const parsed = (work: { finish(): Parameters<typeof textOf>[0] }) => JSON.parse(textOf(work.finish()));

  test('friend_delete Both holds the peers’ lists, Single does not', () => {
    const { begin, call, pass } = withFriends([['a', 'b'], ['b', 'a'], ['a', 'c']]); // prettier-ignore
    const write = begin('friend_import', adding('b', ['x']));
    expect(codes(parsed(begin('friend_delete', deleting('a', ['b', 'c'], 'Both'))))).toEqual([30008, 0]);
    write.finish();
    pass(1);
    const both = begin('friend_delete', deleting('a', ['b'], 'Both'));
    expect(codes(call('friend_update', updating('b', [['a', { [REMARK]: 'x' }]])))).toEqual([30008]);
    both.finish();
    pass(1);
    const single = begin('friend_delete', deleting('b', ['a'], 'Single'));
    expect(codes(call('friend_import', adding('a', ['z'])))).toEqual([0]);
    single.finish();
  });

  test('friend_delete_all fails as a whole when any list it touches is busy', () => {
    const { begin, call, ids, pass } = withFriends([['a', 'b'], ['b', 'a'], ['a', 'c']]); // prettier-ignore
    const write = begin('friend_import', adding('b', ['x']));
    expect(parsed(begin('friend_delete_all', deleting('a', undefined, 'Both')))).toMatchObject({
      ActionStatus: 'FAIL',
      ErrorCode: 30008,
      ErrorInfo: 'Err_SNS_FriendDeleteAll_Write_Conflict',
    });
    expect(ids('a')).toEqual(['b', 'c']);
    write.finish();
    pass(1);
    const all = begin('friend_delete_all', deleting('a', undefined, 'Both'));
    expect(codes(call('friend_import', adding('c', ['x'])))).toEqual([30008]);
    expect(call('friend_delete_all', deleting('a')).ErrorCode).toBe(30008);
    expect(parsed(all).ErrorCode).toBe(0);
    expect(ids('a')).toEqual([]);
  });
});
