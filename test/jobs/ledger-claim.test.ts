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
    const claim = await ledger.claim(id, chunk, LEASE_MS);
    expect(claim.kind).toBe('busy');
    const { forMs } = claim as { forMs: number };
    expect(forMs).toBeGreaterThan(LEASE_MS - 5000);
    expect(forMs).toBeLessThanOrEqual(LEASE_MS);
  }
  // Not even the lists that are free.
  expect(await ownerOf('x')).toBeNull();
  expect(await dump(server.redis)).toEqual(before);
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
