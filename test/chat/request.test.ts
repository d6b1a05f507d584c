import { expect, test } from 'vitest';
import { OPERATIONS } from '../../src/domain/operation.ts';
import { itemsOf, testClient } from './support/clients.ts';

const client = () => testClient('http://127.0.0.1:9');
const bodyOf = (call: { body: Buffer }): unknown => JSON.parse(call.body.toString());

test('friend_check: the body of the vendor’s sample', () => {
  const call = client().prepare(OPERATIONS.check, 'u1', itemsOf('u2', 'u3', 'u404'), { type: 'both' });
  expect(call.path).toBe('sns/friend_check');
  expect(bodyOf(call)).toStrictEqual({
    From_Account: 'u1',
    To_Account: ['u2', 'u3', 'u404'],
    CheckType: 'CheckResult_Type_Both',
  });
  const single = client().prepare(OPERATIONS.check, 'u1', itemsOf('u2'), { type: 'single' });
  expect(bodyOf(single)).toMatchObject({ CheckType: 'CheckResult_Type_Single' });
});

test('friend_import: the body of the vendor’s sample', () => {
  const fields = {
    remark: 'Ann',
    remarkTime: 1_700_000_000,
    groups: ['Team', 'Close'],
    source: 'AddSource_Type_Sync',
    addTime: 1_690_000_000,
    custom: { Ext: 'x1' },
  };
  const call = client().prepare(OPERATIONS.import, 'u1', [{ to: 'u2', rows: 'forward', fields }], {});
  expect(call.path).toBe('sns/friend_import');
  expect(bodyOf(call)).toStrictEqual({
    From_Account: 'u1',
    AddFriendItem: [
      {
        To_Account: 'u2',
        AddSource: 'AddSource_Type_Sync',
        Remark: 'Ann',
        RemarkTime: 1_700_000_000,
        GroupName: ['Team', 'Close'],
        AddTime: 1_690_000_000,
        CustomItem: [{ Tag: 'Tag_SNS_Custom_Ext', Value: 'x1' }],
      },
    ],
  });
});

test('friend_add: the body of the vendor’s sample', () => {
  const fields = { remark: 'Bo', groups: ['Team'], source: 'AddSource_Type_Sync', wording: 'hi' };
  const items = [...itemsOf('u2'), { to: 'u3', rows: 'forward' as const, fields }];
  const call = client().prepare(OPERATIONS.add, 'u1', items, {});
  expect(call.path).toBe('sns/friend_add');
  expect(bodyOf(call)).toStrictEqual({
    From_Account: 'u1',
    AddFriendItem: [
      { To_Account: 'u2', AddSource: 'AddSource_Type_Sync' },
      { To_Account: 'u3', Remark: 'Bo', GroupName: 'Team', AddSource: 'AddSource_Type_Sync', AddWording: 'hi' },
    ],
    AddType: 'Add_Type_Both',
    ForceAddFlags: 0,
  });
  const forced = client().prepare(OPERATIONS.add, 'u1', items, { single: true, force: true });
  expect(bodyOf(forced)).toMatchObject({ AddType: 'Add_Type_Single', ForceAddFlags: 1 });
});

test('friend_update: the body of the vendor’s sample, and a custom field', () => {
  const fields = { remark: 'Ann B', groups: ['Team'] };
  const call = client().prepare(OPERATIONS.update, 'u1', [{ to: 'u2', rows: 'forward', fields }], {});
  expect(call.path).toBe('sns/friend_update');
  expect(bodyOf(call)).toStrictEqual({
    From_Account: 'u1',
    UpdateItem: [
      {
        To_Account: 'u2',
        SnsItem: [
          { Tag: 'Tag_SNS_IM_Remark', Value: 'Ann B' },
          { Tag: 'Tag_SNS_IM_Group', Value: ['Team'] },
        ],
      },
    ],
  });
  // Only what is given changes.
  const custom = client().prepare(
    OPERATIONS.update,
    'u1',
    [{ to: 'u2', rows: 'forward', fields: { custom: { Ext: 'x1' } } }],
    {},
  );
  expect(bodyOf(custom)).toMatchObject({
    UpdateItem: [{ SnsItem: [{ Tag: 'Tag_SNS_Custom_Ext', Value: 'x1' }] }],
  });
});

test('friend_delete: the body of the vendor’s sample; the type is always said', () => {
  const call = client().prepare(OPERATIONS.delete, 'u1', itemsOf('u2', 'u9'), { both: true });
  expect(call.path).toBe('sns/friend_delete');
  expect(bodyOf(call)).toStrictEqual({
    From_Account: 'u1',
    To_Account: ['u2', 'u9'],
    DeleteType: 'Delete_Type_Both',
  });
  const single = client().prepare(OPERATIONS.delete, 'u1', itemsOf('u2'), {});
  expect(bodyOf(single)).toMatchObject({ DeleteType: 'Delete_Type_Single' });
});

test('friend_delete_all: the body of the vendor’s sample; the account is the From', () => {
  const call = client().prepare(OPERATIONS['delete-all'], null, itemsOf('u1'), {});
  expect(call.path).toBe('sns/friend_delete_all');
  expect(bodyOf(call)).toStrictEqual({ From_Account: 'u1', DeleteType: 'Delete_Type_Single' });
  const both = client().prepare(OPERATIONS['delete-all'], null, itemsOf('u1'), { both: true });
  expect(bodyOf(both)).toStrictEqual({ From_Account: 'u1', DeleteType: 'Delete_Type_Both' });
});

test('friend_get: the body of the vendor’s sample; both sequences are 0 on every page', () => {
  const page = (start?: number) => bodyOf(client().prepare(OPERATIONS.get, null, itemsOf('u1'), {}, start));
  expect(client().prepare(OPERATIONS.get, null, itemsOf('u1'), {}).path).toBe('sns/friend_get');
  expect(page()).toStrictEqual({ From_Account: 'u1', StartIndex: 0, StandardSequence: 0, CustomSequence: 0 });
  expect(page(500)).toStrictEqual({ From_Account: 'u1', StartIndex: 500, StandardSequence: 0, CustomSequence: 0 });
});

test('friend_get_list: the body of the vendor’s sample; without tags the standard ones', () => {
  const tags = ['Tag_SNS_IM_Remark', 'Tag_Profile_IM_Nick'];
  const call = client().prepare(OPERATIONS['get-list'], 'u1', itemsOf('u2', 'u9'), { tags });
  expect(call.path).toBe('sns/friend_get_list');
  expect(bodyOf(call)).toStrictEqual({ From_Account: 'u1', To_Account: ['u2', 'u9'], TagList: tags });
  const standard = client().prepare(OPERATIONS['get-list'], 'u1', itemsOf('u2'), {});
  expect(bodyOf(standard)).toMatchObject({
    TagList: [
      'Tag_SNS_IM_Remark',
      'Tag_SNS_IM_Group',
      'Tag_SNS_IM_AddSource',
      'Tag_SNS_IM_AddTime',
      'Tag_SNS_IM_AddWording',
    ],
  });
});

test('account_check and multiaccount_import: accounts and, where given, their profile', () => {
  const check = client().prepare(OPERATIONS['accounts-check'], null, itemsOf('u1', 'u2'), {});
  expect(check.path).toBe('im_open_login_svc/account_check');
  expect(bodyOf(check)).toStrictEqual({ CheckItem: [{ UserID: 'u1' }, { UserID: 'u2' }] });
  const fields = { nick: 'Ann', faceUrl: 'https://example.com/a.png' };
  const items = [...itemsOf('u1'), { to: 'u2', rows: 'forward' as const, fields }];
  const imported = client().prepare(OPERATIONS['accounts-import'], null, items, {});
  expect(imported.path).toBe('im_open_login_svc/multiaccount_import');
  expect(bodyOf(imported)).toStrictEqual({
    AccountList: [{ UserID: 'u1' }, { UserID: 'u2', Nick: 'Ann', FaceUrl: 'https://example.com/a.png' }],
  });
});

test('the length of a body is counted in bytes of UTF-8', () => {
  const call = client().prepare(OPERATIONS.import, 'u1', [{ to: 'u2', rows: 'forward', fields: { remark: '安' } }], {});
  expect(call.bytes).toBe(call.body.length);
  expect(call.bytes).toBe(call.body.toString().length + 2);
});
