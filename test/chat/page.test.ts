/** The pages of one account's friends (Chat API 1047/34908). */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Page, readPage, wholeList } from '../../src/chat/page.ts';
import { OPERATIONS } from '../../src/domain/operation.ts';
import { send } from '../../src/jobs/send.ts';
import { createLimiter, type Limiter } from '../../src/limiter/limiter.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { itemsOf, testClient } from './support/clients.ts';
import { httpServer } from './support/servers.ts';

const friend = (to: string) => ({
  To_Account: to,
  ValueItem: [{ Tag: 'Tag_SNS_IM_Remark', Value: `remark of ${to}` }],
});
const bodyOf = (given: object = {}) => ({
  ActionStatus: 'OK',
  ErrorCode: 0,
  UserDataItem: [friend('a'), friend('b')],
  StandardSequence: 7,
  CustomSequence: 2,
  FriendNum: 2,
  CompleteFlag: 1,
  NextStartIndex: 0,
  ...given,
});
const pageOf = (given: object = {}): Page => readPage(bodyOf(given)) as Page;

test('a page: friends in the words of the input, how many there are, and where the next one begins', () => {
  expect(readPage(bodyOf({ CompleteFlag: 0, NextStartIndex: 2, FriendNum: 5 }))).toEqual({
    friends: [
      { to: 'a', remark: 'remark of a' },
      { to: 'b', remark: 'remark of b' },
    ],
    friendNum: 5,
    complete: false,
    next: 2,
    sequence: 7,
  });
  // An empty list may come without its array.
  expect(readPage(bodyOf({ UserDataItem: undefined, FriendNum: 0 }))).toMatchObject({ friends: [], complete: true });
});

test.each([
  [{ FriendNum: undefined }, 'FriendNum'],
  [{ FriendNum: -1 }, 'FriendNum'],
  [{ CompleteFlag: 'yes' }, 'CompleteFlag'],
  [{ CompleteFlag: 0, NextStartIndex: null }, 'NextStartIndex'],
  [{ UserDataItem: {} }, 'UserDataItem'],
  [{ UserDataItem: [{ To_Account: 5 }] }, 'friend'],
  [{ UserDataItem: [{ To_Account: 'a', ValueItem: 'x' }] }, 'friend'],
])('%j is no page', (given, lacks) => {
  expect(readPage(bodyOf(given))).toEqual({ unreadable: expect.stringContaining(lacks) as string });
});

test('all pages together are the list, if they are as many as FriendNum says, and nothing moved between them', () => {
  const first = pageOf({ CompleteFlag: 0, NextStartIndex: 2, FriendNum: 3 });
  const last = (given: object = {}) => pageOf({ UserDataItem: [friend('c')], FriendNum: 3, ...given });
  const whole = wholeList([first, last()]);
  expect(whole).toMatchObject({ settlement: { status: 'ok', code: 0 } });
  expect('settlement' in whole && whole.settlement.data).toEqual({ friends: [...first.friends, ...last().friends] });
  for (const pages of [
    [first, last({ StandardSequence: 8 })],
    [first, last({ FriendNum: 4 })],
    [first, last({ UserDataItem: [friend('b')] })],
    [first],
  ]) {
    expect(wholeList(pages)).toMatchObject({ fault: { kind: 'unreadable' } });
  }
});

let redis: TestRedis;
let limiter: Limiter;

beforeAll(async () => {
  redis = await testRedis();
  const rate = { calls: 50, windowMs: 50 };
  limiter = createLimiter({ redis: redis.redis, app: 1, command: 'get', rate, latenessMs: 400, callTimeoutMs: 2000 });
});
afterAll(async () => {
  await limiter.close();
  await redis.close();
});

/** Gets a list from a service that answers its calls with these bodies, one after the other. */
async function get(...bodies: object[]) {
  const starts: number[] = [];
  const { url } = await httpServer(({ body }, response) => {
    starts.push((JSON.parse(body) as { StartIndex: number }).StartIndex);
    response.end(JSON.stringify(bodies[starts.length - 1]));
  });
  const operation = OPERATIONS.get;
  const sent = await send(
    { step: 'send', operation, options: {}, from: null, items: itemsOf('u'), carried: [] },
    {
      chat: testClient(url),
      limiter,
      slot: null,
      mayCall: () => true,
      signal: new AbortController().signal,
      halted: new AbortController().signal,
      waitMs: 10_000,
      now: () => performance.now(),
    },
  );
  return { starts, ...sent };
}

test('one call a page, from where the one before says, until the list is complete', async () => {
  const { starts, calls, result } = await get(
    bodyOf({ CompleteFlag: 0, NextStartIndex: 2, FriendNum: 4 }),
    bodyOf({ UserDataItem: [friend('c')], CompleteFlag: 0, NextStartIndex: 3, FriendNum: 4 }),
    bodyOf({ UserDataItem: [friend('d')], FriendNum: 4 }),
  );
  expect(starts).toEqual([0, 2, 3]);
  expect(calls).toBe(3);
  expect(result?.verdicts).toMatchObject([{ settlement: { status: 'ok' } }]);
});

test('a next page that does not move ends it: no call goes round in a circle', async () => {
  const stuck = bodyOf({ CompleteFlag: 0, NextStartIndex: 2, FriendNum: 9 });
  const { starts, result } = await get(stuck, stuck, stuck);
  expect(starts).toEqual([0, 2]);
  expect(result?.verdicts).toMatchObject([{ fault: { kind: 'unreadable', info: 'NextStartIndex does not move' } }]);
});

test('an empty page before the last ends it too, wherever it points', async () => {
  const empty = (next: number) => bodyOf({ UserDataItem: [], CompleteFlag: 0, NextStartIndex: next, FriendNum: 9 });
  const { starts, result } = await get(
    bodyOf({ CompleteFlag: 0, NextStartIndex: 2, FriendNum: 9 }),
    empty(4),
    empty(6),
  );
  expect(starts).toEqual([0, 2]);
  expect(result?.verdicts).toMatchObject([{ fault: { kind: 'unreadable', info: 'a page before the last is empty' } }]);
});

test('a page that fails fails the list: half of it is no list', async () => {
  const { calls, result } = await get(bodyOf({ CompleteFlag: 0, NextStartIndex: 2, FriendNum: 4 }), {
    ActionStatus: 'FAIL',
    ErrorCode: 70500,
    ErrorInfo: '',
  });
  expect(calls).toBe(2);
  expect(result).toMatchObject({ fault: { kind: 'transient', code: 70500 } });
});
