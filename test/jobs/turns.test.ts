import { setMaxListeners } from 'node:events';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Claim } from '../../src/jobs/ledger.ts';
import { type Turn, Turns } from '../../src/jobs/turns.ts';
import type { Slot } from '../../src/limiter/slot.ts';

const CLAIMED = { kind: 'claimed' } as Claim;

/** A limiter whose slots come when the test says so, and a clock that stands still until it is moved. */
function stage() {
  const takers: { give: (slot: Slot) => void; refuse: (error: unknown) => void }[] = [];
  const words: string[] = [];
  let slots = 0;
  let now = 0;
  const turns = new Turns({
    now: () => now,
    limiter: {
      take: (signal) =>
        new Promise<Slot>((give, refuse) => {
          takers.push({ give, refuse });
          signal?.addEventListener('abort', () => refuse(signal.reason));
        }),
    },
  });
  const settle = async (): Promise<void> => {
    for (let n = 0; n < 30; n += 1) await Promise.resolve();
  };
  return {
    turns,
    words,
    takers,
    wait: (ms: number) => (now += ms),
    /** The next slot comes; what happens then has happened when this resolves. */
    async slot(): Promise<void> {
      await settle();
      const id = (slots += 1);
      takers.shift()?.give({ id, giveUp: () => void words.push(`slot ${id} given up`) } as unknown as Slot);
      await settle();
    },
  };
}

/** Lists in the world of a test: whoever claims all of its lists has them until they are freed. */
function world(words: string[]) {
  const held = new Map<string, string>();
  return {
    held,
    claimOf: (name: string, lists: readonly string[]) => async (): Promise<Claim> => {
      const taken = lists.find((list) => held.has(list) && held.get(list) !== name);
      words.push(taken === undefined ? `${name} claimed` : `${name} busy`);
      if (taken !== undefined) return { kind: 'busy', account: taken };
      for (const list of lists) held.set(list, name);
      return CLAIMED;
    },
  };
}

const forEver = new AbortController().signal;
setMaxListeners(0, forEver);
const nameThen = (turn: Promise<Turn>, name: string, got: string[]) => turn.then(() => got.push(name));

test('a slot goes to the first chunk whose lists are free; nothing is claimed before a slot has come', async () => {
  const { turns, words, slot } = stage();
  const { held, claimOf } = world(words);
  held.set('a', 'somebody');
  const got: string[] = [];
  void nameThen(turns.take(claimOf('one', ['a', 'b']), forEver), 'one', got);
  void nameThen(turns.take(claimOf('two', ['c']), forEver), 'two', got);
  expect(words).toEqual([]);
  await slot();
  expect(words).toEqual(['one busy', 'two claimed']);
  expect(got).toEqual(['two']);
});

test('who waits for a list is not tried again before it is free, then before all who came later', async () => {
  const { turns, words, slot } = stage();
  const { held, claimOf } = world(words);
  held.set('a', 'somebody');
  const got: string[] = [];
  for (const name of ['one', 'two']) void nameThen(turns.take(claimOf(name, ['a']), forEver), name, got);
  await slot();
  await slot();
  expect(words.filter((word) => word.endsWith('busy'))).toEqual(['one busy', 'two busy']);
  held.clear();
  turns.freed(['a']);
  await slot();
  expect(got).toEqual(['one']);
});

test('a list of another process is looked at again after a while; who waits too long makes room', async () => {
  const { turns, words, wait, slot } = stage();
  const { held, claimOf } = world(words);
  held.set('a', 'another process');
  const turn = turns.take(claimOf('one', ['a']), forEver);
  await slot();
  await slot();
  expect(words.filter((word) => word === 'one busy')).toHaveLength(1);
  wait(150);
  await slot();
  expect(words.filter((word) => word === 'one busy')).toHaveLength(2);
  wait(3000);
  await slot();
  expect(await turn).toEqual({ claim: { kind: 'busy', account: 'a' }, slot: null });
});

test('a claim that needs no slot leaves it to the next one', async () => {
  const { turns, slot } = stage();
  const held = turns.take(async () => ({ kind: 'held' }), forEver);
  const claimed = turns.take(async () => CLAIMED, forEver);
  await slot();
  expect(await held).toEqual({ claim: { kind: 'held' }, slot: null });
  expect((await claimed).slot?.id).toBe(1);
});

test('a claim that fails fails its own chunk and no other', async () => {
  const { turns, slot } = stage();
  const broken = turns.take(() => Promise.reject(new Error('Redis is full')), forEver);
  const fine = turns.take(async () => CLAIMED, forEver);
  broken.catch(() => {});
  await slot();
  await expect(broken).rejects.toThrow('Redis is full');
  expect((await fine).slot?.id).toBe(1);
});

test('aborted: everybody who waits is told', async () => {
  const { turns } = stage();
  const abort = new AbortController();
  const waiting = [turns.take(async () => CLAIMED, abort.signal), turns.take(async () => CLAIMED, abort.signal)];
  abort.abort(new Error('stopped'));
  for (const one of waiting) await expect(one).rejects.toThrow('stopped');
});

test('whatever the lists, all come to their turn', async () => {
  const list = fc.constantFrom('a', 'b', 'c', 'd');
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uniqueArray(list, { minLength: 1 }), { minLength: 1, maxLength: 12 }), async (all) => {
      const { turns, words, wait, slot } = stage();
      const { held, claimOf } = world(words);
      const running: string[][] = [];
      let done = 0;
      const runTurn = async (turn: Promise<Turn>, lists: string[]): Promise<void> => {
        if ((await turn).claim.kind === 'claimed') running.push(lists);
        done += 1;
      };
      for (const [n, lists] of all.entries()) {
        void runTurn(turns.take(claimOf(`${n}`, lists), forEver), lists);
      }
      for (let step = 0; done < all.length && step < 200; step += 1) {
        await slot();
        wait(5);
        const over = step % 2 === 0 ? running.shift() : undefined;
        for (const name of over ?? []) held.delete(name);
        if (over) turns.freed(over);
      }
      expect(done).toBe(all.length);
    }),
    { numRuns: 100 },
  );
});
