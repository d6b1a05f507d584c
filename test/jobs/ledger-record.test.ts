import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createLedger, type Ledger } from '../../src/jobs/ledger.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { aofWritten, AT, chunkOf, claimed, dump, fedChunk, KEYS, NO_ENTRY, openJob, recordOf } from './support.ts';

let server: TestRedis;
let ledger: Ledger;

beforeAll(async () => {
  server = await testRedis();
  ledger = createLedger(server.redis, KEYS);
});
beforeEach(() => server.redis.flushall());
afterAll(() => server.close());

const job = (chunks = 1) =>
  openJob(
    ledger,
    Array.from({ length: chunks }, (_, n) => fedChunk(chunkOf(`a${n}`, 'b', 'c'))),
  );
const entriesOf = (id: string) => server.redis.xrange(KEYS.results(id), '-', '+');
const STILL_OPEN = { close: false, items: Buffer.from([255, 1]), notes: '{}' };

test('a record that closes: entry, counts, bit, bytes and locks, all at once', async () => {
  const { id } = await job();
  const { epoch } = await claimed(ledger, id);
  expect(await ledger.record(id, 0, recordOf(epoch))).toBe(true);
  const [entry, ...others] = await entriesOf(id);
  expect(others).toEqual([]);
  expect(entry?.[0]).toMatch(/^\d+-1$/);
  const outcomes = '[{"status":"ok","code":0,"info":"","attempts":1,"to":["b","c"]}]';
  expect(entry?.[1]).toEqual(['chunk', '0', 'from', 'a', 'attempt', '1', 'at', AT, 'n', '2', 'outcomes', outcomes]);
  expect(await ledger.status(id)).toMatchObject({
    totals: { accepted: 2, ok: 2, open: 0 },
    calls: { made: 1, retried: 0 },
  });
  expect(await server.redis.getbit(KEYS.closed(id), 0)).toBe(1);
  expect(await server.redis.exists(KEYS.chunkPrefix(id) + 0)).toBe(0);
  expect(await server.redis.keys(`${KEYS.lockPrefix}*`)).toEqual([]);
  expect(await ledger.lastEntry(id)).toBe(entry?.[0]);
});

test('the bits of closed chunks take their place with the first of them, and no more than one a chunk', async () => {
  const { id } = await openJob(ledger, [fedChunk(chunkOf('a', 'b', 'c'))], { chunks: 10_000 });
  const { epoch } = await claimed(ledger, id);
  await ledger.record(id, 0, recordOf(epoch));
  expect(await server.redis.strlen(KEYS.closed(id))).toBe(10_000 / 8);
  expect(await server.redis.bitcount(KEYS.closed(id))).toBe(1);
});

test('a record with open items: they and their notes are kept for the next claim, the chunk stays open', async () => {
  const { id } = await job();
  const { epoch } = await claimed(ledger, id);
  expect(await ledger.record(id, 0, recordOf(epoch, STILL_OPEN))).toBe(true);
  expect(await ledger.lastEntry(id)).toBeNull();
  expect(await server.redis.getbit(KEYS.closed(id), 0)).toBe(0);
  expect(await claimed(ledger, id)).toMatchObject({ epoch: 2, items: STILL_OPEN.items, notes: '{}' });
});

test('nothing settled: no entry, and the sequence has no gap', async () => {
  const { id } = await job();
  await ledger.record(
    id,
    0,
    recordOf((await claimed(ledger, id)).epoch, { ...STILL_OPEN, entry: NO_ENTRY, counts: {} }),
  );
  expect(await entriesOf(id)).toEqual([]);
  await ledger.record(id, 0, recordOf((await claimed(ledger, id)).epoch));
  expect((await entriesOf(id)).map(([entry]) => entry.split('-')[1])).toEqual(['1']);
});

test('entries of a job have one generation and a sequence without gaps, whatever chunk they are of', async () => {
  const { id } = await job(4);
  for (const chunk of [2, 0, 3, 1]) {
    await ledger.record(id, chunk, recordOf((await claimed(ledger, id, chunk)).epoch));
  }
  const ids = (await entriesOf(id)).map(([entry]) => entry.split('-'));
  expect(ids.map(([, sequence]) => sequence)).toEqual(['1', '2', '3', '4']);
  expect(new Set(ids.map(([generation]) => generation)).size).toBe(1);
});

test('a stale epoch is refused and nothing is written', async () => {
  const { id } = await job();
  const first = await claimed(ledger, id);
  const second = await claimed(ledger, id);
  const before = await dump(server.redis);
  for (const epoch of [first.epoch, 0, second.epoch + 1]) {
    expect(await ledger.record(id, 0, recordOf(epoch))).toBe(false);
    expect(await ledger.record(id, 0, recordOf(epoch, STILL_OPEN))).toBe(false);
  }
  expect(await dump(server.redis)).toEqual(before);
  // Nor were the locks of the second claim shortened.
  expect(await server.redis.pttl(`${KEYS.lockPrefix}a0`)).toBeGreaterThan(20_000);
  expect(await ledger.record(id, 0, recordOf(second.epoch))).toBe(true);
});

test('a closed chunk is refused: recorded twice, it counts once', async () => {
  const { id } = await job();
  const { epoch } = await claimed(ledger, id);
  expect(await ledger.record(id, 0, recordOf(epoch))).toBe(true);
  const before = await dump(server.redis);
  expect(await ledger.record(id, 0, recordOf(epoch))).toBe(false);
  expect(await dump(server.redis)).toEqual(before);
});

test('a record whose reply was lost is sent again: the caller hears that it stands, and nothing is written', async () => {
  const { id } = await job();
  const { epoch } = await claimed(ledger, id);
  for (const given of [STILL_OPEN, { ...STILL_OPEN, entry: NO_ENTRY, counts: {} }]) {
    const next = given === STILL_OPEN ? epoch : (await claimed(ledger, id)).epoch;
    expect(await ledger.record(id, 0, recordOf(next, given))).toBe(true);
    const before = await dump(server.redis);
    expect(await ledger.record(id, 0, recordOf(next, given))).toBe(true);
    expect(await dump(server.redis)).toEqual(before);
  }
});

test('a chunk of a job that is gone is refused', async () => {
  const before = await dump(server.redis);
  expect(await ledger.record('nobody', 0, recordOf(1))).toBe(false);
  expect(await dump(server.redis)).toEqual(before);
});

test('counts add up over records: statuses, codes, relations, calls', async () => {
  const { id } = await job(2);
  const counts: Record<string, number>[] = [
    { 'status:ok': 1, 'status:failed': 1, 'code:30003': 1, 'calls:made': 1 },
    {
      'status:failed': 2,
      'code:30003': 1,
      'code:30010': 1,
      'relation:BothWay': 2,
      'calls:made': 2,
      'calls:retried': 1,
    },
  ];
  for (const chunk of [0, 1]) {
    await ledger.record(id, chunk, recordOf((await claimed(ledger, id, chunk)).epoch, { counts: counts[chunk] }));
  }
  expect(await ledger.status(id)).toMatchObject({
    totals: { accepted: 4, ok: 1, failed: 3, open: 0 },
    codes: { 30003: 2, 30010: 1 },
    relations: { BothWay: 2 },
    calls: { planned: 2, made: 3, retried: 1, throttled: 0 },
  });
});

test('locks are kept for as long as told where an unanswered write may still run, else released', async () => {
  const { id } = await job();
  const lock = `${KEYS.lockPrefix}a0`;
  await ledger.record(id, 0, recordOf((await claimed(ledger, id)).epoch, { ...STILL_OPEN, keepLocksMs: 3000 }));
  expect(await server.redis.get(lock)).toBe(`${id}.0`);
  const left = await server.redis.pttl(lock);
  expect(left).toBeGreaterThan(0);
  expect(left).toBeLessThanOrEqual(3000);
  // The chunk's own next claim takes it again.
  await ledger.record(id, 0, recordOf((await claimed(ledger, id)).epoch, STILL_OPEN));
  expect(await server.redis.exists(lock)).toBe(0);
});

test.each([{ keepLocksMs: 10 }, { keepLocksMs: 0 }])(
  'a lock that another chunk has got meanwhile is left alone: %o',
  async ({ keepLocksMs }) => {
    const { id } = await job();
    const lock = `${KEYS.lockPrefix}a0`;
    const { epoch } = await claimed(ledger, id);
    await server.redis.set(lock, 'another chunk', 'PX', 60_000);
    await ledger.record(id, 0, recordOf(epoch, { ...STILL_OPEN, keepLocksMs }));
    expect(await server.redis.get(lock)).toBe('another chunk');
    expect(await server.redis.pttl(lock)).toBeGreaterThan(30_000);
  },
);

test('accounts have no From', async () => {
  const { id } = await openJob(ledger, [fedChunk({ from: null, items: [{ to: 'b', rows: 'forward' }] })]);
  const { epoch } = await claimed(ledger, id);
  await ledger.record(id, 0, recordOf(epoch, { entry: { ...recordOf(epoch).entry, from: null } }));
  const [entry] = await entriesOf(id);
  expect(entry?.[1].slice(2, 4)).toEqual(['from', '']);
});

test('another server is another generation, which says where it forked; the sequence goes on', async () => {
  const { id } = await job(3);
  const record = async (chunk: number) => {
    await ledger.record(id, chunk, recordOf((await claimed(ledger, id, chunk)).epoch));
    return (await ledger.lastEntry(id)) ?? (await entriesOf(id)).at(-1)?.[0] ?? '';
  };
  const first = await record(0);
  await aofWritten(server.redis);
  await server.restart();
  const second = await record(1);
  const third = await record(2);
  const [generation, ...sequences] = [second, third].flatMap((entry) => entry.split('-'));
  expect(Number(generation)).toBeGreaterThan(Number(first.split('-')[0]));
  expect(sequences).toEqual(['2', generation, '3']);
  expect(await server.redis.hget(KEYS.job(id), `before:${generation}`)).toBe(first);
});

test('a server that has forgotten the last generation, started again at once, never takes the same one', async () => {
  const generations: number[] = [];
  for (let start = 0; start < 3; start += 1) {
    await server.redis.flushall();
    const { id } = await job();
    await ledger.record(id, 0, recordOf((await claimed(ledger, id)).epoch));
    generations.push(Number((await ledger.lastEntry(id))?.split('-')[0]));
    await server.restart();
  }
  expect(generations).toEqual([...new Set(generations)].toSorted((a, b) => a - b));
});

test('a list that is held is left alone by others for so long; the chunk itself may take it again', async () => {
  const { id } = await openJob(ledger, [fedChunk(chunkOf('a', 'b', 'c'), ['a', 'b']), fedChunk(chunkOf('a', 'd'))]);
  const { epoch } = await claimed(ledger, id);
  await ledger.record(id, 0, recordOf(epoch, { ...STILL_OPEN, entry: NO_ENTRY, holdFromMs: 60_000 }));
  expect(await ledger.claim(id, 1, 1000)).toEqual({ kind: 'busy', account: 'a' });
  expect(await server.redis.pttl(`${KEYS.lockPrefix}a`)).toBeGreaterThan(55_000);
  expect(await server.redis.exists(`${KEYS.lockPrefix}b`)).toBe(0);
  expect((await claimed(ledger, id, 0)).kind).toBe('claimed');
});

/** Records chunks of which `failed` fail and the rest pass, two rows each, with a brake after four outcomes. */
async function recordAll(id: string, ends: readonly ('ok' | 'failed' | 'unknown')[]): Promise<void> {
  for (const [chunk, status] of ends.entries()) {
    const claim = await ledger.claim(id, chunk, 1000);
    if (claim.kind !== 'claimed') return;
    const counts = { [`status:${status}`]: 2 };
    await ledger.record(id, chunk, recordOf(claim.epoch, { counts, brake: { after: 4, percent: 50 } }));
  }
}

test.each([
  { ends: ['failed', 'failed', 'ok', 'ok'], outcomes: 4, brake: 'pulled' },
  { ends: ['failed', 'unknown', 'ok', 'ok'], outcomes: 4, brake: 'pulled' },
  // Half of them is not more than half; later failures are no reason to stop.
  { ends: ['failed', 'ok', 'failed', 'failed'], outcomes: 8, brake: 'passed' },
  { ends: ['ok', 'ok', 'failed', 'failed'], outcomes: 8, brake: 'passed' },
] as const)('the brake after four outcomes of $ends: $brake', async ({ ends, outcomes, brake }) => {
  const { id } = await job(4);
  await recordAll(id, ends);
  const status = await ledger.status(id);
  expect(8 - (status?.totals.open ?? 0)).toBe(outcomes);
  expect(status?.state).toBe(brake === 'pulled' ? 'stopped' : 'running');
  expect(await server.redis.hget(KEYS.job(id), 'brake')).toBe(brake);
  expect(status?.reason ?? '').toBe(brake === 'pulled' ? 'failure brake: 4 of the first 4 outcomes failed' : '');
});

test('a job that is through is not braked: there is nothing left to save', async () => {
  const { id } = await job(2);
  await recordAll(id, ['failed', 'failed']);
  expect(await ledger.status(id)).toMatchObject({ state: 'running', totals: { failed: 4, open: 0 } });
});

test('a braked job goes on by force only, and is not braked again', async () => {
  const { id } = await job(6);
  await recordAll(id, ['failed', 'failed']);
  const before = await dump(server.redis);
  expect(await ledger.steer(id, 'resume', '')).toEqual({ changed: false, state: 'stopped', braked: true });
  expect(await dump(server.redis)).toEqual(before);
  expect(await ledger.steer(id, 'resume', '', true)).toEqual({ changed: true, state: 'running' });
  for (const chunk of [2, 3, 4]) {
    const claim = await claimed(ledger, id, chunk);
    await ledger.record(
      id,
      chunk,
      recordOf(claim.epoch, { counts: { 'status:failed': 2 }, brake: { after: 4, percent: 50 } }),
    );
  }
  expect((await ledger.status(id))?.state).toBe('running');
  // Stopped for another reason, it goes on as any job.
  await ledger.steer(id, 'stop', 'credentials');
  expect(await ledger.steer(id, 'resume', '')).toEqual({ changed: true, state: 'running' });
});
