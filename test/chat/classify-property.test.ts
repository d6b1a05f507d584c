import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { type CallResult, classify } from '../../src/chat/classify.ts';
import { wholeList } from '../../src/chat/page.ts';
import { OPERATION_NAMES, OPERATIONS, type Operation } from '../../src/domain/operation.ts';
import { itemsOf } from './support/clients.ts';

/** Few names, so that answers often speak of the accounts that were asked; some are parts of every object. */
const NAMES = ['a', 'b', 'c', 'A', '__proto__', 'constructor', ''];
const RELATIONS = ['CheckResult_Type_BothWay', 'CheckResult_Type_NoRelation', 'CheckResult_Type_Both'];

const anyJson = fc.jsonValue({ maxDepth: 1 });

/** `[{Tag, Value}]`, as friends carry them, and what else may stand there. */
function fields() {
  const tag = fc.constantFrom('Tag_SNS_IM_Remark', 'Tag_SNS_Custom_X', 'Tag_Profile_IM_Nick', '__proto__');
  const one = fc.oneof({ weight: 5, arbitrary: fc.record({ Tag: tag, Value: anyJson }) }, anyJson);
  return fc.oneof({ weight: 5, arbitrary: fc.array(one, { maxLength: 2 }) }, anyJson);
}
const code = fc.oneof(
  { weight: 4, arbitrary: fc.constant(0) },
  { weight: 2, arbitrary: fc.constantFrom(30001, 30003, 30006, 30008, 30539, 60007, 70001, 12345, -1) },
  { weight: 1, arbitrary: anyJson },
);
const entry = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record(
      {
        To_Account: fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...NAMES) }, anyJson),
        UserID: fc.oneof({ weight: 9, arbitrary: fc.constantFrom(...NAMES) }, anyJson),
        AccountStatus: fc.oneof(
          { weight: 5, arbitrary: fc.constantFrom('Imported', 'NotImported', 'imported') },
          anyJson,
        ),
        ResultCode: code,
        ResultInfo: fc.oneof(fc.constantFrom('', 'Err_SNS_FriendAdd_Friend_Exist'), anyJson),
        Relation: fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...RELATIONS) }, anyJson),
        SnsProfileItem: fields(),
        ValueItem: fields(),
      },
      { requiredKeys: ['To_Account', 'AccountStatus', 'ResultCode'] },
    ),
  },
  anyJson,
);
const entries = fc.oneof({ weight: 6, arbitrary: fc.array(entry, { maxLength: 6 }) }, anyJson);
const envelope = fc.record(
  {
    ActionStatus: fc.oneof({ weight: 5, arbitrary: fc.constant('OK') }, fc.constantFrom('FAIL', 'ok'), anyJson),
    ErrorCode: code,
    ErrorInfo: anyJson,
    ResultItem: entries,
    InfoItem: entries,
    CheckItem: entries,
    Invalid_Account: fc.oneof(fc.array(fc.constantFrom(...NAMES)), anyJson),
    FailAccounts: fc.oneof({ weight: 5, arbitrary: fc.array(fc.constantFrom(...NAMES), { maxLength: 2 }) }, anyJson),
    UserDataItem: entries,
    FriendNum: fc.oneof({ weight: 5, arbitrary: fc.integer({ min: 0, max: 3 }) }, anyJson),
    CompleteFlag: fc.oneof({ weight: 5, arbitrary: fc.constantFrom(0, 1) }, anyJson),
    NextStartIndex: fc.oneof(fc.integer({ min: 0, max: 600 }), anyJson),
    StandardSequence: fc.oneof(fc.integer({ min: 0, max: 3 }), anyJson),
    RequestId: anyJson,
  },
  { requiredKeys: ['ActionStatus', 'ErrorCode', 'ResultItem', 'InfoItem', 'CompleteFlag', 'FriendNum'] },
);
const garbage = fc.oneof(
  fc.string(),
  fc.json(),
  envelope.chain((body) => cutAnywhere(JSON.stringify(body))),
);
const body = fc.oneof({ weight: 8, arbitrary: envelope.map((value) => JSON.stringify(value)) }, garbage);

function cutAnywhere(text: string) {
  return fc.integer({ min: 0, max: text.length }).map((at) => text.slice(0, at));
}

// A page that holds together is rare among arbitrary ones, so `get` is asked more often.
const operation = fc.constantFrom(...OPERATION_NAMES, 'get' as const, 'get' as const).map((name) => OPERATIONS[name]);
const accounts = fc.uniqueArray(fc.constantFrom(...NAMES), { minLength: 1 });

test('any body: no throw, a verdict for each item, and none is ok without its own 0', () => {
  const oks = Object.fromEntries(OPERATION_NAMES.map((name) => [name, 0]));
  fc.assert(
    fc.property(operation, accounts, body, (asked, to, text) => {
      const got = read(asked, to, text);
      expect(got.verdicts).toHaveLength(to.length);
      to.forEach((account, i) => {
        if (!isOk(got, i)) return;
        oks[asked.name] = (oks[asked.name] ?? 0) + 1;
        expect(answeredZero(asked, account, text)).toBe(true);
      });
    }),
    { numRuns: 36_000 },
  );
  // The property would hold for a classifier that believes nothing.
  for (const name of OPERATION_NAMES) expect([name, oks[name]]).toEqual([name, expect.toSatisfy((n) => n > 200)]);
});

test('any error: no throw, and every item carries it', () => {
  fc.assert(
    fc.property(accounts, fc.anything({ withNullPrototype: true }), (to, error) => {
      const got = classify(OPERATIONS.import, itemsOf(...to), { kind: 'error', error });
      expect(got.fault?.kind).toBe('transient');
      expect(got.verdicts).toEqual(to.map(() => ({ fault: got.fault })));
    }),
    { numRuns: 2000 },
  );
});

function isOk({ verdicts }: CallResult, i: number): boolean {
  const verdict = verdicts[i];
  return verdict !== undefined && 'settlement' in verdict && verdict.settlement.status === 'ok';
}

/** As the data path reads it: the one page of a list is the whole list. */
function read(asked: Operation, to: readonly string[], text: string): CallResult {
  const got = classify(asked, itemsOf(...to), { kind: 'response', status: 200, body: text });
  const { page } = got;
  return page?.complete ? { ...got, verdicts: to.map(() => wholeList([page])) } : got;
}

/** What must be true of an answer that makes an account ok, said again without any of the code under test. */
function answeredZero(asked: Operation, account: string, text: string): boolean {
  const answer = JSON.parse(text) as Record<string, unknown>;
  const good = answer.ActionStatus === 'OK' && answer.ErrorCode === 0;
  const partial = answer.ActionStatus !== 'OK' && answer.ErrorCode === 30003;
  switch (asked.answers) {
    case 'call':
      return good;
    case 'failures': {
      const failed = answer.FailAccounts ?? [];
      return good && Array.isArray(failed) && !failed.includes(account);
    }
    case 'pages': {
      const friends = answer.UserDataItem ?? [];
      return good && Array.isArray(friends) && friends.length === answer.FriendNum;
    }
    case 'items': {
      const own = asked.answerArrays
        .flatMap((name) => (Array.isArray(answer[name]) ? (answer[name] as unknown[]) : []))
        .filter((one) => (one as Record<string, unknown> | null)?.[asked.answerAccount] === account) as Record<
        string,
        unknown
      >[];
      const zero = own.some((one) => one.ResultCode === 0);
      const listedBad = partial && Array.isArray(answer.Invalid_Account) && answer.Invalid_Account.includes(account);
      return (good || partial) && zero && !listedBad;
    }
  }
}
