/**
 * G1 under every fault that its promise names, one a test, and all of them mixed. Takers are processes with limiter and
 * client as they ship, at backlog; the simulator's meter judges their calls. After every fault calls must go on within
 * the wait that is documented, and as fast as before: a limiter that stops calling keeps every window, too.
 *
 * What waits is an event: calls at the meter, a state. Only freezes have a length.
 */
import { rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { keysOf } from '../../src/limiter/bucket.ts';
import { timingOf } from '../../src/limiter/timing.ts';
import { seededRandom } from '../../src/simulator/graph.ts';
import { widestGap } from '../limiter/support.ts';
import { COMPRESSED_LIMIT } from '../support/command.ts';
import { redisSwitch } from '../support/redis-switch.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { type TestSimulator, testSimulator } from '../support/simulator.ts';
import { startTaker, type Taker, type TakerState } from '../support/takers.ts';
import { expectLimitHeld } from '../support/truth.ts';

const COMMAND = 'friend_check';
const { limit, windowMs } = COMPRESSED_LIMIT;
const RATE = { calls: limit, windowMs };
const { lossMs, marginMs } = timingOf(RATE);
/** What a loaded machine may take on top of a documented wait, ms. */
const SLACK_MS = 1000;
/** Part of the limit that is used again after a fault, in the best two windows: before so many windows' calls. */
const USE = 0.7;
const MOST = 50;
/** Of the order and the moments of faults. */
const SEED = Number(process.env.BEFRIEND_TEST_SEED ?? 1);

let simulator: TestSimulator;
let redis: TestRedis;
let url: string;
let takers: Taker[];
/** The last word of takers that are gone. */
let gone: TakerState[];
let opened: { close(): Promise<void> }[];

beforeAll(async () => {
  simulator = await testSimulator({ ...COMPRESSED_LIMIT, serviceTimeMs: { read: 5, write: 5 } });
});
afterAll(() => simulator.close());

beforeEach(async () => {
  takers = [];
  gone = [];
  opened = [];
  redis = await testRedis();
  url = await redis.listen();
  await simulator.reset();
});

afterEach(async () => {
  await Promise.all(takers.map((taker) => taker.kill()));
  await Promise.all([redis, ...opened].map((part) => part.close()));
});

/** So many takers more, which begin in one instant. */
async function join(count: number, at = url): Promise<Taker[]> {
  const joining = await Promise.all(Array.from({ length: count }, () => startTaker(simulator, at, RATE)));
  for (const taker of joining) taker.go();
  takers.push(...joining);
  return joining;
}

async function die(taker: Taker): Promise<TakerState> {
  takers.splice(takers.indexOf(taker), 1);
  const state = await taker.dieInHand();
  gone.push(state);
  return state;
}

const calls = async (): Promise<number> => (await simulator.meter(COMMAND)).calls;

async function callsReach(count: number): Promise<void> {
  while ((await calls()) < count) await sleep(10);
}

/** Resolves when so many calls more have come. */
const more = async (count: number): Promise<void> => callsReach((await calls()) + count);

const states = (): Promise<TakerState[]> => Promise.all(takers.map((taker) => taker.state()));

async function takersAre(so: (state: TakerState) => boolean): Promise<void> {
  while (!(await states()).every(so)) await sleep(5);
}

/** Stamps of all calls from the one before the `from`-th on, ms. */
async function stampsFrom(from: number): Promise<number[]> {
  const arrivals = await simulator.arrivals(COMMAND);
  return arrivals
    .map(({ at }) => at / 1000)
    .toSorted((a, b) => a - b)
    .slice(Math.max(0, from - 1));
}

/** After a fault at `from` calls: the next ones come in time, and soon as many as may. Returns the widest gap, ms. */
async function expectGoesOn(from: number, withinMs: number): Promise<number> {
  let stamps: number[];
  let wanted = from + 4 * limit;
  do {
    await callsReach(wanted);
    stamps = await stampsFrom(from);
    wanted += limit;
  } while (bestUse(stamps) < USE && wanted < from + MOST * limit);
  expect(bestUse(stamps)).toBeGreaterThanOrEqual(USE);
  const gap = widestGap(stamps);
  expect(gap).toBeLessThanOrEqual(withinMs + SLACK_MS);
  return gap;
}

/** Part of the limit that was used in the best two windows. */
function bestUse(stamps: readonly number[]): number {
  const spans = stamps.slice(2 * limit).map((stamp, n) => stamp - (stamps[n] as number));
  return (2 * windowMs) / Math.min(...spans);
}

/** The window held, but for calls that a process wrote when it thawed between check and write: those are counted. */
async function expectHeld(): Promise<TakerState[]> {
  const ended = await Promise.all(takers.splice(0).map((taker) => taker.stop()));
  const all = [...gone, ...ended];
  const overdue = all.reduce((sum, state) => sum + state.overdue, 0);
  await expectLimitHeld(simulator, COMMAND, { limit: limit + overdue, windowMs });
  return all;
}

const sum = (all: readonly TakerState[], figure: 'losses' | 'overdue' | 'tooOld'): number =>
  all.reduce((total, state) => total + state[figure], 0);

/** SIGSTOP for so long, ms, of what has this process id. */
async function freeze(pid: number, ms: number): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  await sleep(ms);
  process.kill(pid, 'SIGCONT');
}

test('takers are killed with slots in hand and calls on their way, and others join', async () => {
  await join(3);
  for (let round = 0; round < 3; round++) {
    await more(limit);
    const from = await calls();
    const state = await die(takers[0]!);
    expect(state.leased).toBeGreaterThan(0);
    expect(state.unanswered).toBeGreaterThan(0);
    if (round === 2) await expectGoesOn(from, windowMs);
    else await join(1);
  }
  await expectHeld();
});

test('16 processes join in one instant, beside one at work: each gets slots', async () => {
  await join(1);
  await more(limit);
  const from = await calls();
  await join(16);
  await takersAre(({ sent }) => sent > 0);
  await expectGoesOn(from, windowMs);
  await expectHeld();
});

test('event loops are blocked for 200 ms at random', async () => {
  const random = seededRandom(SEED);
  await join(4);
  await more(limit);
  const from = await calls();
  for (let n = 0; n < 12; n++) {
    takers[Math.floor(random() * 4)]!.block(200);
    await more(Math.ceil(random() * 0.5 * limit));
  }
  await expectGoesOn(from, 200);
  const ended = await expectHeld();
  // Slots came and went while nobody could write: none was used late.
  expect(sum(ended, 'tooOld')).toBeGreaterThan(0);
});

test('processes are stopped (SIGSTOP) in mid-flight at random, and thaw', async () => {
  const random = seededRandom(SEED);
  await join(4);
  await more(limit);
  const from = await calls();
  for (let n = 0; n < 6; n++) {
    const taker = takers[n % 4]!;
    taker.freeze();
    await more(Math.ceil((0.2 + random()) * limit));
    taker.thaw();
    await more(Math.ceil(random() * 0.3 * limit));
  }
  await expectGoesOn(from, windowMs);
  await expectHeld();
});

test('a process that is stopped between check and write adds one call when it thaws, and counts it', async () => {
  const frozen = await join(4);
  await join(1);
  await more(limit);
  for (let round = 1; round <= 2; round++) {
    await Promise.all(frozen.map((taker) => taker.freezeAtWrite()));
    // Their tokens are back: others have used them.
    await more(3 * limit);
    const from = await calls();
    for (const taker of frozen) taker.thaw();
    await expectGoesOn(from, windowMs);
    const counted = await Promise.all(frozen.map((taker) => taker.state()));
    for (const { overdue } of counted) expect(overdue).toBeGreaterThanOrEqual(round);
  }
  await expectHeld();
});

test('Redis is frozen for 500 ms at random', async () => {
  const random = seededRandom(SEED);
  await join(3);
  await more(limit);
  const from = await calls();
  for (let n = 0; n < 3; n++) {
    await freeze(redis.pid(), 500);
    await more(Math.ceil((0.1 + random()) * limit));
  }
  await expectGoesOn(from, 500 + windowMs);
  expect(sum(await expectHeld(), 'losses')).toBe(0);
});

const KEYS = keysOf(1_400_000_001, COMMAND);

test.each([
  { what: 'the state', keys: [KEYS[0]] },
  { what: 'the tokens', keys: [KEYS[1]] },
  { what: 'every key of the limiter', keys: [...KEYS] },
])('the key is deleted ($what): all wait for the window that is not known', async ({ keys }) => {
  await join(3);
  await more(limit);
  const from = await calls();
  expect(await redis.redis.del(...keys)).toBeGreaterThan(0);
  expect(await expectGoesOn(from, lossMs)).toBeGreaterThanOrEqual(windowMs + marginMs);
  const ended = await expectHeld();
  expect(ended.every(({ losses }) => losses === 1)).toBe(true);
});

test('SCRIPT FLUSH: nothing is lost, and nobody waits', async () => {
  await join(3);
  await more(limit);
  const from = await calls();
  for (let n = 0; n < 3; n++) {
    await redis.redis.script('FLUSH');
    await more(limit / 2);
  }
  await expectGoesOn(from, windowMs);
  expect(sum(await expectHeld(), 'losses')).toBe(0);
});

test('connections drop with slots in hand: those are void, and nobody waits for a window', async () => {
  await join(3);
  await more(limit);
  const from = await calls();
  for (let n = 0; n < 3; n++) {
    await redis.redis.call('CLIENT', 'KILL', 'TYPE', 'normal');
    await more(limit / 2);
  }
  await expectGoesOn(from, windowMs);
  expect(sum(await expectHeld(), 'losses')).toBe(0);
});

test.each([
  { what: 'with its data', wipe: false },
  { what: 'without its data', wipe: true },
])('Redis is killed and comes back $what', async ({ wipe }) => {
  await join(3);
  await more(limit);
  const from = await calls();
  const downMs = await restart(wipe);
  expect(await expectGoesOn(from, downMs + lossMs)).toBeGreaterThanOrEqual(windowMs + marginMs);
  expect(sum(await expectHeld(), 'losses')).toBeGreaterThan(0);
});

/** How long Redis was away, ms. */
async function restart(wipe: boolean): Promise<number> {
  const began = performance.now();
  await redis.kill();
  if (wipe) rmSync(path.join(redis.dir, 'appendonlydir'), { recursive: true, force: true });
  await redis.start();
  return performance.now() - began;
}

test('Redis is away: takers wait, their limiters say so, no call is made; when it is back they go on', async () => {
  await join(3);
  await more(limit);
  const from = await calls();
  await redis.kill();
  await takersAre(({ connected, unanswered }) => !connected && unanswered === 0);
  const away = await calls();
  await sleep(3 * windowMs);
  expect(await calls()).toBe(away);
  for (const { waiting, leased, connected } of await states()) {
    expect({ waiting: waiting > 0, leased, connected }).toEqual({ waiting: true, leased: 0, connected: false });
  }
  const began = performance.now();
  await redis.start();
  await callsReach(away + 1);
  // Tries to connect come at most a second apart.
  expect(performance.now() - began).toBeLessThanOrEqual(1000 + lossMs + SLACK_MS);
  await expectGoesOn(from, Infinity);
  await expectHeld();
});

/** Takers at work on `redis`, a replica of it that follows, and the ways of both to it. */
async function replicated() {
  const port = Number(new URL(url).port);
  const replica = await testRedis();
  const replicaUrl = await replica.listen();
  const [way, link] = await Promise.all([redisSwitch(port), redisSwitch(port)]);
  opened.push(way, link, replica);
  await join(3, way.url);
  await redis.redis.config('SET', 'repl-diskless-sync-delay', '0');
  await replica.redis.replicaof('127.0.0.1', link.port);
  await more(limit);
  while ((await replica.redis.exists(KEYS[0])) === 0) await sleep(10);
  return { port, replica, replicaUrl, replicaPort: Number(new URL(replicaUrl).port), way, link };
}

/** The same with a replica that has not heard of the last two windows. */
async function staleReplica() {
  const parts = await replicated();
  parts.link.turnTo(null);
  await more(2 * limit);
  const last = async (server: TestRedis): Promise<number> => Number(await server.redis.hget(KEYS[0], 'last'));
  expect(await last(redis)).toBeGreaterThan(await last(parts.replica));
  return parts;
}

test('the master dies, and a replica that lags behind is promoted: it knows nothing of the last window', async () => {
  const { replica, replicaPort, way } = await staleReplica();
  const from = await calls();
  const began = performance.now();
  await redis.kill();
  await replica.redis.replicaof('NO', 'ONE');
  way.turnTo(replicaPort);
  const awayMs = performance.now() - began;
  expect(await expectGoesOn(from, awayMs + lossMs)).toBeGreaterThanOrEqual(windowMs + marginMs);
  const ended = await expectHeld();
  expect(ended.every(({ losses }) => losses > 0)).toBe(true);
});

test('after a fail-over the old master is back in its place with what it knew before', async () => {
  const { port, replica, replicaPort, way } = await staleReplica();
  await replica.redis.replicaof('NO', 'ONE');
  way.turnTo(replicaPort);
  await more(4 * limit);
  const from = await calls();
  way.turnTo(port);
  expect(await expectGoesOn(from, 2 * lossMs)).toBeGreaterThanOrEqual(windowMs + marginMs);
  await expectHeld();
});

test('two masters: with min-replicas-to-write the one that is cut off grants nothing', async () => {
  const { replica, replicaUrl, link } = await replicated();
  await redis.redis.config('SET', 'min-replicas-to-write', '1');
  const stranded = [...takers];
  const from = await calls();
  link.turnTo(null);
  await takersAre((state) => state.failure?.includes('NOREPLICAS') === true && state.leased + state.unanswered === 0);
  const sentBefore = (await states()).map(({ sent }) => sent);
  await replica.redis.replicaof('NO', 'ONE');
  await join(2, replicaUrl);
  await expectGoesOn(from, Infinity);
  expect((await Promise.all(stranded.map((taker) => taker.state()))).map(({ sent }) => sent)).toEqual(sentBefore);
  await expectHeld();
});

test('a storm of all of it', async () => {
  const random = seededRandom(SEED);
  const anybody = (): Taker => takers[Math.floor(random() * takers.length)]!;
  const frozen: Taker[] = [];
  const thaw = (): void => frozen.splice(0).forEach((taker) => taker.thaw());
  const faults: (() => unknown)[] = [
    () => redis.redis.del(...KEYS),
    () => redis.redis.del(KEYS[1]),
    () => redis.redis.script('FLUSH'),
    () => redis.redis.call('CLIENT', 'KILL', 'TYPE', 'normal'),
    () => restart(false),
    () => restart(true),
    () => freeze(redis.pid(), 500),
    () => anybody().block(200),
    () => anybody().block(200),
    () => void frozen.push(...[anybody()].map((taker) => (taker.freeze(), taker))),
    () => void frozen.push(...[anybody()].map((taker) => (taker.freeze(), taker))),
    () => (thaw(), die(anybody())),
    () => (thaw(), die(anybody())),
    () => join(2),
    () => join(1),
  ];
  await join(4);
  await more(limit);
  for (const [, fault] of faults.map((each) => [random(), each] as const).toSorted(([a], [b]) => a - b)) {
    await fault();
    await more(Math.ceil(random() * limit));
  }
  thaw();
  await expectGoesOn(await calls(), lossMs);
  await expectHeld();
});
