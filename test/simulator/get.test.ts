import { describe, expect, test } from 'vitest';
import { seedFriends } from '../../src/simulator/truth.ts';
import {
  accounts,
  adding,
  asking,
  codes,
  deleting,
  getting,
  makeService,
  many,
  updating,
  type Envelope,
} from './service-support.ts';

const PLAIN = { switches: { 'request-id': 'absent' } };
const custom = (value: string | number) => [{ Tag: 'Tag_SNS_Custom_Ext', Value: value }];

describe('friend_get', () => {
  test('answers the page’s sample, field by field and in its order', () => {
    const service = makeService(PLAIN);
    service.call('friend_import', adding('u1', [{ To_Account: 'u2', GroupName: ['Team'], AddTime: 1690000000 }]));
    const account = service.context.world.account('u1');
    [account.standardSequence, account.customSequence] = [7, 2];
    const body = '{"From_Account":"u1","StartIndex":0,"StandardSequence":0,"CustomSequence":0}';
    expect(service.text('friend_get', body)).toBe(
      '{"UserDataItem":[{"To_Account":"u2","ValueItem":[{"Tag":"Tag_SNS_IM_AddSource","Value":"AddSource_Type_Sync"},' +
        '{"Tag":"Tag_SNS_IM_Group","Value":["Team"]},{"Tag":"Tag_SNS_IM_AddTime","Value":1690000000}]}],' +
        '"StandardSequence":7,"CustomSequence":2,"FriendNum":1,"CompleteFlag":1,"NextStartIndex":0,' +
        '"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":"","ErrorDisplay":""}',
    );
  });

  test('tells every field of an entry; what has no value is missing', () => {
    const service = makeService();
    const full = { Remark: 'Bo', GroupName: ['A', 'B'], AddTime: 5, AddWording: 'hi', CustomItem: custom(7) };
    const bare = { Remark: '', GroupName: [], AddWording: '', AddTime: 6 };
    service.call('friend_import', adding('a', [{ To_Account: 'b', ...full }, { To_Account: 'c', ...bare }])); // prettier-ignore
    const fields = service
      .call('friend_get', getting('a'))
      .UserDataItem?.map(({ ValueItem }) => Object.fromEntries(ValueItem.map(({ Tag, Value }) => [Tag, Value])));
    expect(fields).toEqual([
      {
        Tag_SNS_IM_AddSource: 'AddSource_Type_Sync',
        Tag_SNS_IM_Remark: 'Bo',
        Tag_SNS_IM_Group: ['A', 'B'],
        Tag_SNS_IM_AddTime: 5,
        Tag_SNS_IM_AddWording: 'hi',
        Tag_SNS_Custom_Ext: 7,
      },
      { Tag_SNS_IM_AddSource: 'AddSource_Type_Sync', Tag_SNS_IM_AddTime: 6 },
    ]);
  });

  test.each([0, 1, 499, 500, 501, 1000, 1203])('pages of 500 give each of %i friends once, in order', (n) => {
    const service = makeService();
    const ids = many(n);
    seedFriends({ pairs: ids.map((to) => ['a', to]) }, service.context);
    const pages: Envelope[] = [];
    do pages.push(service.call('friend_get', getting('a', pages.at(-1)?.NextStartIndex)));
    while (pages.at(-1)?.CompleteFlag === 0);
    expect(pages.flatMap(({ UserDataItem = [] }) => UserDataItem.map(({ To_Account }) => To_Account))).toEqual(ids);
    expect(pages.map(({ FriendNum }) => FriendNum)).toEqual(pages.map(() => n));
    expect(pages.map(({ NextStartIndex }) => NextStartIndex)).toEqual(
      pages.map((_, index) => (index === pages.length - 1 ? 0 : (index + 1) * 500)),
    );
    expect(pages).toHaveLength(Math.max(1, Math.ceil(n / 500)));
  });

  test('beyond the end, of nobody, and with 0 as sequences: an empty last page', () => {
    const service = makeService();
    seedFriends({ pairs: [['a', 'b']] }, service.context);
    const empty = { UserDataItem: [], CompleteFlag: 1, NextStartIndex: 0 };
    expect(service.call('friend_get', getting('a', 1))).toMatchObject({ ...empty, FriendNum: 1 });
    expect(service.call('friend_get', getting('new', 0, [0, 0]))).toMatchObject({
      ...empty,
      FriendNum: 0,
      StandardSequence: 0,
      CustomSequence: 0,
    });
  });

  test('every change of the list is a change of a sequence', () => {
    const service = makeService();
    const sequences = (id = 'a') => {
      const { StandardSequence, CustomSequence } = service.call('friend_get', getting(id));
      return [StandardSequence, CustomSequence];
    };
    service.call('friend_import', adding('a', [{ To_Account: 'b', CustomItem: custom('x') }, 'c']));
    expect(sequences()).toEqual([2, 1]);
    service.call('friend_update', updating('a', [['b', { Tag_SNS_Custom_Ext: 'y' }]]));
    expect(sequences()).toEqual([2, 2]);
    service.call('friend_add', adding('d', ['a']));
    expect(sequences()).toEqual([3, 2]);
    service.call('friend_delete_all', deleting('a'));
    expect(sequences()).toEqual([6, 3]);
    expect(sequences('d')).toEqual([1, 0]);
  });

  test('StartIndex is needed; a missing From fails the call', () => {
    const service = makeService({ accounts: { missing: ['gone'] } });
    expect(service.call('friend_get', { From_Account: 'a' }).ErrorCode).toBe(30001);
    expect(service.call('friend_get', getting('a', -1)).ErrorCode).toBe(30001);
    expect(service.call('friend_get', { From_Account: 'a', StartIndex: '0' }).ErrorInfo).toBe('SNS_DECODE_ERR');
    expect(service.call('friend_get', getting('gone')).ErrorCode).toBe(30003);
  });
});

describe('friend_get_list', () => {
  test('answers the page’s sample', () => {
    const service = makeService(PLAIN);
    service.call('friend_import', adding('u1', [{ To_Account: 'u2', Remark: 'Ann' }]));
    const body = '{"From_Account":"u1","To_Account":["u2","u9"],"TagList":["Tag_SNS_IM_Remark","Tag_Profile_IM_Nick"]}';
    expect(service.text('friend_get_list', body)).toBe(
      '{"InfoItem":[{"To_Account":"u2","SnsProfileItem":[{"Tag":"Tag_SNS_IM_Remark","Value":"Ann"}],"ResultCode":0,"ResultInfo":""},' +
        '{"To_Account":"u9","ResultCode":30001,"ResultInfo":"Err_SNS_FriendGetList_Friend_Not_Exist"}],' +
        '"Fail_Account":["u9"],"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":"","ErrorDisplay":""}',
    );
  });

  test('tells what was asked for, in that order: friend data, custom data, profile', () => {
    const service = makeService();
    service.call('multiaccount_import', accounts([{ UserID: 'b', Nick: 'Bob', FaceUrl: 'http://x/b.png' }]));
    const fields = { Remark: 'Bo', GroupName: ['A'], AddTime: 5, CustomItem: custom('v') };
    service.call('friend_import', adding('a', [{ To_Account: 'b', ...fields }]));
    const tags = [
      'Tag_Profile_IM_Image',
      'Tag_SNS_Custom_Ext',
      'Tag_SNS_IM_Group',
      'Tag_SNS_IM_AddWording',
      'Tag_Profile_Custom_Any',
      'Tag_Profile_IM_Nick',
      'Tag_SNS_IM_AddTime',
    ];
    expect(service.call('friend_get_list', asking('a', ['b'], tags)).InfoItem?.[0]?.SnsProfileItem).toEqual([
      { Tag: 'Tag_Profile_IM_Image', Value: 'http://x/b.png' },
      { Tag: 'Tag_SNS_Custom_Ext', Value: 'v' },
      { Tag: 'Tag_SNS_IM_Group', Value: ['A'] },
      { Tag: 'Tag_Profile_IM_Nick', Value: 'Bob' },
      { Tag: 'Tag_SNS_IM_AddTime', Value: 5 },
    ]);
  });

  test('TagList is needed, and holds tags', () => {
    const service = makeService({ accounts: { missing: ['gone'] } });
    const coded = (body: object) => service.call('friend_get_list', body).ErrorCode;
    expect(coded({ ...asking('a', ['b']), TagList: undefined })).toBe(30001);
    expect(coded(asking('a', ['b'], []))).toBe(30001);
    expect(coded(asking('a', ['b'], ['Remark']))).toBe(30001);
    expect(coded(asking('gone', ['b']))).toBe(30003);
    expect(codes(service.call('friend_get_list', asking('a', ['gone'])))).toEqual([30003]);
  });
});
