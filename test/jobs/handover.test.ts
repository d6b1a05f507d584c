/** Spools through Redis: one job, whole, in one home, or none, whoever dies or freezes on the way. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { decodeChunk } from '../../src/domain/block.ts';
import { countPieces, pieceAt } from '../../src/domain/pieces.ts';
import { openSpool } from '../../src/intake/spool.ts';
import { adopt, type AdoptParts, runAdopter } from '../../src/jobs/adopt.ts';
import { type HandOverParts, HandoverFailed, handOver, submitThroughRedis } from '../../src/jobs/hand-over.ts';
import { createHandovers, type Handovers, type Offer } from '../../src/jobs/handovers.ts';
import { jobFolder, openHome } from '../../src/jobs/home.ts';
import { createLedger, type Ledger } from '../../src/jobs/ledger.ts';
import { KeyConflict, type Submission } from '../../src/jobs/submit.ts';
import { createLog } from '../../src/log.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';

import { APP, jobWith, KEYS } from './support.ts';

const HANDING = fileURLToPath(new URL('../support/handing.mjs', import.meta.url));
const ROWS = 60;
/** Some twenty pieces, four of them in Redis at once. */
const PIECE_BYTES = 100;
const MOST_BYTES = 4 * (PIECE_BYTES + 4);

let server: TestRedis;
let url: string;
let handovers: Handovers;
let ledger: Ledger;
let homes: string[];
let stop: AbortController;
beforeAll(async () => {
  server = await testRedis();
  url = await server.listen();
});
afterAll(() => server.close());
beforeEach(() => {
  handovers = createHandovers(server.redis, KEYS);
  ledger = createLedger(server.redis, KEYS);
  homes = [];
  stop = new AbortController();
});
afterEach(async () => {
  stop.abort();
  for (const home of homes) rmSync(home, { recursive: true, force: true });
  await server.redis.flushall();
});

function newHome(): string {
  const home = mkdtempSync(join(tmpdir(), 'befriend-handover-'));
  openHome(home);
  homes.push(home);
  return home;
}

const shared = () => ({ lookMs: 3, wallClock: Date.now, random: Math.random });

function worker(home: string, given: Partial<AdoptParts> = {}): AdoptParts {
  return {
    ...shared(),
    home,
    ledger,
    handovers,
    redis: { sdkAppId: APP, redis: 'r' },
    log: createLog({ level: 'silent' }),
    ...given,
  };
}

function producing(given: Partial<HandOverParts> = {}): HandOverParts {
  const own = { mostBytes: MOST_BYTES, pieceBytes: PIECE_BYTES, patienceMs: 60_000 };
  return {
    ...shared(),
    ...own,
    home: newHome(),
    ledger,
    handovers,
    tell: () => {},
    now: () => performance.now(),
    ...given,
  };
}

const rows = Array.from({ length: ROWS }, (_, n) => ({ from: `a${n % 7}`, to: `b${n}` }));
const submitRows = (given: Partial<HandOverParts> = {}, asked: Partial<Submission> = {}, list = rows) =>
  submitThroughRedis({ kind: 'rows', rows: list }, { operation: 'import', ...asked }, null, producing(given));

/** Resolves when a look of the producer says so. */
async function seen<T>(ask: () => Promise<T | null | undefined | false>): Promise<T> {
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** As if the worker had given no sign of life for its ten seconds. */
const leaseRunsOut = async (id: string) => server.redis.del(KEYS.adopter(id));
const theHandover = () => seen(async () => (await handovers.waiting())[0]);
const handoverKeys = async () =>
  (await server.redis.keys('*')).filter((key) => /:(handovers|handover|pieces|adopter)\b/.test(key));

async function rowsIn(folder: string): Promise<string[]> {
  const spool = await openSpool(folder);
  const blocks = await spool.read(0, spool.chunks);
  await spool.close();
  return blocks
    .map((block) => decodeChunk(block))
    .flatMap(({ from, items }) => items.map(({ to }) => `${from}>${to}`))
    .toSorted();
}

const wanted = rows.map(({ from, to }) => `${from}>${to}`).toSorted();

/** One job with all rows, whose files are in one home, and nothing of the handover in Redis. */
async function expectOneJob(job: string): Promise<void> {
  expect(await ledger.list()).toEqual([job]);
  const having = homes.filter((home) => existsSync(jobFolder(home, job)));
  expect(having).toHaveLength(1);
  expect(await rowsIn(jobFolder(having[0]!, job))).toEqual(wanted);
  expect(await handoverKeys()).toEqual([]);
}

test('pieces cover every byte of every file, each once, in order', () => {
  const files = fc.array(fc.record({ name: fc.constant('f'), bytes: fc.nat(50) }), { maxLength: 5 });
  fc.assert(
    fc.property(files, fc.integer({ min: 1, max: 20 }), (parts, pieceBytes) => {
      const all = Array.from({ length: countPieces(parts, pieceBytes) }, (_, n) => pieceAt(parts, n, pieceBytes));
      const bytes = all.flatMap(({ file, offset, length }) =>
        Array.from({ length }, (_, n) => `${file}:${offset + n}`),
      );
      expect(bytes).toEqual(
        parts.flatMap((part, file) => Array.from({ length: part.bytes }, (_, n) => `${file}:${n}`)),
      );
      expect(all.every(({ length }) => length > 0 && length <= pieceBytes)).toBe(true);
      expect(() => pieceAt(parts, all.length, pieceBytes)).toThrow(RangeError);
    }),
  );
});

test('a spool goes into the home of a worker, rejects too, and the producer keeps nothing but its own list of them', async () => {
  const home = newHome();
  const rejects = join(newHome(), 'rejects.jsonl');
  const running = runAdopter(worker(home), stop.signal);
  const parts = producing();
  const list = [...rows, { from: 'a', to: '' }];
  const made = await submitThroughRedis({ kind: 'rows', rows: list }, { operation: 'import' }, rejects, parts);
  expect(made).toMatchObject({ kind: 'created', prepared: { totals: { rows: ROWS + 1, accepted: ROWS, invalid: 1 } } });
  await expectOneJob(made.job);
  expect(await ledger.status(made.job)).toMatchObject({ name: made.job, state: 'running', accepted: ROWS, invalid: 1 });
  const theirs = readFileSync(join(jobFolder(home, made.job), 'rejects.jsonl'), 'utf8');
  expect(theirs).toMatch(/^\{"line":61,"reason":"to/);
  expect(readFileSync(rejects, 'utf8')).toBe(theirs);
  expect([...readdirSync(join(parts.home, 'jobs')), ...readdirSync(join(parts.home, 'intake'))]).toEqual([]);
  stop.abort();
  await running;
});

test('the producer reads no further than the limit allows while nobody takes what is in Redis', async () => {
  const id = 'import-x';
  const files = [{ name: 'spool.blocks', bytes: 20 * PIECE_BYTES }];
  const offer: Offer = { job: jobWith(), makesRoom: 'finished', files, pieceBytes: PIECE_BYTES };
  const read: number[] = [];
  const peek = async (n: number) => {
    read.push(n);
    return Buffer.alloc(PIECE_BYTES, n);
  };
  const looks: number[] = [];
  const counting: Handovers = {
    ...handovers,
    async look(name) {
      const standing = await handovers.look(name);
      looks.push(standing?.bytes ?? 0);
      return standing;
    },
  };
  const over = handOver(id, offer, peek, producing({ handovers: counting }));
  await seen(async () => looks.length > 2);
  // Before a worker is there, nothing goes to Redis.
  expect(read).toEqual([]);
  expect(await handovers.adopt(id, 'job-x')).toBe('adopted');
  for (let has = 0; has < 20; has += 1) {
    await seen(async () => (await handovers.look(id))!.sent === Math.min(20, has + 4));
    const at = looks.length;
    await seen(async () => looks.length > at + 2);
    expect(read).toEqual(Array.from({ length: Math.min(20, has + 4) }, (_, n) => n));
    expect(await handovers.draw(id, 'job-x', has)).toMatchObject({ kind: 'piece' });
    await handovers.draw(id, 'job-x', has + 1);
  }
  await handovers.answer(id, 'job-x', { kind: 'existing', job: 'other' });
  expect(await over).toEqual({ kind: 'existing', job: 'other' });
  expect(Math.max(...looks)).toBe(MOST_BYTES);
  expect(await handoverKeys()).toEqual([]);
});

class Killed extends Error {}

/** What becomes of a worker at its n-th call of a name. */
interface Fate {
  call: 'adopt' | 'draw' | 'submit' | 'answer';
  nth: number;
  /** It freezes before the call for longer than its lease, or dies before it was applied, or after. */
  end: 'freezes' | 'dies before' | 'dies after';
}

/** A worker of a fate: once it is dead it does nothing any more. */
function fated(home: string, { call, nth, end }: Fate, freeze: () => Promise<void>): AdoptParts {
  let calls = 0;
  let dead = false;
  const wrap = <T extends object>(part: T): T =>
    new Proxy(part, {
      get(target, name) {
        const ask = target[name as keyof T] as (...args: unknown[]) => Promise<unknown>;
        return async (...args: unknown[]) => {
          if (dead) throw new Killed();
          if (name !== call) return ask(...args);
          calls += 1;
          if (calls !== nth) return ask(...args);
          if (end === 'freezes') await freeze();
          else dead = true;
          if (end === 'dies before') throw new Killed();
          const answer = await ask(...args);
          if (end === 'dies after') throw new Killed();
          return answer;
        };
      },
    });
  return worker(home, { handovers: wrap(handovers), ledger: wrap(ledger) });
}

const ends = fc.constantFrom<Fate['end'][]>('freezes', 'dies before', 'dies after');
const fates = fc.array(
  fc.oneof(
    fc.record({ call: fc.constantFrom<Fate['call'][]>('adopt', 'submit', 'answer'), nth: fc.constant(1), end: ends }),
    fc.record({ call: fc.constant<'draw'>('draw'), nth: fc.integer({ min: 1, max: 30 }), end: ends }),
  ),
  { maxLength: 4 },
);

test('whatever workers die or freeze, at any step: one job, whole, in one home', async () => {
  await fc.assert(
    fc.asyncProperty(fates, async (list) => {
      for (const home of homes.splice(0)) rmSync(home, { recursive: true, force: true });
      await server.redis.flushall();
      ledger = createLedger(server.redis, KEYS);
      const made = submitRows({}, { again: true });
      const id = await theHandover();
      const all: Promise<unknown>[] = [];
      for (const fate of list) {
        let sleep = () => {};
        const asleep = new Promise<void>((resolve) => (sleep = resolve));
        // It wakes up when the producer has its job, from another worker.
        const parts = fated(newHome(), fate, async () => {
          sleep();
          await made;
        });
        const end = adopt(id, parts, stop.signal).catch((error: unknown) => {
          if (!(error instanceof Killed)) throw error;
        });
        all.push(end);
        await Promise.race([end, asleep]);
        await leaseRunsOut(id);
      }
      const last = new AbortController();
      all.push(runAdopter(worker(newHome()), last.signal));
      const { job } = await made;
      last.abort();
      await Promise.all(all);
      await expectOneJob(job);
    }),
    { numRuns: 12 },
  );
}, 60_000);

interface Side {
  side: 'producer' | 'worker';
  call: string;
  nth: number;
  after: boolean;
}

/** One side in a process of its own, until it kills itself. */
async function dying(given: Side): Promise<void> {
  const options = { ...given, redisUrl: url, app: APP, home: newHome(), rows: ROWS };
  const child = spawn(process.execPath, [HANDING, JSON.stringify(options)], { stdio: 'inherit' });
  const [, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  expect(signal).toBe('SIGKILL');
}

describe('kill -9', () => {
  test.each([
    ['adopt', 1, true],
    ['draw', 5, true],
    ['submit', 1, false],
    ['submit', 1, true],
    ['answer', 1, true],
  ] as const)(
    'of the worker at %s %i (applied: %s): the next one makes the job, or finds it made',
    async (call, nth, after) => {
      const made = submitRows({}, { again: true });
      const id = await theHandover();
      await dying({ side: 'worker', call, nth, after });
      await leaseRunsOut(id);
      const running = runAdopter(worker(newHome()), stop.signal);
      await expectOneJob((await made).job);
      stop.abort();
      await running;
    },
    20_000,
  );

  test.each([
    ['offer', 1, true],
    ['handOver', 4, true],
  ] as const)(
    'of the producer at %s %i: nothing is accepted, and the worker lets go when its keys expire',
    async (call, nth, after) => {
      const home = newHome();
      const running = runAdopter(worker(home), stop.signal);
      await dying({ side: 'producer', call, nth, after });
      const [id] = await handovers.waiting();
      const ttls: number[] = [];
      if (id !== undefined) {
        for (const key of [KEYS.handover(id), KEYS.pieces(id)]) {
          ttls.push(await server.redis.pttl(key));
          await server.redis.pexpire(key, 0);
        }
      }
      // They expire by themselves; here at once.
      expect(ttls).not.toContain(-1);
      await seen(async () => (await handovers.waiting()).length === 0);
      await seen(async () => readdirSync(join(home, 'intake')).length === 0);
      if (id !== undefined) await leaseRunsOut(id);
      expect([await ledger.list(), readdirSync(join(home, 'jobs')), await handoverKeys()]).toEqual([[], [], []]);
      stop.abort();
      await running;
    },
    20_000,
  );
});

test('no worker: the producer says that it waits, gives up in time, and nothing is left', async () => {
  let now = 0;
  const told: string[] = [];
  const clock = { now: () => (now += 1000), tell: (text: string) => told.push(text) };
  const gaveUp = submitRows(clock);
  await expect(gaveUp).rejects.toThrow(HandoverFailed);
  await expect(gaveUp).rejects.toThrow(/^no worker takes the rows; it waited 60 s\. Nothing was accepted\. Start one/);
  expect(told).toEqual(['no worker takes the rows: waiting']);
  expect([await handoverKeys(), await ledger.list()]).toEqual([[], []]);
});

test('given up while a worker has all of it: that may not become a job any more', async () => {
  const abort = new AbortController();
  const home = newHome();
  const slow: Ledger = {
    ...ledger,
    async submit(...args) {
      abort.abort();
      await expect(made).rejects.toThrow('nothing was accepted');
      return ledger.submit(...args);
    },
  };
  const made = submitRows({ signal: abort.signal });
  await adopt(await theHandover(), worker(home, { ledger: slow }), stop.signal);
  await made.catch(() => {});
  expect([await ledger.list(), readdirSync(join(home, 'jobs')), await handoverKeys()]).toEqual([[], [], []]);
});

test('a worker that freezes right before it submits, and thaws when another one has: no second job', async () => {
  const frozen = newHome();
  const awake = newHome();
  const made = submitRows({}, { again: true });
  const id = await theHandover();
  const asleep: Ledger = {
    ...ledger,
    async submit(...args) {
      await leaseRunsOut(id);
      await adopt(id, worker(awake), stop.signal);
      await made;
      return ledger.submit(...args);
    },
  };
  await adopt(id, worker(frozen, { ledger: asleep }), stop.signal);
  const { job } = await made;
  await expectOneJob(job);
  expect([readdirSync(join(frozen, 'jobs')), readdirSync(join(awake, 'jobs'))]).toEqual([[], [job]]);
});

test('two producers of the same rows have one job; the same key with other rows is refused', async () => {
  const running = runAdopter(worker(newHome()), stop.signal);
  const key = { idempotencyKey: 'nightly' };
  const both = await Promise.all([submitRows({}, key), submitRows({}, key)]);
  expect(both.map(({ kind }) => kind).toSorted()).toEqual(['created', 'existing']);
  await expectOneJob(both[0].job);
  expect(both[1].job).toBe(both[0].job);
  await expect(submitRows({}, key, rows.slice(1))).rejects.toThrow(KeyConflict);
  expect(await submitRows()).toMatchObject({ kind: 'created' });
  stop.abort();
  await running;
});

test('a piece that comes damaged is refused with its number; nothing is accepted', async () => {
  const home = newHome();
  const damaging: Handovers = {
    ...handovers,
    async draw(...args) {
      const drawn = await handovers.draw(...args);
      if (drawn.kind === 'piece' && args[2] === 3) drawn.bytes[50]! ^= 1;
      return drawn;
    },
  };
  const running = runAdopter(worker(home, { handovers: damaging }), stop.signal);
  await expect(submitRows()).rejects.toThrow('piece 3 of the spool came damaged through Redis. Submit the rows again');
  expect([await ledger.list(), readdirSync(join(home, 'jobs')), await handoverKeys()]).toEqual([[], [], []]);
  stop.abort();
  await running;
});

test('a Redis that is full: the producer waits, and goes on when there is room', async () => {
  const running = runAdopter(worker(newHome()), stop.signal);
  let refused = 0;
  const watching: Handovers = {
    ...handovers,
    async handOver(id, n, piece) {
      if (n === 2) await server.redis.config('SET', 'maxmemory', refused < 3 ? '1' : '0');
      await handovers.handOver(id, n, piece).catch((error: unknown) => {
        refused += 1;
        throw error;
      });
    },
  };
  const { job } = await submitRows({ handovers: watching });
  expect(refused).toBe(3);
  await expectOneJob(job);
  stop.abort();
  await running;
});

test('interrupted while Redis refuses to give the handover up: nobody says that nothing was accepted', async () => {
  const abort = new AbortController();
  const deaf: Handovers = { ...handovers, abandon: () => Promise.reject(new Error('MISCONF no writes')) };
  const made = submitRows({ signal: abort.signal, handovers: deaf });
  const id = await theHandover();
  abort.abort();
  await expect(made).rejects.toThrow(/it cannot be told whether a worker has made a job of the rows/);
  await expect(made).rejects.toThrow(HandoverFailed);
  expect(await handovers.abandon(id)).toBeNull();
});

test('a piece that Redis refuses for good ends the handover with its words; nothing was accepted', async () => {
  const running = runAdopter(worker(newHome()), stop.signal);
  const refusing: Handovers = {
    ...handovers,
    handOver: () => server.redis.eval("return redis.error_reply('MISCONF disk error')", 0) as Promise<never>,
  };
  const made = submitRows({ handovers: refusing });
  await expect(made).rejects.toThrow(/^Redis refused a piece of the spool: MISCONF disk error.*Nothing was accepted/);
  await expect(made).rejects.toThrow(HandoverFailed);
  expect([await handoverKeys(), await ledger.list()]).toEqual([[], []]);
  stop.abort();
  await running;
});

test('rejects go to the worker also where this side throws its own away', async () => {
  const home = newHome();
  const running = runAdopter(worker(home), stop.signal);
  const list = [...rows, { from: 'a', to: 'a' }];
  const source = { kind: 'rows', rows: list } as const;
  const { job } = await submitThroughRedis(source, { operation: 'import' }, '/dev/null', producing());
  expect(readFileSync(join(jobFolder(home, job), 'rejects.jsonl'), 'utf8')).toContain('"reason":"to: same as from"');
  stop.abort();
  await running;
});
