import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createLedger, type Ledger } from '../../src/jobs/ledger.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { chunkOf, claimed, dump, fedChunk, jobWith, KEYS, NO_ENTRY, openJob, recordOf } from './support.ts';

let server: TestRedis;
let ledger: Ledger;

beforeAll(async () => {
  server = await testRedis();
  ledger = createLedger(server.redis, KEYS);
});
beforeEach(() => server.redis.flushall());
afterAll(() => server.close());

const LEASE_MS = 30_000;
const job = (...chunks: Parameters<typeof fedChunk>[]) =>
  openJob(
    ledger,
    chunks.map((chunk) => fedChunk(...chunk)),
  );
const ownerOf = (account: string) => server.redis.get(KEYS.lockPrefix + account);

test('a claim gives the chunk and locks the lists it writes, for as long as asked', async () => {
  const chunk = chunkOf('a', 'b', 'c');
  const { id } = await job([chunk, ['a', 'b']]);
  const claim = await ledger.claim(id, 0, LEASE_MS);
  expect(claim).toEqual({
    kind: 'claimed',
    epoch: 1,
    block: fedChunk(chunk).block,
    items: Buffer.from([0, 0]),
    notes: '',
    abandoned: false,
    bars: '',
  });
  for (const account of ['a', 'b']) {
    expect(await ownerOf(account)).toBe(`${id}.0`);
    const left = await server.redis.pttl(KEYS.lockPrefix + account);
    expect(left).toBeGreaterThan(LEASE_MS - 5000);
    expect(left).toBeLessThanOrEqual(LEASE_MS);
  }
  expect(await ownerOf('c')).toBeNull();
});

test('every claim has a higher epoch, and takes over the locks of the one before', async () => {
  const { id } = await job([chunkOf('a', 'b')]);
  for (const epoch of [1, 2, 3]) {
    expect(await claimed(ledger, id)).toMatchObject({ kind: 'claimed', epoch });
    expect(await ownerOf('a')).toBe(`${id}.0`);
  }
});

test('abandoned: only when the claim before was never recorded', async () => {
  const { id } = await job([chunkOf('a', 'b', 'c')]);
  const first = await claimed(ledger, id);
  expect(first.abandoned).toBe(false);
  const open = { close: false, items: Buffer.from([1, 255]), notes: 'a note', entry: NO_ENTRY };
  await ledger.record(id, 0, recordOf(first.epoch, open));
  const second = await claimed(ledger, id);
  expect(second).toMatchObject({ abandoned: false, notes: 'a note', items: Buffer.from([1, 255]) });
  const third = await claimed(ledger, id);
  expect(third.abandoned).toBe(true);
  // Recording makes up for all claims before.
  await ledger.record(id, 0, recordOf(third.epoch, open));
  expect((await claimed(ledger, id)).abandoned).toBe(false);
});

test.each([
  ['pause', 'held'],
  ['stop', 'held'],
] as const)('after %s a chunk is %s: no epoch, no lock', async (event, kind) => {
  const { id } = await job([chunkOf('a', 'b')]);
  await ledger.steer(id, event, '');
  const before = await dump(server.redis);
  expect(await ledger.claim(id, 0, LEASE_MS)).toEqual({ kind });
  expect(await dump(server.redis)).toEqual(before);
  await ledger.steer(id, 'resume', '');
  expect(await claimed(ledger, id)).toMatchObject({ kind: 'claimed', epoch: 1 });
});

test('a cancelled job’s chunk is claimed to be settled, without locks, also when another chunk has them', async () => {
  const { id } = await job([chunkOf('a', 'b')], [chunkOf('a', 'c')]);
  await claimed(ledger, id, 0);
  await ledger.steer(id, 'cancel', '');
  expect(await claimed(ledger, id, 1)).toMatchObject({ kind: 'cancelled', epoch: 1, abandoned: false });
  expect(await ownerOf('a')).toBe(`${id}.0`);
  // The call of the first claim may have been sent.
  expect(await claimed(ledger, id, 0)).toMatchObject({ kind: 'cancelled', epoch: 2, abandoned: true });
});

test('a list that another chunk writes, of this job or another one: busy, and nothing is written', async () => {
  const one = await job([chunkOf('a', 'b')], [chunkOf('x', 'a'), ['x', 'a']]);
  const other = await job([chunkOf('a', 'c')]);
  await claimed(ledger, one.id, 0);
  const before = await dump(server.redis);
  for (const [id, chunk] of [
    [one.id, 1],
    [other.id, 0],
  ] as const) {
    expect(await ledger.claim(id, chunk, LEASE_MS)).toEqual({ kind: 'busy', account: 'a' });
  }
  // Not even the lists that are free.
  expect(await ownerOf('x')).toBeNull();
  expect(await dump(server.redis)).toEqual(before);
});

test('while the app is quiet nothing is claimed, but what a cancelled job has left', async () => {
  const [running, cancelled] = [await job([chunkOf('a', 'b')]), await job([chunkOf('c', 'd')])];
  await ledger.steer(cancelled.id, 'cancel', '');
  await server.redis.set(KEYS.quiet, 'why', 'PX', 60_000);
  const before = await dump(server.redis);
  const claim = await ledger.claim(running.id, 0, LEASE_MS);
  expect(claim.kind).toBe('quiet');
  expect((claim as { forMs: number }).forMs).toBeGreaterThan(55_000);
  expect(await dump(server.redis)).toEqual(before);
  expect((await claimed(ledger, cancelled.id)).kind).toBe('cancelled');
});

test('wanted only if it reads: a chunk that writes is not claimed, one that waits for reads is', async () => {
  const { id } = await job([chunkOf('a', 'b')]);
  const before = await dump(server.redis);
  expect(await ledger.claim(id, 0, LEASE_MS, true)).toEqual({ kind: 'writes' });
  expect(await dump(server.redis)).toEqual(before);
  const { epoch } = await claimed(ledger, id);
  await ledger.record(
    id,
    0,
    recordOf(epoch, { close: false, items: Buffer.from([1]), entry: NO_ENTRY, onlyReads: true }),
  );
  expect(await ledger.claim(id, 0, LEASE_MS, true)).toMatchObject({ kind: 'claimed', abandoned: false });
  expect(await ownerOf('a')).toBeNull();
});

test('what is known against a From_Account is told to its other chunks, of this job only', async () => {
  const one = await job([chunkOf('a', 'b', 'c')], [chunkOf('a', 'd')], [chunkOf('x', 'a')]);
  const other = await job([chunkOf('a', 'e')]);
  await ledger.record(one.id, 0, recordOf((await claimed(ledger, one.id)).epoch, { bars: '["why"]' }));
  expect((await claimed(ledger, one.id, 1)).bars).toBe('["why"]');
  expect((await claimed(ledger, one.id, 2)).bars).toBe('');
  await ledger.record(one.id, 1, recordOf(2, { epoch: 1 }));
  expect((await claimed(ledger, other.id)).bars).toBe('');
});

test('what a chunk in hand was told before the job was resumed is not kept on', async () => {
  const { id } = await job([chunkOf('a', 'b')], [chunkOf('a', 'c')], [chunkOf('a', 'd')]);
  const first = await claimed(ledger, id, 0);
  await ledger.record(id, 0, recordOf(first.epoch, { bars: '["x"]' }));
  const second = await claimed(ledger, id, 1);
  expect(second.bars).toBe('["x"]');
  await ledger.steer(id, 'pause', '');
  await ledger.steer(id, 'resume', '');
  await ledger.record(id, 1, recordOf(second.epoch, { knownBars: second.bars, bars: '["x","y"]' }));
  expect((await claimed(ledger, id, 2)).bars).toBe('');
});

test('what was found since the claim joins what it was told', async () => {
  const { id } = await job([chunkOf('a', 'b')], [chunkOf('a', 'c')], [chunkOf('a', 'd')]);
  const first = await claimed(ledger, id, 0);
  await ledger.record(id, 0, recordOf(first.epoch, { bars: '["x"]' }));
  const second = await claimed(ledger, id, 1);
  await ledger.record(id, 1, recordOf(second.epoch, { knownBars: second.bars, bars: '["x","y"]' }));
  expect((await claimed(ledger, id, 2)).bars).toBe('["x","y"]');
});

test('chunks that write no list never stand in each other’s way', async () => {
  const { id } = await job([chunkOf('a', 'b'), []], [chunkOf('a', 'c'), []]);
  await claimed(ledger, id, 0);
  expect((await claimed(ledger, id, 1)).kind).toBe('claimed');
});

test('a chunk that is closed, was never fed, or whose job is gone: gone', async () => {
  const { id } = await job([chunkOf('a', 'b', 'c')]);
  await ledger.record(id, 0, recordOf((await claimed(ledger, id)).epoch));
  const before = await dump(server.redis);
  expect(await ledger.claim(id, 0, LEASE_MS)).toEqual({ kind: 'gone' });
  expect(await ledger.claim(id, 7, LEASE_MS)).toEqual({ kind: 'gone' });
  expect(await ledger.claim(jobWith().id, 0, LEASE_MS)).toEqual({ kind: 'gone' });
  expect(await dump(server.redis)).toEqual(before);
});
