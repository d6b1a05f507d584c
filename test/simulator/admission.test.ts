import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { COMMANDS } from '../../src/simulator/commands/index.ts';
import { accounts, adding, check, codes, deleting, getting, makeService, many, textOf } from './service-support.ts';

const GOOD = check('a', ['b']);

describe('checks come in the order of the sheet', () => {
  test('path, then query', () => {
    const service = makeService();
    const coded = (...request: [path?: string, query?: Record<string, string | undefined>]) =>
      service.call('friend_check', GOOD, { path: request[0], query: request[1] }).ErrorCode;
    expect(coded('/v4/sns/friend_chek', { sdkappid: undefined })).toBe(60009);
    expect(coded('/sns/friend_check')).toBe(60009);
    expect(coded(undefined, { sdkappid: undefined, usersig: 'x' })).toBe(60012);
    expect(coded(undefined, { identifier: undefined })).toBe(60025);
    expect(coded(undefined, { usersig: undefined })).toBe(60025);
    expect(coded(undefined, { contenttype: 'JSON' })).toBe(60025);
    expect(coded(undefined, { sdkappid: '14x' })).toBe(60025);
    expect(coded(undefined, { random: '4294967296' })).toBe(60025);
    expect(coded(undefined, { random: '4294967295' })).toBe(0);
    expect(coded(undefined, { sdkappid: '1400000002', usersig: 'x' })).toBe(60026);
  });

  test('only POST', () => {
    expect(makeService().call('friend_check', GOOD, { method: 'GET' }).ErrorCode).toBe(60002);
  });

  test('UserSig, then admin', () => {
    const service = makeService();
    const coded = (query: Record<string, string>) => service.call('friend_check', 'no json', { query }).ErrorCode;
    expect(coded({ usersig: '' })).toBe(70002);
    expect(coded({ usersig: 'garbage' })).toBe(70003);
    expect(coded({ usersig: service.sign({ key: 'another key' }) })).toBe(70009);
    expect(coded({ usersig: service.sign({ now: 1_600_000_000, expire: 60 }) })).toBe(70001);
    expect(coded({ usersig: service.sign({ identifier: 'bob' }) })).toBe(70013);
    expect(coded({ usersig: service.sign({ sdkappid: 1_400_000_002 }) })).toBe(70014);
    expect(coded({ usersig: service.sign({ identifier: 'bob' }), identifier: 'bob' })).toBe(60010);
    expect(coded({})).toBe(60003);
  });

  test('a UserSig that was good expires all the same', () => {
    const service = makeService();
    expect(service.call('friend_check', GOOD).ErrorCode).toBe(0);
    service.pass(86_400_000);
    expect(service.call('friend_check', GOOD).ErrorCode).toBe(0);
    service.pass(1000);
    expect(service.call('friend_check', GOOD).ErrorCode).toBe(70001);
  });

  test('rate before JSON; who is not let in uses up no rate', () => {
    const service = makeService({ limit: 1 });
    service.call('friend_check', GOOD, { query: { usersig: 'garbage' } });
    expect(service.call('friend_check', GOOD).ErrorCode).toBe(0);
    expect(service.call('friend_check', 'no json').ErrorCode).toBe(60007);
    service.pass(1000);
    expect(service.call('friend_check', 'no json').ErrorCode).toBe(60003);
  });

  test('JSON, then fields, then From_Account', () => {
    const service = makeService({ accounts: { missing: ['gone'] } });
    const coded = (command: string, body: unknown) => service.call(command, body).ErrorCode;
    expect(coded('friend_check', '')).toBe(60003);
    expect(coded('friend_check', '[]')).toBe(60003);
    expect(coded('friend_check', {})).toBe(30001);
    expect(coded('friend_check', { ...check('gone', ['b']), CheckType: 'CheckResult_Type_Singal' })).toBe(30001);
    expect(coded('friend_check', check('gone', []))).toBe(30001);
    expect(coded('friend_check', check('gone', many(1001)))).toBe(30001);
    expect(coded('friend_check', check('gone', ['b']))).toBe(30003);
    expect(coded('friend_check', { ...GOOD, To_Account: [7] })).toBe(60015);
    expect(coded('friend_check', check('a', many(1000)))).toBe(0);
  });

  test('fields of the wrong type are SNS_DECODE_ERR', () => {
    const service = makeService();
    const bodies: [string, unknown][] = [
      ['friend_import', { From_Account: 'a', AddFriendItem: { To_Account: 'b' } }],
      ['friend_import', { From_Account: 'a', AddFriendItem: ['b'] }],
      ['friend_import', adding('a', [{ To_Account: 'b', GroupName: 'Team' }])],
      ['friend_import', adding('a', [{ To_Account: 'b', RemarkTime: 'now' }])],
      ['friend_import', adding('a', [{ To_Account: 'b', CustomItem: [{ Tag: 'Tag_SNS_Custom_Ext', Value: [] }] }])],
      ['friend_add', adding('a', [{ To_Account: 'b', GroupName: ['Team'] }])],
      ['friend_add', { ...adding('a', ['b']), From_Account: 7 }],
    ];
    for (const [command, body] of bodies) {
      expect({ body, ...service.call(command, body) }).toMatchObject({
        body,
        ErrorCode: 30001,
        ErrorInfo: 'SNS_DECODE_ERR',
      });
    }
    expect(service.call('friend_add', adding('a', ['b'], { AddType: 'Both' })).ErrorCode).toBe(30001);
    expect(service.call('friend_add', adding('a', ['b'], { ForceAddFlags: 2 })).ErrorCode).toBe(30001);
  });

  test('whatever a body holds, the answer is an envelope', () => {
    const service = makeService({ limit: 1_000_000 });
    const id = fc.constantFrom('a', 'b', '', 'x'.repeat(40));
    const body = fc.record(
      {
        From_Account: fc.oneof(id, fc.jsonValue()),
        To_Account: fc.oneof(fc.array(id), fc.jsonValue()),
        CheckType: fc.constantFrom('CheckResult_Type_Both', 7),
        DeleteType: fc.constantFrom('Delete_Type_Both', 'Delete_Type_Single', 7),
        StartIndex: fc.oneof(fc.nat(), fc.jsonValue()),
        StandardSequence: fc.oneof(fc.nat(3), fc.jsonValue()),
        TagList: fc.oneof(fc.array(fc.constantFrom('Tag_SNS_IM_Remark', 'Tag_SNS_Custom_x', 'x')), fc.jsonValue()),
        AccountList: fc.oneof(
          fc.array(fc.record({ UserID: id, Nick: fc.oneof(id, fc.jsonValue()) }, { requiredKeys: ['UserID'] })),
          fc.jsonValue(),
        ),
        UpdateItem: fc.oneof(
          fc.array(
            fc.record({
              To_Account: id,
              SnsItem: fc.oneof(
                fc.array(
                  fc.record({
                    Tag: fc.constantFrom('Tag_SNS_IM_Remark', 'Tag_SNS_IM_Group', 'Tag_SNS_Custom_x', ''),
                    Value: fc.oneof(id, fc.array(id), fc.jsonValue()),
                  }),
                ),
                fc.jsonValue(),
              ),
            }),
          ),
          fc.jsonValue(),
        ),
        CheckItem: fc.oneof(fc.array(fc.record({ UserID: id })), fc.jsonValue()),
        AddFriendItem: fc.oneof(
          fc.array(
            fc.record(
              {
                To_Account: fc.oneof(id, fc.jsonValue()),
                AddSource: fc.oneof(fc.constant('AddSource_Type_Sync'), fc.jsonValue()),
                GroupName: fc.oneof(fc.array(id), fc.jsonValue()),
                CustomItem: fc.oneof(fc.array(fc.record({ Tag: id, Value: fc.jsonValue() })), fc.jsonValue()),
              },
              { requiredKeys: [] },
            ),
          ),
          fc.jsonValue(),
        ),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.constantFrom(...COMMANDS.map(({ name }) => name)), body, (command, sent) => {
        expect(service.call(command, sent)).toMatchObject({ ErrorCode: expect.any(Number) as number });
      }),
      { numRuns: 1000 },
    );
  });
});

describe('rate', () => {
  test('holds per command; account commands have half', () => {
    const service = makeService({ limit: 4 });
    const until60007 = (command: string, body: unknown) => {
      let calls = 0;
      while (service.call(command, body).ErrorCode === 0) calls++;
      return calls;
    };
    expect(until60007('friend_check', GOOD)).toBe(4);
    expect(until60007('friend_import', adding('a', ['b']))).toBe(4);
    expect(until60007('account_check', { CheckItem: [{ UserID: 'a' }] })).toBe(2);
    expect(until60007('multiaccount_import', accounts(['a']))).toBe(2);
    expect(until60007('friend_get', getting('a'))).toBe(4);
    expect(until60007('friend_delete_all', deleting('a'))).toBe(4);
  });

  test('the app’s limit holds for all commands together: 60011', () => {
    const service = makeService({ limit: 3, appLimit: 4 });
    const coded = (command: string, body: unknown, at: number) => service.call(command, body, { at }).ErrorCode;
    const importing = adding('a', ['b']);
    expect([1, 2, 3, 4].map((at) => coded('friend_check', GOOD, at))).toEqual([0, 0, 0, 60007]);
    expect([5, 6].map((at) => coded('friend_import', importing, at))).toEqual([0, 60011]);
    expect(coded('account_check', { CheckItem: [{ UserID: 'a' }] }, 7)).toBe(60011);
    // One call of friend_check is a window old: one call of any command has room.
    expect(coded('friend_get', getting('a'), 1_000_001)).toBe(0);
    expect(coded('friend_check', GOOD, 1_000_001)).toBe(60011);
    expect(service.context.ledger.of('friend_import').codes).toEqual({ 0: 1, 60011: 1 });
  });

  test.each([
    ['not-counted', 0],
    ['counted', 60007],
  ])('a call that the app’s limit refused uses up the command’s rate? %s', (reading, code) => {
    const service = makeService({ limit: 1, appLimit: 1, switches: { 'rejected-calls': reading } });
    const coded = (command: string, body: unknown, at: number) => service.call(command, body, { at }).ErrorCode;
    expect(coded('friend_check', GOOD, 0)).toBe(0);
    expect(coded('friend_get', getting('a'), 500_000)).toBe(60011);
    expect(coded('friend_get', getting('a'), 1_000_000)).toBe(code);
  });

  test.each([
    ['not-counted', 0],
    ['counted', 60011],
  ])('a call that the command’s limit refused uses up the app’s rate? %s', (reading, code) => {
    const service = makeService({ limit: 1, appLimit: 2, switches: { 'rejected-calls': reading } });
    const coded = (command: string, body: unknown) => service.call(command, body).ErrorCode;
    expect([coded('friend_check', GOOD), coded('friend_check', GOOD)]).toEqual([0, 60007]);
    expect(coded('friend_get', getting('a'))).toBe(code);
  });

  test('single commands can have their own, and the window its own length', () => {
    const service = makeService({ limits: { friend_check: 1 }, windowMs: 50 });
    const coded = (at: number) => service.call('friend_check', GOOD, { at }).ErrorCode;
    expect([0, 49_999, 50_000, 99_999].map(coded)).toEqual([0, 60007, 0, 60007]);
  });

  test('rejected calls change nothing', () => {
    const service = makeService({ limit: 1 });
    service.call('friend_import', adding('a', ['b']));
    expect(service.call('friend_import', adding('a', ['c'])).ResultItem).toBeUndefined();
    service.pass(1000);
    expect(service.call('friend_check', check('a', ['b', 'c'])).InfoItem?.map((item) => item.Relation)).toEqual([
      'CheckResult_Type_AWithB',
      'CheckResult_Type_NoRelation',
    ]);
  });
});

describe('ledger', () => {
  test('counts calls, codes, items and what was applied', () => {
    const service = makeService({ limit: 3, accounts: { missing: ['gone'] } });
    service.call('friend_import', adding('a', ['b', 'c', 'gone']));
    service.call('friend_import', 'no json');
    service.call('friend_import', adding('gone', ['b']));
    service.call('friend_import', adding('a', ['b']));
    expect(service.context.ledger.counts()).toEqual({
      friend_import: {
        calls: 4,
        codes: { 0: 1, 30003: 1, 60003: 1, 60007: 1 },
        items: { 0: 2, 30003: 1 },
        applied: 2,
        faults: {},
      },
    });
  });
});

const importing = (from: string, ...to: string[]) => ['friend_import', adding(from, to)] as const;

describe('writes at the same time', () => {
  test('a write is applied at the end of its service time', () => {
    const service = makeService();
    const write = service.begin(...importing('a', 'b'));
    expect(write.serviceMs).toBe(10);
    const seen = () => service.call('friend_check', check('a', ['b'])).InfoItem?.[0]?.Relation;
    expect(seen()).toBe('CheckResult_Type_NoRelation');
    write.finish();
    expect(seen()).toBe('CheckResult_Type_AWithB');
  });

  test('the later write to the same list gets 30008 for all items, and applies nothing', () => {
    const service = makeService();
    const first = service.begin(...importing('a', 'b'));
    const second = service.begin(...importing('a', 'c', 'd'));
    const other = service.begin(...importing('b', 'a'));
    expect(textOf(first.finish())).toContain('"ResultCode":0');
    expect(textOf(second.finish()).match(/"ResultCode":30008/g)).toHaveLength(2);
    expect(textOf(other.finish())).toContain('"ResultCode":0');
    expect(service.context.conflicts.counts).toMatchObject({ mostConcurrent: 2, overlaps: 1 });
    expect(codes(service.call(...importing('a', 'c', 'd')))).toEqual([0, 0]);
  });

  test('a write that came before the last one’s end overlapped with it, though it is taken up after it', () => {
    const service = makeService();
    const at = service.now();
    const first = service.begin(...importing('a', 'b'), { at });
    service.pass(10);
    first.finish();
    expect(codes(service.call(...importing('a', 'c'), { at: at + 9_999 }))).toEqual([30008]);
    service.pass(10);
    expect(codes(service.call(...importing('a', 'c')))).toEqual([0]);
  });

  test('a two-way add holds the peers’ lists too', () => {
    const service = makeService();
    const write = service.begin('friend_import', adding('b', ['x']));
    const add = service.begin('friend_add', adding('a', ['b', 'c']));
    expect(codes(JSON.parse(textOf(add.finish())))).toEqual([30008, 0]);
    write.finish();
    service.pass(1);
    const both = service.begin('friend_add', adding('a', ['d']));
    const swapped = service.begin('friend_add', adding('d', ['a']));
    expect(codes(JSON.parse(textOf(swapped.finish())))).toEqual([30008]);
    both.finish();
    expect(service.context.conflicts.counts.overlaps).toBe(3);
  });

  test('a one-way add holds only From’s list', () => {
    const service = makeService();
    const single = { AddType: 'Add_Type_Single' };
    const first = service.begin('friend_add', adding('a', ['b'], single));
    expect(codes(service.call('friend_add', adding('b', ['a'], single)))).toEqual([0]);
    first.finish();
    expect(service.context.conflicts.counts).toEqual({ mostConcurrent: 1, overlaps: 0, examples: [] });
  });
});
