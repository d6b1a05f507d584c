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

test('the length of a body is counted in bytes of UTF-8', () => {
  const call = client().prepare(OPERATIONS.import, 'u1', [{ to: 'u2', rows: 'forward', fields: { remark: '安' } }], {});
  expect(call.bytes).toBe(call.body.length);
  expect(call.bytes).toBe(call.body.toString().length + 2);
});
