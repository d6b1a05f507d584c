import { describe, expect, test } from 'vitest';
import { type Answer, type CallResult, classify, refusesUserSig } from '../../src/chat/classify.ts';
import { CODE_ROWS, faultOfCall, faultOfItem } from '../../src/chat/codes.ts';
import { transportError } from '../../src/transport/transport-error.ts';
import { mayHold } from '../../src/domain/fault.ts';
import { OPERATIONS } from '../../src/domain/operation.ts';
import { itemsOf } from './support/clients.ts';

const { check, import: imports, add } = OPERATIONS;
const OK = { ActionStatus: 'OK', ErrorCode: 0, ErrorInfo: '', ErrorDisplay: '' };
const accountsCheck = OPERATIONS['accounts-check'];
const ok = { settlement: { status: 'ok', code: 0, info: '' } };

function answer(body: unknown, status = 200): Answer {
  return { kind: 'response', status, body: typeof body === 'string' ? body : JSON.stringify(body) };
}

function fail(code: number, info = 'text', more: object = {}): Answer {
  return answer({ ActionStatus: 'FAIL', ErrorCode: code, ErrorInfo: info, ...more });
}

function result(to: string, code = 0, info = ''): object {
  return { To_Account: to, ResultCode: code, ResultInfo: info };
}

function relation(to: string, value: unknown, code = 0): object {
  return { To_Account: to, Relation: value, ResultCode: code, ResultInfo: '' };
}

/** 'ok', 'failed 30003', 'unreadable', 'transient 30006' … for each item. */
function short({ verdicts }: CallResult): string[] {
  return verdicts.map((verdict) => {
    if ('settlement' in verdict) {
      const { status, code } = verdict.settlement;
      return code ? `${status} ${code}` : status;
    }
    return 'code' in verdict.fault && verdict.fault.code
      ? `${verdict.fault.kind} ${verdict.fault.code}`
      : verdict.fault.kind;
  });
}

function account(id: string, status: unknown, code = 0): object {
  return { UserID: id, ResultCode: code, ResultInfo: '', AccountStatus: status };
}

describe('account_check', () => {
  const settled = (status: string) => ({ settlement: { status: 'ok', code: 0, info: '', account: status } });

  test('tells of each account by its UserID whether it is imported', () => {
    const body = { ResultItem: [account('b', 'NotImported'), account('a', 'Imported')], ...OK };
    expect(classify(accountsCheck, itemsOf('a', 'b'), answer(body)).verdicts).toEqual([
      settled('Imported'),
      settled('NotImported'),
    ]);
  });

  test('an item without a known AccountStatus, or of another account, says nothing', () => {
    const body = { ResultItem: [account('a', 'imported'), account('b', undefined), result('c')], ...OK };
    expect(short(classify(accountsCheck, itemsOf('a', 'b', 'c'), answer(body)))).toEqual(Array(3).fill('unreadable'));
  });

  test('a status beside a code is not believed', () => {
    const body = { ResultItem: [account('a', 'NotImported', 70500)], ...OK };
    expect(short(classify(accountsCheck, itemsOf('a'), answer(body)))).toEqual(['transient 70500']);
  });

  test('two entries of one account that contradict each other leave it unreadable', () => {
    const body = { ResultItem: [account('a', 'Imported'), account('a', 'NotImported')], ...OK };
    expect(short(classify(accountsCheck, itemsOf('a'), answer(body)))).toEqual(['unreadable']);
  });
});

describe('the vendor’s samples', () => {
  test('friend_check', () => {
    const body = {
      InfoItem: [
        relation('u2', 'CheckResult_Type_BothWay'),
        relation('u3', 'CheckResult_Type_BWithA'),
        { ...relation('u404', 'CheckResult_Type_NoRelation', 30003), ResultInfo: '(account not imported)' },
      ],
      Fail_Account: ['u404'],
      ...OK,
    };
    expect(classify(check, itemsOf('u2', 'u3', 'u404'), answer(body))).toEqual({
      fault: null,
      verdicts: [
        { settlement: { status: 'ok', code: 0, info: '', relation: 'CheckResult_Type_BothWay' } },
        { settlement: { status: 'ok', code: 0, info: '', relation: 'CheckResult_Type_BWithA' } },
        { settlement: { status: 'failed', code: 30003, info: '(account not imported)' } },
      ],
      anomalies: [],
      requestId: null,
    });
  });

  test('friend_import', () => {
    const { fault, verdicts } = classify(imports, itemsOf('u2'), answer({ ResultItem: [result('u2')], ...OK }));
    expect({ fault, verdicts }).toEqual({ fault: null, verdicts: [ok] });
  });

  test('friend_add: already friends is satisfied, waiting for consent is pending', () => {
    const ResultItem = [result('u2', 30001, 'Err_SNS_FriendAdd_Friend_Exist'), result('u3', 30539, '(pending)')];
    const body = { ResultItem, Fail_Account: ['u2', 'u3'], ...OK };
    expect(short(classify(add, itemsOf('u2', 'u3'), answer(body)))).toEqual(['satisfied 30001', 'pending 30539']);
  });
});

describe('items are matched by account', () => {
  test('in any order', () => {
    const body = { ResultItem: [result('c', 30003), result('b'), result('a', 30006)], ...OK };
    expect(short(classify(imports, itemsOf('a', 'b', 'c'), answer(body)))).toEqual([
      'transient 30006',
      'ok',
      'failed 30003',
    ]);
  });

  test('a missing item is unreadable, and a write of it may hold', () => {
    const { verdicts, fault } = classify(imports, itemsOf('a', 'b'), answer({ ResultItem: [result('b')], ...OK }));
    expect(fault).toBeNull();
    expect(verdicts).toEqual([{ fault: { kind: 'unreadable', info: 'the answer lacks this item' } }, ok]);
    expect(verdicts[0] && 'fault' in verdicts[0] && mayHold(verdicts[0].fault)).toBe(true);
  });

  test('what nobody asked for is ignored and told', () => {
    const body = {
      ResultItem: [result('a'), result('x'), result('A'), null, 7, { ResultCode: 0 }, { To_Account: 5 }],
      ...OK,
    };
    const got = classify(imports, itemsOf('a'), answer(body));
    expect(short(got)).toEqual(['ok']);
    expect(got.anomalies).toEqual(['4 entries without a To_Account', '2 entries that nobody asked for']);
  });

  test.each([
    ['agree', [result('a'), result('a')], 'ok'],
    ['agree in failing', [result('a', 30003), result('a', 30003)], 'failed 30003'],
    ['differ', [result('a'), result('a', 30006)], 'unreadable'],
    ['differ in the other order', [result('a', 30003), result('a')], 'unreadable'],
    ['differ, and the third agrees with the first', [result('a'), result('a', 30003), result('a')], 'unreadable'],
    ['differ in meaning', [result('a', 30001, 'x_Exist'), result('a', 30001, 'other')], 'unreadable'],
  ])('repeated entries that %s', (_what, ResultItem, expected) => {
    const got = classify(imports, itemsOf('a'), answer({ ResultItem, ...OK }));
    expect(short(got)).toEqual([expected]);
    expect(got.anomalies).toHaveLength(1);
  });

  test('repeated checks with different relations are unreadable', () => {
    const InfoItem = [relation('a', 'CheckResult_Type_BothWay'), relation('a', 'CheckResult_Type_NoRelation')];
    expect(short(classify(check, itemsOf('a', 'b'), answer({ InfoItem, ...OK })))).toEqual([
      'unreadable',
      'unreadable',
    ]);
  });

  test('accounts named like parts of an object are accounts', () => {
    const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty'];
    const body = { ResultItem: names.slice(0, 3).map((name) => result(name)), ...OK };
    expect(short(classify(imports, itemsOf(...names), answer(body)))).toEqual(['ok', 'ok', 'ok', 'unreadable']);
    expect(short(classify(imports, itemsOf(...names), answer({ ResultItem: [], ...OK })))).toEqual(
      names.map(() => 'unreadable'),
    );
  });

  test('the older name of the array is read', () => {
    const body = { CheckItem: [relation('a', 'CheckResult_Type_AWithB')], ...OK };
    expect(short(classify(check, itemsOf('a'), answer(body)))).toEqual(['ok']);
  });
});

describe('a check’s relation', () => {
  test.each([undefined, null, '', 'BothWay', 'CheckResult_Type_Both', 1, ['CheckResult_Type_BothWay']])(
    'that is %j leaves the item unreadable',
    (value) => {
      const body = { InfoItem: [relation('a', value)], ...OK };
      expect(short(classify(check, itemsOf('a'), answer(body)))).toEqual(['unreadable']);
    },
  );

  test('is ignored beside a code that is not 0, as in the vendor’s failing sample', () => {
    const body = { InfoItem: [relation('a', 'CheckResult_Type_NoRelation', 30006)], Fail_Account: ['a'], ...OK };
    expect(classify(check, itemsOf('a'), answer(body)).verdicts).toEqual([{ fault: faultOfItem(30006, '') }]);
  });
});

describe('every listed code', () => {
  const codes = CODE_ROWS.flatMap((row) => row.codes.map((entry) => (typeof entry === 'number' ? entry : entry[0])));
  const final = new Set(['malformed', 'account']);

  test.each(codes)('%i of an item', (code) => {
    const fault = faultOfItem(code, 'text');
    const { fault: whole, verdicts } = classify(
      imports,
      itemsOf('a', 'b'),
      answer({ ResultItem: [result('a', code, 'text'), result('b')], ...OK }),
    );
    expect(whole).toBeNull();
    const settled = { settlement: { status: 'failed', code, info: 'text' } };
    expect(verdicts).toEqual([final.has(fault.kind) ? settled : { fault }, ok]);
  });

  test.each(codes)('%i of a call', (code) => {
    const fault = faultOfCall(code, 'text');
    const settled = { settlement: { status: 'failed', code, info: 'text' } };
    const got = classify(imports, itemsOf('a', 'b'), fail(code));
    expect(got.fault).toEqual(fault);
    expect(got.verdicts).toEqual(Array(2).fill(final.has(fault.kind) ? settled : { fault }));
  });
});

describe('a call answered 30003', () => {
  test('without items fails every item', () => {
    expect(short(classify(imports, itemsOf('a', 'b'), fail(30003)))).toEqual(['failed 30003', 'failed 30003']);
    expect(short(classify(imports, itemsOf('a'), fail(30003, '', { ResultItem: [] })))).toEqual(['failed 30003']);
  });

  test('with items beside it is read item by item', () => {
    const InfoItem = [relation('a', 'CheckResult_Type_BothWay')];
    const got = classify(
      check,
      itemsOf('a', 'b', 'c'),
      fail(30003, 'Err', { CheckItem: InfoItem, Invalid_Account: ['b'] }),
    );
    expect(got.fault).toBeNull();
    expect(short(got)).toEqual(['ok', 'failed 30003', 'unreadable']);
  });

  test('with Invalid_Account alone fails those', () => {
    const got = classify(imports, itemsOf('a', 'b'), fail(30003, '', { Invalid_Account: ['b', 5] }));
    expect(short(got)).toEqual(['unreadable', 'failed 30003']);
  });

  test('with From_Account alone in Invalid_Account is as without: a lookup finds who is missing', () => {
    const got = classify(imports, itemsOf('a', 'b'), fail(30003, 'Err', { Invalid_Account: ['from'] }));
    expect(got.fault).toEqual(faultOfCall(30003, 'Err'));
    expect(short(got)).toEqual(['failed 30003', 'failed 30003']);
  });

  test('an account that is both good and invalid is unreadable', () => {
    const got = classify(imports, itemsOf('a'), fail(30003, '', { ResultItem: [result('a')], Invalid_Account: ['a'] }));
    expect(short(got)).toEqual(['unreadable']);
  });

  test('Invalid_Account means nothing in a good envelope, and items nothing beside another code', () => {
    expect(
      short(classify(imports, itemsOf('a'), answer({ ...OK, ResultItem: [result('a')], Invalid_Account: ['a'] }))),
    ).toEqual(['ok']);
    expect(short(classify(imports, itemsOf('a'), fail(30006, '', { ResultItem: [result('a')] })))).toEqual([
      'transient 30006',
    ]);
  });
});

describe('a call of one item that fails as a whole', () => {
  test.each([
    ['add', 30001, 'Err_SNS_FriendAdd_Friend_Exist', 'satisfied 30001'],
    ['add', 30539, '', 'pending 30539'],
    ['delete', 31704, '', 'satisfied 31704'],
    ['delete', 30001, 'Err_SNS_FriendDelete_Not_Friend', 'satisfied 30001'],
    ['delete', 30001, 'other', 'failed 30001'],
    ['import', 31704, '', 'failed 31704'],
  ] as const)('is answered as the item: %s, %i %s: %s', (name, code, info, word) => {
    const operation = OPERATIONS[name];
    const got = classify(operation, itemsOf('a'), fail(code, info));
    expect(short(got)).toEqual([word]);
    // The call has failed all the same: were there several, none of them was answered.
    expect(got.fault).toMatchObject({ kind: 'malformed', code });
    expect(short(classify(operation, itemsOf('a', 'b'), fail(code, info)))).toEqual(Array(2).fill(`failed ${code}`));
  });
});

describe('what cannot be read', () => {
  const good = { ResultItem: [result('a')] };
  test.each<[string, unknown]>([
    ['nothing', ''],
    ['HTML', '<html>502</html>'],
    ['half a JSON', '{"ActionStatus":"OK","ErrorCode":0,"ResultItem":[{"To_Acc'],
    ['null', 'null'],
    ['a number', '0'],
    ['an array', '[]'],
    ['no envelope', good],
    ['no ErrorCode', { ...good, ActionStatus: 'OK' }],
    ['no ActionStatus', { ...good, ErrorCode: 0 }],
    ['a numeric string as ErrorCode', { ...good, ...OK, ErrorCode: '0' }],
    ['a fraction as ErrorCode', { ...good, ...OK, ErrorCode: 0.5 }],
    ['FAIL with 0', { ...good, ...OK, ActionStatus: 'FAIL' }],
    ['OK with a code', { ...good, ...OK, ErrorCode: 30003 }],
    ['ok in small letters', { ...good, ...OK, ActionStatus: 'ok' }],
    ['no items', OK],
    ['an object as items', { ...OK, ResultItem: { 0: result('a') } }],
    ['items of others only', { ...OK, ResultItem: [result('b')] }],
    ['another operation’s array', { ...OK, InfoItem: [result('a')] }],
  ])('%s is unreadable as a whole', (_what, body) => {
    const got = classify(imports, itemsOf('a'), answer(body));
    expect(got.fault?.kind).toBe('unreadable');
    expect(short(got)).toEqual(['unreadable']);
  });

  test.each([undefined, null, '0', 0.5, true, [0], {}])('ResultCode %j leaves the item unreadable', (code) => {
    const body = { ...OK, ResultItem: [{ To_Account: 'a', ResultCode: code }, result('b')] };
    expect(short(classify(imports, itemsOf('a', 'b'), answer(body)))).toEqual(['unreadable', 'ok']);
  });

  test('long texts are cut', () => {
    const got = classify(imports, itemsOf('a'), answer({ ...OK, ResultItem: [result('a', 30003, 'x'.repeat(9999))] }));
    expect(got.verdicts[0]).toMatchObject({ settlement: { info: `${'x'.repeat(500)}…` } });
  });
});

test('ErrorInfo decides nothing, and RequestId is handed on', () => {
  const body = { ResultItem: [result('a')], ...OK, ErrorInfo: '0', RequestId: 'Id-1-O-Seq-2' };
  expect(classify(imports, itemsOf('a'), answer(body))).toMatchObject({ verdicts: [ok], requestId: 'Id-1-O-Seq-2' });
  expect(classify(imports, itemsOf('a'), fail(60007, '', { RequestId: 'Id-3' }))).toMatchObject({ requestId: 'Id-3' });
});

describe('statuses', () => {
  test.each([500, 502, 503, 504, 599, 408, 429])('%i is transient, and a write may hold', (status) => {
    const got = classify(imports, itemsOf('a'), answer({ ResultItem: [result('a')], ...OK }, status));
    const fault = { kind: 'transient', curve: 'network', code: null, info: `HTTP ${status}`, answered: false };
    expect(got).toMatchObject({ fault, verdicts: [{ fault }] });
  });

  test.each([201, 204, 301, 302, 400, 403, 404])('%i is tried three times', (status) => {
    const { fault } = classify(imports, itemsOf('a'), answer({ ResultItem: [result('a')], ...OK }, status));
    expect(fault).toMatchObject({ kind: 'unknown-code', code: status, maxAttempts: 3 });
  });
});

function codeError(code: string, more: object = {}): Error {
  return Object.assign(new Error('x'), { code, ...more });
}

function classified(error: unknown): CallResult['fault'] {
  return classify(imports, itemsOf('a'), { kind: 'error', error }).fault;
}

describe('errors instead of a response', () => {
  test.each([
    [codeError('ECONNREFUSED'), 'connection refused'],
    [codeError('ENOTFOUND'), 'host name not found'],
    [codeError('ETIMEDOUT', { syscall: 'connect' }), 'timed out'],
    [new AggregateError([codeError('ECONNREFUSED')]), 'connection refused'],
    [codeError('CERT_HAS_EXPIRED'), 'the certificate has expired; check this machine’s clock'],
  ])('nothing was sent after %s: a write cannot hold', (error, info) => {
    expect(classified(error)).toEqual({ kind: 'transient', curve: 'network', code: null, info, answered: true });
  });

  test.each([
    [codeError('ECONNRESET'), 'connection reset'],
    [codeError('EPIPE'), 'connection closed by the other side'],
    [codeError('HPE_INVALID_CONSTANT'), 'the answer is not HTTP'],
    [codeError('EWHATEVER'), 'network error EWHATEVER'],
    [new Error('secret in the message'), 'network error'],
    [undefined, 'network error'],
    ['text', 'network error'],
  ])('after %s a write may hold', (error, info) => {
    expect(classified(error)).toEqual({ kind: 'transient', curve: 'network', code: null, info, answered: false });
  });

  test('an error that cannot even be read is an error', () => {
    const hostile = new Proxy(
      {},
      {
        get() {
          throw new Error('no');
        },
      },
    );
    expect(classified(hostile)).toMatchObject({ info: 'network error', answered: false });
  });

  test('whether it was sent is believed before the code', () => {
    expect(classified(transportError(codeError('ECONNREFUSED'), true))).toMatchObject({ answered: false });
    expect(classified(transportError(codeError('ECONNRESET'), false))).toMatchObject({ answered: true });
  });
});

test('a refused UserSig is recognised', () => {
  expect(refusesUserSig(fail(70001))).toBe(true);
  expect(refusesUserSig(fail(70052))).toBe(true);
  expect(refusesUserSig(fail(70009))).toBe(false);
  expect(refusesUserSig(answer({ ...OK, ErrorInfo: '70001' }))).toBe(false);
  expect(refusesUserSig(answer('garbage'))).toBe(false);
  expect(refusesUserSig({ kind: 'error', error: null })).toBe(false);
});
