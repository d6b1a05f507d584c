import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Item } from '../../src/domain/chunk.ts';
import { OPERATIONS, type OperationName } from '../../src/domain/operation.ts';
import type { NextCall } from '../../src/jobs/next-call.ts';
import { send, type SendParts } from '../../src/jobs/send.ts';
import type { Limiter } from '../../src/limiter/limiter.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { type TestSimulator, testSimulator } from '../support/simulator.ts';
import { type BenchParts, callParts } from './bench.ts';

let server: TestRedis;
let simulator: TestSimulator;
let parts: BenchParts;

beforeAll(async () => {
  [server, simulator] = await Promise.all([testRedis(), testSimulator({ limit: 1000 })]);
  parts = callParts(server.redis, simulator);
});
beforeEach(() => simulator.reset());
afterAll(async () => {
  await parts.limiter.close();
  parts.chat.close();
  await Promise.all([server.close(), simulator.close()]);
});

const ITEMS: Item[] = [{ to: 'b', rows: 'forward' }];

/** What was told of each slot that was taken, in order. */
type SlotWord = 'given up' | 'answered' | 'unanswered';

/** The real limiter, with an ear on what its slots are told; `onTake` runs before the n-th slot is taken, from 1. */
function listening(
  limiter: Limiter,
  words: SlotWord[],
  onTake: (n: number) => unknown = () => {},
): Pick<Limiter, 'take'> {
  let taken = 0;
  return {
    async take(signal) {
      await onTake(++taken);
      const slot = await limiter.take(signal);
      const { settled, giveUp } = slot;
      slot.settled = (answered = true) => {
        words.push(answered ? 'answered' : 'unanswered');
        settled.call(slot, answered);
      };
      slot.giveUp = () => {
        words.push('given up');
        giveUp.call(slot);
      };
      return slot;
    },
  };
}

async function sendOne(name: OperationName, given: Partial<SendParts> = {}, onTake?: (n: number) => unknown) {
  const words: SlotWord[] = [];
  const call: NextCall = {
    step: 'send',
    operation: OPERATIONS[name],
    options: {},
    from: 'a',
    items: ITEMS,
    carried: [],
  };
  const sent = await send(call, {
    chat: parts.chat,
    limiter: listening(parts.limiter, words, onTake),
    slot: null,
    mayCall: () => true,
    signal: new AbortController().signal,
    halted: new AbortController().signal,
    waitMs: 10_000,
    now: () => performance.now(),
    ...given,
  });
  return { sent, words };
}

test('a call that is answered: one slot, settled as answered', async () => {
  const { sent, words } = await sendOne('import');
  expect(sent).toMatchObject({ calls: 1, result: { fault: null } });
  expect(words).toEqual(['answered']);
});

test('a write without an answer is not sent again at once, and its slot hears that no answer came', async () => {
  await simulator.setFaults({ calls: { resetAfter: 1 } });
  const { sent, words } = await sendOne('import');
  expect(sent).toMatchObject({ calls: 1, result: { fault: { kind: 'transient', code: null, answered: false } } });
  expect(words).toEqual(['unanswered']);
});

test('a read without an answer goes once more, with a slot of its own; both calls count', async () => {
  await simulator.setFaults({ calls: { resetBefore: 1 } });
  const { sent, words } = await sendOne('check');
  expect(sent.calls).toBe(2);
  expect(words).toEqual(['unanswered', 'unanswered']);
});

test('a read whose second try is answered is answered', async () => {
  await simulator.setFaults({ calls: { resetBefore: 1 } });
  const { sent, words } = await sendOne('check', {}, (n) => (n === 2 ? simulator.setFaults('none') : null));
  expect(sent).toMatchObject({ calls: 2, result: { fault: null } });
  expect(words).toEqual(['unanswered', 'answered']);
});

test('nobody there: two tries, no slot, no call', async () => {
  const nowhere = callParts(server.redis, { ...simulator, baseUrl: 'http://127.0.0.1:1' }, { limiter: parts.limiter });
  const { sent, words } = await sendOne('import', { chat: nowhere.chat });
  nowhere.chat.close();
  expect(sent).toMatchObject({ calls: 0, result: { fault: { kind: 'transient', code: null, answered: true } } });
  expect(words).toEqual([]);
});

test('no longer claimed when its slot has come: given back, nothing sent', async () => {
  const { sent, words } = await sendOne('import', { mayCall: () => false });
  expect(sent).toEqual({ result: null, calls: 0 });
  expect(new Set(words)).toEqual(new Set(['given up']));
  expect((await simulator.ledger()).friend_import).toBeUndefined();
});

test('stopped before anything was sent: nothing came of it', async () => {
  const abort = new AbortController();
  const { sent, words } = await sendOne('import', { signal: abort.signal }, () => abort.abort(new Error('stopped')));
  expect(sent).toEqual({ result: null, calls: 0 });
  expect(words).toEqual([]);
});

test('waited too long for its slot: it leaves the line, and no slot is spent on it', async () => {
  const late = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));
  const { sent, words } = await sendOne('import', { waitMs: 1 }, late);
  expect(sent).toEqual({ result: null, calls: 0 });
  expect(words).toEqual([]);
  expect((await simulator.ledger()).friend_import).toBeUndefined();
});

test('a slot that came with the claim is used first; a second try takes one of its own', async () => {
  await simulator.setFaults({ calls: { resetBefore: 1 } });
  const own = await parts.limiter.take();
  const { sent, words } = await sendOne('check', { slot: own }, () => simulator.setFaults('none'));
  expect(sent).toMatchObject({ calls: 2, result: { fault: null } });
  expect(words).toEqual(['answered']);
});

test('aborted before its second try: what came of the first one counts', async () => {
  await simulator.setFaults({ calls: { resetBefore: 1 } });
  const abort = new AbortController();
  const { sent, words } = await sendOne('check', { signal: abort.signal }, (n) => {
    if (n === 2) abort.abort(new Error('stopped'));
  });
  expect(sent).toMatchObject({ calls: 1, result: { fault: { kind: 'transient', answered: false } } });
  expect(words).toEqual(['unanswered']);
});
