import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isOperationName, OPERATION_NAMES, OPERATIONS, type OperationOptions } from '../../src/domain/operation.ts';
import { id, items } from './arbitraries.ts';

const options: fc.Arbitrary<OperationOptions> = fc.record(
  { type: fc.constantFrom('both', 'single'), single: fc.boolean(), force: fc.boolean() },
  { requiredKeys: [] },
);

type Body = Record<string, unknown>;

/** A body as the service gets it. */
const wire = (name: (typeof OPERATION_NAMES)[number], ...args: Parameters<(typeof OPERATIONS)['add']['request']>) =>
  JSON.parse(JSON.stringify(OPERATIONS[name].request(...args))) as Body;

const itemsOf = (body: Body): (string | Body)[] =>
  (body.To_Account ??
    body.AddFriendItem ??
    body.UpdateItem ??
    body.CheckItem ??
    body.AccountList ?? [body.From_Account]) as (string | Body)[];

const added = (chosen: OperationOptions) => wire('add', 'a', [{ to: 'b', rows: 'forward', fields: ALL }], chosen);
const checkType = (chosen: OperationOptions) => wire('check', 'a', [{ to: 'b', rows: 'both' }], chosen).CheckType;

const ofPairs = OPERATION_NAMES.filter((name) => OPERATIONS[name].rows === 'pairs');

test.each(ofPairs)('a request of %s names its From', (name) => {
  fc.assert(
    fc.property(id, items, options, (from, all, chosen) => {
      expect(wire(name, from, all, chosen).From_Account).toBe(from);
    }),
  );
});

test('a request of accounts-check is its accounts and nothing else', () => {
  const accounts = [
    { to: 'b', rows: 'forward' },
    { to: 'a', rows: 'forward' },
  ] as const;
  expect(wire('accounts-check', null, accounts, {})).toEqual({ CheckItem: [{ UserID: 'b' }, { UserID: 'a' }] });
});

describe.each(OPERATION_NAMES)('a request of %s', (name) => {
  test('names every item once, in order, and holds no null', () => {
    fc.assert(
      fc.property(id, items, options, (from, drawn, chosen) => {
        const { rows, itemsPerCall } = OPERATIONS[name];
        const all = drawn.slice(0, itemsPerCall);
        const body = wire(name, rows === 'pairs' ? from : null, all, chosen);
        const named = itemsOf(body).map((one) => (typeof one === 'string' ? one : (one.To_Account ?? one.UserID)));
        expect(named).toEqual(all.map(({ to }) => to));
        expect(leaves(body)).not.toContain(null);
      }),
    );
  });

  test('is a function of its arguments', () => {
    fc.assert(
      fc.property(id, items, options, (from, all, chosen) => {
        expect(wire(name, from, all, chosen)).toEqual(wire(name, from, all, chosen));
      }),
    );
  });
});

test.each(['import', 'add'] as const)('every item of %s has a source: its own, or the one of a sync', (name) => {
  fc.assert(
    fc.property(id, items, (from, all) => {
      const sources = itemsOf(wire(name, from, all, {})).map((one) => (one as Body).AddSource);
      expect(sources).toEqual(all.map(({ fields }) => fields?.source ?? 'AddSource_Type_Sync'));
    }),
  );
});

test('an item without fields carries nothing beside To and source: no field leaks as undefined or null', () => {
  for (const name of ['import', 'add'] as const) {
    const [item] = itemsOf(wire(name, 'a', [{ to: 'b', rows: 'forward' }], {}));
    expect(item).toEqual({ To_Account: 'b', AddSource: 'AddSource_Type_Sync' });
  }
});

test('import carries all fields in the API’s words', () => {
  const body = wire('import', 'a', [{ to: 'b', rows: 'forward', fields: ALL }], {});
  expect(itemsOf(body)).toEqual([
    {
      To_Account: 'b',
      AddSource: 'AddSource_Type_Web',
      Remark: 'Bee',
      RemarkTime: 1,
      GroupName: ['x', 'y'],
      AddWording: 'hi',
      AddTime: 2,
      CustomItem: [
        { Tag: 'Tag_SNS_Custom_Rank', Value: 0 },
        { Tag: 'Tag_SNS_Custom_Nick', Value: '' },
      ],
    },
  ]);
});

test('add takes one group, as a string, and says whether it goes both ways and by force', () => {
  expect(added({})).toMatchObject({
    AddFriendItem: [{ To_Account: 'b', Remark: 'Bee', GroupName: 'x', AddWording: 'hi' }],
    AddType: 'Add_Type_Both',
    ForceAddFlags: 0,
  });
  expect(itemsOf(added({}))[0]).not.toHaveProperty('AddTime');
  expect(added({ single: true, force: true })).toMatchObject({ AddType: 'Add_Type_Single', ForceAddFlags: 1 });
});

test('check asks both ways unless told otherwise', () => {
  expect(checkType({})).toBe('CheckResult_Type_Both');
  expect(checkType({ type: 'both' })).toBe('CheckResult_Type_Both');
  expect(checkType({ type: 'single' })).toBe('CheckResult_Type_Single');
});

test('what a call writes: nothing, From’s list, or the lists of both', () => {
  expect(OPERATIONS.check.writeSet({})).toBe('none');
  expect(OPERATIONS['accounts-check'].writeSet({})).toBe('none');
  expect(OPERATIONS.import.writeSet({})).toBe('from');
  expect(OPERATIONS.add.writeSet({})).toBe('from-and-items');
  expect(OPERATIONS.add.writeSet({ single: true })).toBe('from');
  expect(OPERATIONS.update.writeSet({})).toBe('from');
  expect(OPERATIONS.delete.writeSet({})).toBe('from');
  expect(OPERATIONS.delete.writeSet({ both: true })).toBe('from-and-items');
  expect(OPERATIONS['delete-all'].writeSet({})).toBe('from-and-items');
  for (const name of ['get', 'get-list', 'accounts-import'] as const)
    expect(OPERATIONS[name].writeSet({})).toBe('none');
});

test.each([
  { name: 'import' as const, code: 30001, info: 'Err_SNS_FriendImport_Friend_Exist', status: 'satisfied' },
  { name: 'import' as const, code: 30001, info: 'Err_SNS_FriendImport_Existing_Field', status: null },
  { name: 'import' as const, code: 30539, info: '', status: null },
  { name: 'add' as const, code: 30001, info: 'Err_SNS_FriendAdd_Friend_Exist', status: 'satisfied' },
  { name: 'add' as const, code: 30001, info: 'Err_SNS_FriendAdd_Decode', status: null },
  { name: 'add' as const, code: 30539, info: 'anything', status: 'pending' },
  { name: 'check' as const, code: 30001, info: 'Err_SNS_Friend_Exist', status: null },
  { name: 'delete' as const, code: 31704, info: 'Err_SNS_FriendDelete_Not_Friend', status: 'satisfied' },
  { name: 'delete' as const, code: 30001, info: 'Err_SNS_FriendDelete_Not_Friend', status: 'satisfied' },
  { name: 'delete' as const, code: 30001, info: 'SNS_DECODE_ERR', status: null },
  { name: 'update' as const, code: 30001, info: 'Err_SNS_FriendUpdate_Not_Friend', status: null },
  { name: 'get-list' as const, code: 30001, info: 'Err_SNS_FriendGetList_Friend_Not_Exist', status: null },
])('$name, code $code "$info": $status', ({ name, code, info, status }) => {
  expect(OPERATIONS[name].special(code, info)).toBe(status);
});

test('names of operations are those, and no names of object members', () => {
  expect(OPERATION_NAMES.every(isOperationName)).toBe(true);
  for (const name of ['__proto__', 'constructor', 'toString', 'remove', '']) expect(isOperationName(name)).toBe(false);
});

const ALL = {
  remark: 'Bee',
  remarkTime: 1,
  groups: ['x', 'y'],
  source: 'AddSource_Type_Web',
  wording: 'hi',
  addTime: 2,
  custom: { Rank: 0, Nick: '' },
};

function leaves(value: unknown): unknown[] {
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(leaves) : [value];
}
