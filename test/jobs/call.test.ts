import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { JobDescriptor } from '../../src/domain/job.ts';
import type { Item } from '../../src/domain/chunk.ts';
import { keysOf } from '../../src/limiter/bucket.ts';
import { createLimiter } from '../../src/limiter/limiter.ts';
import { type CallParts, callChunk, type Next } from '../../src/jobs/call.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { type TestSimulator, testSimulator } from '../support/simulator.ts';
import { type BenchParts, callParts, freshLimiter, outcomesIn, SERVICE_LIMIT_MS, until } from './bench.ts';
import { APP, chunkOf, claimed, dump, fedChunk, KEYS, NO_ENTRY, openJob, recordOf } from './support.ts';

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

const many = (count: number): string[] => Array.from({ length: count }, (_, n) => `to-${n}`);
const jobOf = (from: string, to: string[], given: Partial<JobDescriptor> = {}) =>
  openJob(parts.ledger, [fedChunk(chunkOf(from, ...to), given.operation === 'check' ? [] : [from])], given);

const callOf = (
  job: JobDescriptor,
  given: Partial<CallParts> = {},
  signal = new AbortController().signal,
): Promise<Next> =>
  callChunk(
    { job: job.id, operation: job.operation, chunk: 0 },
    { ...parts, ...given },
    { signal, stillMine: () => true, starts: 1 },
  );

const callsSeen = async (command = 'friend_import'): Promise<number> => (await simulator.ledger())[command]?.calls ?? 0;
const lockOf = (from: string) => server.redis.get(KEYS.lockPrefix + from);

test('a chunk without trouble: one call, every row ok, closed, its list free', async () => {
  const job = await jobOf('plain', ['b', 'c']);
  expect(await callOf(job)).toEqual({ kind: 'done' });
  expect(await outcomesIn(server.redis, job.id)).toEqual([
    [{ status: 'ok', code: 0, info: '', attempts: 1, to: ['b', 'c'] }],
  ]);
  expect(await parts.ledger.status(job.id)).toMatchObject({
    totals: { ok: 2, open: 0 },
    codes: {},
    calls: { made: 1, retried: 0, throttled: 0, lookups: 0 },
  });
  expect((await simulator.relations([['plain', 'b']]))[0]).toMatchObject({ forward: true });
  expect(await lockOf('plain')).toBeNull();
  expect(await callOf(job)).toEqual({ kind: 'done' });
  expect(await callsSeen()).toBe(1);
});

test('transient item codes: the others are recorded at once, the chunk goes again with its open items only', async () => {
  await simulator.setFaults({ transient: [{ code: 30006, fraction: 0.4, passesAt: 2 }] });
  const job = await jobOf('transient', many(30));
  expect(await callOf(job)).toEqual({ kind: 'again', afterMs: 50 });
  const [first] = await outcomesIn(server.redis, job.id);
  const settled = first?.flatMap(({ to }) => to) ?? [];
  const hit = 30 - settled.length;
  expect(hit).toBeGreaterThan(0);
  expect(settled.length).toBeGreaterThan(0);
  expect(await lockOf('transient')).toBeNull();

  expect(await callOf(job)).toEqual({ kind: 'done' });
  const [, second, ...more] = await outcomesIn(server.redis, job.id);
  expect(more).toEqual([]);
  const rest = many(30).filter((to) => !settled.includes(to));
  expect(second).toEqual([{ status: 'ok', code: 0, info: '', attempts: 2, to: rest }]);
  expect((await simulator.ledger()).friend_import).toMatchObject({ calls: 2, items: { 0: 30, 30006: hit } });
  expect(await parts.ledger.status(job.id)).toMatchObject({
    totals: { ok: 30, open: 0 },
    calls: { made: 2, retried: 1 },
  });
});

test('a transient code that never passes ends after the allowed attempts, with that code', async () => {
  await simulator.setFaults({ transient: [{ code: 30006, fraction: 1, passesAt: 99 }] });
  const job = await jobOf('stubborn', ['b', 'c']);
  const steps = [await callOf(job), await callOf(job), await callOf(job)];
  expect(steps.map(({ kind }) => kind)).toEqual(['again', 'again', 'done']);
  const [outcomes] = await outcomesIn(server.redis, job.id);
  expect(outcomes).toMatchObject([{ status: 'failed', code: 30006, attempts: 3, to: ['b', 'c'] }]);
  expect(await callsSeen()).toBe(3);
  expect(await parts.ledger.status(job.id)).toMatchObject({ totals: { failed: 2 }, codes: { 30006: 2 } });
});

test('a check tells relations in the rows’ own direction', async () => {
  await simulator.seedFriends([['checked', 'b']]);
  const items: Item[] = [
    { to: 'b', rows: 'both' },
    { to: 'c', rows: 'reverse' },
  ];
  const job = await openJob(parts.ledger, [fedChunk({ from: 'checked', items }, [])], {
    operation: 'check',
    rows: 3,
    accepted: 3,
  });
  expect(await callOf(job)).toEqual({ kind: 'done' });
  expect(await parts.ledger.status(job.id)).toMatchObject({
    totals: { ok: 3, open: 0 },
    relations: { AWithB: 1, BWithA: 1, NoRelation: 1 },
  });
});

test('claimed again while its call is under way: the record is refused, the truth of the chunk is kept', async () => {
  await simulator.reset({ serviceTimeMs: { read: 0, write: 500 } });
  const job = await jobOf('stale', ['b', 'c']);
  const under = callOf(job);
  await until(async () => (await callsSeen()) === 1);
  const second = await claimed(parts.ledger, job.id);
  expect(second).toMatchObject({ epoch: 2, abandoned: true });
  const before = await dump(server.redis);
  expect(await under).toEqual({ kind: 'done' });
  const after = await dump(server.redis);
  const ofLedger = (all: Record<string, string>) =>
    Object.fromEntries(Object.entries(all).filter(([key]) => !key.includes(':limiter:')));
  expect(ofLedger(after)).toEqual(ofLedger(before));
  expect(await outcomesIn(server.redis, job.id)).toEqual([]);
  // The second claim's own record is the one that counts.
  expect(await parts.ledger.record(job.id, 0, recordOf(second.epoch))).toBe(true);
  expect(await parts.ledger.status(job.id)).toMatchObject({ totals: { ok: 2, open: 0 } });
});

test('a chunk of a cancelled job is settled without a call: rows never sent are skipped', async () => {
  const job = await jobOf('cancelled', ['b', 'c']);
  await parts.ledger.steer(job.id, 'cancel', '');
  expect(await callOf(job)).toEqual({ kind: 'done' });
  expect(await callsSeen()).toBe(0);
  expect(await parts.ledger.status(job.id)).toMatchObject({ totals: { skipped: 2, open: 0 }, calls: { made: 0 } });
});

test('cancelled after a caller died with it: its writes may hold, so they are unknown', async () => {
  const job = await jobOf('cancelled-late', ['b', 'c']);
  await claimed(parts.ledger, job.id);
  await parts.ledger.steer(job.id, 'cancel', '');
  expect(await callOf(job)).toEqual({ kind: 'done' });
  expect(await callsSeen()).toBe(0);
  expect(await parts.ledger.status(job.id)).toMatchObject({ totals: { unknown: 2, open: 0 } });
});

test('cancelled after a failed call: the rows that failed keep their code', async () => {
  await simulator.setFaults({ transient: [{ code: 30006, fraction: 1, passesAt: 99 }] });
  const job = await jobOf('cancelled-between', ['b', 'c']);
  await callOf(job);
  await parts.ledger.steer(job.id, 'cancel', '');
  expect(await callOf(job)).toEqual({ kind: 'done' });
  expect(await callsSeen()).toBe(1);
  expect(await parts.ledger.status(job.id)).toMatchObject({ totals: { failed: 2, open: 0 }, codes: { 30006: 2 } });
});

test('an unanswered write waits out the service’s own limit, and its list stays locked meanwhile', async () => {
  await simulator.setFaults({ calls: { resetAfter: 1 } });
  const job = await jobOf('unanswered', ['b', 'c']);
  expect(await callOf(job)).toEqual({ kind: 'again', afterMs: SERVICE_LIMIT_MS });
  expect(await lockOf('unanswered')).toBe(`${job.id}.0`);
  expect(await callsSeen()).toBe(1);
  await simulator.setFaults('none');
  expect(await callOf(job)).toEqual({ kind: 'done' });
  expect(await lockOf('unanswered')).toBeNull();
  expect(await parts.ledger.status(job.id)).toMatchObject({ totals: { ok: 2 }, calls: { made: 2, retried: 1 } });
});

test('the last unanswered write is unknown; its list stays locked for as long as the write may run', async () => {
  await simulator.setFaults({ calls: { resetAfter: 1 } });
  const job = await jobOf('unknown', ['b', 'c'], { options: { noVerify: true } });
  const policy = { ...parts.policy, attempts: 1, serviceLimitMs: 10_000 };
  expect(await callOf(job, { policy })).toEqual({ kind: 'done' });
  expect(await parts.ledger.status(job.id)).toMatchObject({ totals: { unknown: 2, open: 0 } });
  expect(await lockOf('unknown')).toBe(`${job.id}.0`);
  const left = await server.redis.pttl(`${KEYS.lockPrefix}unknown`);
  expect(left).toBeLessThanOrEqual(10_000);
  expect(left).toBeGreaterThan(0);
});

test('throttled: the same again after a while, no attempt spent, counted, the shared rate lowered', async () => {
  await simulator.setFaults({ calls: { codes: { 60011: 1 } } });
  const job = await jobOf('throttled', ['b']);
  const limiter = freshLimiter(server.redis);
  expect(await callOf(job, { limiterOf: () => limiter })).toEqual({ kind: 'again', afterMs: parts.policy.throttledMs });
  expect([...(await claimed(parts.ledger, job.id)).items]).toEqual([0]);
  expect((await parts.ledger.status(job.id))?.calls).toMatchObject({ made: 1, throttled: 1, retried: 0 });
  await until(async () => limiter.state.ratePerSecond < limiter.state.ceilingPerSecond);
  await limiter.close();
});

test.each([
  { code: 60007, all: false },
  { code: 60018, all: false },
  { code: 60011, all: true },
])('throttled with $code: the other commands are slowed too: $all', async ({ code, all }) => {
  await simulator.setFaults({ calls: { codes: { [code]: 1 } } });
  const job = await jobOf(`throttled with ${code}`, ['b']);
  const [, , appState] = keysOf(APP, 'any');
  await server.redis.hdel(appState, 'rate', 'reducedId', 'reducedAt');
  const limiter = freshLimiter(server.redis);
  await callOf(job, { limiterOf: () => limiter });
  await until(async () => limiter.state.ratePerSecond < limiter.state.ceilingPerSecond);
  await limiter.close();
  expect(await server.redis.hexists(appState, 'rate')).toBe(all ? 1 : 0);
});

test('a credentials fault stops the job with its state kept; nothing more is called, and resume goes on', async () => {
  await simulator.setFaults({ calls: { codes: { 60020: 1 } } });
  const job = await jobOf('credentials', ['b', 'c']);
  expect(await callOf(job)).toEqual({ kind: 'again', afterMs: 0 });
  const stopped = await parts.ledger.status(job.id);
  expect(stopped).toMatchObject({ state: 'stopped', totals: { open: 2 } });
  expect(stopped?.reason).toContain('60020');
  expect(await callOf(job)).toEqual({ kind: 'done' });
  expect(await callsSeen()).toBe(1);
  await simulator.setFaults('none');
  await parts.ledger.steer(job.id, 'resume', '');
  expect(await callOf(job)).toEqual({ kind: 'done' });
  const [outcomes] = await outcomesIn(server.redis, job.id);
  expect(outcomes).toMatchObject([{ status: 'ok', attempts: 1 }]);
});

test('a code of the whole call that no page explains stops the job when it has come three times, not at first sight', async () => {
  const policy = { ...parts.policy, attempts: 5 };
  await simulator.setFaults({ transient: [{ code: 30006, fraction: 1, passesAt: 99 }] });
  const job = await jobOf('unexplained', ['b']);
  await callOf(job, { policy });
  await callOf(job, { policy });
  await simulator.setFaults({ calls: { codes: { 60004: 1 } } });
  await callOf(job, { policy });
  expect(await parts.ledger.status(job.id)).toMatchObject({ state: 'running', totals: { open: 1 } });
  await callOf(job, { policy });
  await callOf(job, { policy });
  expect(await parts.ledger.status(job.id)).toMatchObject({ state: 'stopped', totals: { open: 1 } });
});

test('a body too large for a service that then just closes the connection: halves pass, and stay halves', async () => {
  const small = await testSimulator({ limit: 1000, maxBodyBytes: 40_000 });
  await small.setSwitches({ 'body-above-limit': 'closed' });
  const { chat } = callParts(server.redis, small, { limiter: parts.limiter });
  const fields = { remark: 'r'.repeat(90), custom: { Ext: 'x'.repeat(300) } };
  const items = many(1000).map((to): Item => ({ to, rows: 'forward', fields }));
  const job = await openJob(parts.ledger, [fedChunk({ from: 'large', items })]);
  const policy = { ...parts.policy, serviceLimitMs: 0 };
  while ((await callOf(job, { chat, policy })).kind === 'again');
  expect((await parts.ledger.status(job.id))?.totals).toMatchObject({ ok: 1000 });
  const { calls, codes } = (await small.ledger()).friend_import as { calls: number; codes: Record<string, number> };
  // 1000 twice, 500, 250 and 125; then 63 a call.
  expect({ calls, answered: codes[0] }).toEqual({ calls: 21, answered: 16 });
  chat.close();
  await small.close();
});

test('a list that another chunk writes: no call, again soon', async () => {
  const [one, other] = [await jobOf('busy', ['b']), await jobOf('busy', ['c'])];
  await claimed(parts.ledger, one.id);
  expect(await callOf(other)).toEqual({ kind: 'again', afterMs: 150 });
  expect(await callsSeen()).toBe(0);
});

test('a chunk that is gone or held is done, without a call', async () => {
  const job = await jobOf('held', ['b', 'c']);
  await parts.ledger.steer(job.id, 'pause', '');
  expect(await callOf(job)).toEqual({ kind: 'done' });
  await parts.ledger.steer(job.id, 'resume', '');
  await parts.ledger.record(job.id, 0, recordOf((await claimed(parts.ledger, job.id)).epoch));
  expect(await callOf(job)).toEqual({ kind: 'done' });
  expect(await callsSeen()).toBe(0);
});

test('an API that nobody reaches: again later, no attempt, no call', async () => {
  const job = await jobOf('unreachable', ['b', 'c']);
  const nowhere = callParts(server.redis, { ...simulator, baseUrl: 'http://127.0.0.1:1' }, { limiter: parts.limiter });
  expect(await callOf(job, { chat: nowhere.chat })).toEqual({ kind: 'again', afterMs: 200 });
  nowhere.chat.close();
  const claim = await claimed(parts.ledger, job.id);
  expect([...claim.items]).toEqual([0, 0]);
  expect(claim.abandoned).toBe(false);
  expect((await parts.ledger.status(job.id))?.calls).toMatchObject({ made: 0, retried: 0 });
});

test('a call that could not leave before is no retry when it goes', async () => {
  const job = await jobOf('back-again', ['b', 'c']);
  const nowhere = callParts(server.redis, { ...simulator, baseUrl: 'http://127.0.0.1:1' }, { limiter: parts.limiter });
  expect(await callOf(job, { chat: nowhere.chat })).toEqual({ kind: 'again', afterMs: 200 });
  nowhere.chat.close();
  expect(await callOf(job)).toEqual({ kind: 'done' });
  expect((await parts.ledger.status(job.id))?.calls).toMatchObject({ made: 1, retried: 0 });
});

test('stopped before it was sent: nothing is called or spent, and the chunk is as it was', async () => {
  const job = await jobOf('stopping', ['b', 'c']);
  expect(await callOf(job, {}, AbortSignal.abort(new Error('stopped')))).toEqual({ kind: 'again', afterMs: 0 });
  expect(await callsSeen()).toBe(0);
  expect(await claimed(parts.ledger, job.id)).toMatchObject({
    abandoned: false,
    notes: '',
    items: Buffer.from([0, 0]),
  });
  expect((await parts.ledger.status(job.id))?.calls.made).toBe(0);
});

test.each([
  { event: 'pause', claim: { kind: 'held' } },
  { event: 'stop', claim: { kind: 'held' } },
  { event: 'cancel', claim: { kind: 'cancelled', abandoned: false, notes: '', items: Buffer.from([0, 0]) } },
] as const)('$event while it waits for its slot: the chunk leaves the line, as it was', async ({ event, claim }) => {
  // Its first slot is a window away.
  const limiter = createLimiter({
    redis: server.redis,
    app: `halt by ${event}`,
    command: 'friend_import',
    rate: { calls: 1, windowMs: 3_600_000 },
    callTimeoutMs: 2000,
  });
  const [job, other] = [await jobOf(`halted-${event}`, ['b', 'c']), await jobOf(`going-${event}`, ['b'])];
  const abort = new AbortController();
  const going = callOf(other, { limiterOf: () => limiter }, abort.signal);
  const waiting = callOf(job, { limiterOf: () => limiter });
  await until(async () => (await server.redis.hget(`${KEYS.chunkPrefix(job.id)}0`, 'epoch')) === '1');
  await parts.ledger.steer(job.id, event, '');
  expect(await waiting).toEqual({ kind: 'again', afterMs: 0 });
  expect(await parts.ledger.claim(job.id, 0, 1000)).toMatchObject(claim);
  // The chunk of a job that runs waits on.
  expect(limiter.state.waiting).toBe(1);
  abort.abort(new Error('stopped'));
  await going;
  expect(await callsSeen()).toBe(0);
  await limiter.close();
});

test('waited too long for a slot: the chunk leaves the line, and those behind it are served', async () => {
  // Slower than the chunks' patience: only who leaves the line in time lets others have their slots.
  const limiter = createLimiter({
    redis: server.redis,
    app: 'patience',
    command: 'friend_import',
    rate: { calls: 10, windowMs: 1000 },
    latenessMs: 400,
    coldSlots: 0,
    callTimeoutMs: 2000,
  });
  const jobs = await Promise.all(many(12).map((to) => jobOf(`patient-${to}`, [to])));
  let givenUp = 0;
  const finish = async (job: JobDescriptor): Promise<void> => {
    while ((await callOf(job, { limiterOf: () => limiter, waitMs: 350 })).kind === 'again') givenUp += 1;
  };
  await Promise.all(jobs.map(finish));
  expect(givenUp).toBeGreaterThan(0);
  expect(await callsSeen()).toBe(12);
  await limiter.close();
});

test('a chunk that may be another caller’s by now is not sent', async () => {
  const job = await jobOf('frozen', ['b', 'c']);
  const hand = { signal: new AbortController().signal, stillMine: () => false, starts: 1 };
  const next = await callChunk({ job: job.id, operation: job.operation, chunk: 0 }, parts, hand);
  expect(next).toEqual({ kind: 'again', afterMs: 0 });
  expect(await callsSeen()).toBe(0);
  expect(await claimed(parts.ledger, job.id)).toMatchObject({ abandoned: false, items: Buffer.from([0, 0]) });
});

test('items that were settled before are not sent again', async () => {
  const job = await jobOf('partly', ['b', 'c', 'd']);
  const { epoch } = await claimed(parts.ledger, job.id);
  const items = Buffer.from([255, 1, 255]);
  await parts.ledger.record(job.id, 0, recordOf(epoch, { close: false, items, entry: NO_ENTRY }));
  expect(await callOf(job)).toEqual({ kind: 'done' });
  expect((await simulator.ledger()).friend_import?.items).toEqual({ 0: 1 });
  const [outcomes] = await outcomesIn(server.redis, job.id);
  expect(outcomes).toMatchObject([{ status: 'ok', attempts: 2, to: ['c'] }]);
});
