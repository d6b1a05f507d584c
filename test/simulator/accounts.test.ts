import { describe, expect, test } from 'vitest';
import { FAULT_PRESETS } from '../../src/simulator/faults.ts';
import { accountsSchema, friendsOf, setAccounts } from '../../src/simulator/truth.ts';
import { accounts, adding, check, codes, makeService, many } from './service-support.ts';

const PLAIN = { switches: { 'request-id': 'absent' } };
const accountsBody = (n: number) => ({ CheckItem: many(n).map((UserID) => ({ UserID })) });

describe('account_check', () => {
  test('tells what is imported; no ErrorDisplay', () => {
    const service = makeService({ ...PLAIN, accounts: { mode: 'known', imported: ['a'] } });
    expect(service.call('account_check', { CheckItem: [{ UserID: 'a' }, { UserID: 'b' }] })).toEqual({
      ResultItem: [
        { UserID: 'a', ResultCode: 0, ResultInfo: '', AccountStatus: 'Imported' },
        { UserID: 'b', ResultCode: 0, ResultInfo: '', AccountStatus: 'NotImported' },
      ],
      ActionStatus: 'OK',
      ErrorCode: 0,
      ErrorInfo: '',
    });
  });

  test.each(['none', 'mild', 'rough'] as const)(
    'says what friend_import says of every account, faults %s',
    (faults) => {
      const plan = { ...FAULT_PRESETS[faults], calls: {}, transient: [], permanent: [], missing: 0.1 };
      const service = makeService({ faults: plan, accounts: { missing: ['many7'], imported: ['ann', 'many8'] } });
      const ids = many(100);
      const { ResultItem: checked = [] } = service.call('account_check', accountsBody(100));
      const absent = checked.filter(({ AccountStatus }) => AccountStatus === 'NotImported').map(({ UserID }) => UserID);
      const { ResultItem: imported = [] } = service.call('friend_import', adding('ann', ids));
      expect(imported.filter(({ ResultCode }) => ResultCode === 30003).map(({ To_Account }) => To_Account)).toEqual(
        absent,
      );
      expect(absent).toContain('many7');
      expect(absent).not.toContain('many8');
      expect(service.call('friend_import', adding('many7', ['ann'])).ErrorCode).toBe(30003);
    },
  );

  test('takes 100 accounts, not 101', () => {
    const service = makeService();
    expect(service.call('account_check', accountsBody(100)).ResultItem).toHaveLength(100);
    expect(service.call('account_check', accountsBody(101))).toMatchObject({ ActionStatus: 'FAIL', ErrorCode: 70206 });
    expect(service.call('account_check', { CheckItem: [] }).ErrorCode).toBe(70402);
    expect(service.call('account_check', { CheckItem: [{ UserID: 7 }] }).ErrorCode).toBe(60015);
  });
});

describe('multiaccount_import', () => {
  test('makes accounts that count as imported from then on; no ErrorDisplay', () => {
    const service = makeService({ ...PLAIN, accounts: { mode: 'known', imported: ['me'] } });
    expect(codes(service.call('friend_import', adding('me', ['ann'])))).toEqual([30003]);
    expect(service.text('multiaccount_import', accounts([{ UserID: 'ann', Nick: 'Ann' }, 'bob']))).toBe(
      '{"FailAccounts":[],"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":""}',
    );
    expect(codes(service.call('friend_import', adding('me', ['ann', 'bob', 'cem'])))).toEqual([0, 0, 30003]);
    const statuses = service
      .call('account_check', { CheckItem: ['ann', 'cem'].map((UserID) => ({ UserID })) })
      .ResultItem?.map(({ AccountStatus }) => AccountStatus);
    expect(statuses).toEqual(['Imported', 'NotImported']);
    expect(service.context.ledger.of('multiaccount_import')).toMatchObject({ items: { 0: 2 }, applied: 2 });
  });

  test('a repeated import updates what it gives, and undoes that an account is missing', () => {
    const service = makeService({ accounts: { missing: ['ann'] } });
    service.call('multiaccount_import', accounts([{ UserID: 'ann', Nick: 'Ann', FaceUrl: 'http://x/1' }]));
    service.call('multiaccount_import', accounts([{ UserID: 'ann', FaceUrl: 'http://x/2' }]));
    expect(friendsOf('ann', service.context)).toMatchObject({ exists: true, nick: 'Ann', faceUrl: 'http://x/2' });
  });

  test('keeps what else the account has', () => {
    const service = makeService();
    setAccounts(accountsSchema.parse({ profiles: [{ account: 'shy', allowType: 'deny-any' }] }), service.context);
    service.call('multiaccount_import', accounts([{ UserID: 'shy', Nick: 'Shy' }]));
    expect(codes(service.call('friend_add', adding('a', ['shy'])))).toEqual([30516]);
  });

  test('accounts that can not exist are in FailAccounts; what can not be read fails the call', () => {
    const service = makeService();
    const long = 'x'.repeat(33);
    const call = (list: readonly (string | Record<string, unknown>)[]) =>
      service.call('multiaccount_import', accounts(list));
    expect(call(['ann', long])).toMatchObject({ ErrorCode: 0, FailAccounts: [long] });
    expect(call(many(100)).ErrorCode).toBe(0);
    expect(call(many(101)).ErrorCode).toBe(70206);
    expect(call([]).ErrorCode).toBe(70402);
    expect(call([{ UserID: 7 }]).ErrorCode).toBe(60015);
    expect(call([{ UserID: 'a', Nick: 7 }]).ErrorCode).toBe(70402);
    expect(service.call('multiaccount_import', {}).ErrorCode).toBe(70402);
  });
});

describe('accounts', () => {
  test('mode any: every possible UserID counts as imported, but for a share and a list', () => {
    const service = makeService({ accounts: { missing: ['gone'] }, faults: { missing: 0.2 } });
    const ids = many(500);
    const missing = ids.filter((id) => !service.context.exists(id));
    expect(missing.length).toBeGreaterThan(60);
    expect(missing.length).toBeLessThan(140);
    const answer = service.call('friend_check', check(ids.find((id) => !missing.includes(id)) as string, ids));
    expect(answer.Fail_Account).toEqual(missing);
    expect(service.context.exists('gone')).toBe(false);
    setAccounts(accountsSchema.parse({ imported: ['gone'] }), service.context);
    expect(service.context.exists('gone')).toBe(true);
    expect(service.context.exists('x'.repeat(33))).toBe(false);
  });

  test('a From_Account that is missing fails the whole call, without items', () => {
    const service = makeService({ ...PLAIN, accounts: { missing: ['gone'] } });
    expect(service.call('friend_import', adding('gone', ['b']))).toEqual({
      ActionStatus: 'FAIL',
      ErrorCode: 30003,
      ErrorInfo: 'Err_Sns_Invalid_Account',
      ErrorDisplay: '',
    });
  });
});
