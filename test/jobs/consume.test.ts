/** Consumer groups of results streams: at least once, whatever dies; what the stream has no more comes from the file. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { consume, type ConsumeSettings, type Delivery, FellBehind } from '../../src/jobs/consume.ts';
import { createGroups } from '../../src/jobs/groups.ts';
import { jobFolder } from '../../src/jobs/home.ts';
import { type JobInHome, recorderBench, rowsOf, until } from '../results/recorder-bench.ts';
import { APP, KEYS } from './support.ts';

const CONSUMER = fileURLToPath(new URL('../support/consumer.mjs', import.meta.url));
/** Eight of these fit into what is kept of a stream, and a bit. */
const LARGE = { info: 'x'.repeat(1_000_000) };

const bench = recorderBench();
let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'befriend-consume-'));
  mkdirSync(join(home, 'jobs'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

/** A job of the home. */
async function jobOf(chunks: number): Promise<JobInHome> {
  const of = await bench.jobOf(chunks);
  symlinkSync(of.folder.dir, jobFolder(home, of.job.id));
  return of;
}

function consuming(settings: ConsumeSettings, from = home): AsyncGenerator<Delivery> {
  return consume(settings, {
    home: from,
    ledger: bench.ledger,
    groups: createGroups(bench.server.redis, KEYS),
    notFound: async (job) => new Error(`no job ${job}`),
    random: Math.random,
  });
}

async function listOf(deliveries: AsyncIterable<Delivery>): Promise<Delivery[]> {
  const list: Delivery[] = [];
  for await (const delivery of deliveries) list.push(delivery);
  return list;
}

const rowsIn = ({ outcomes }: Delivery): string[] => outcomes.map(({ from, to }) => `${from}>${to}`);

/** Rows of so many deliveries; the last one stays in hand, as of a consumer that dies. */
async function take(settings: ConsumeSettings, count: number, from = home): Promise<string[]> {
  const rows: string[] = [];
  let left = count;
  for await (const delivery of consuming(settings, from)) {
    rows.push(...rowsIn(delivery));
    left -= 1;
    if (left === 0) break;
  }
  return rows;
}

/** All rows of one job, to its end. */
const all = async (settings: ConsumeSettings, from = home): Promise<string[]> => take(settings, -1, from);

const chunksOf = (count: number, first = 0): number[] => Array.from({ length: count }, (_, n) => first + n);
const sequencesIn = async ({ job }: JobInHome): Promise<number[]> =>
  (await bench.server.redis.xrange(KEYS.results(job.id), '-', '+')).map(([id]) => Number(id.split('-')[1]));

/** Settles chunks, a durable batch each. */
async function deliverEach(of: JobInHome, chunks: readonly number[], group = {}): Promise<void> {
  for (const chunk of chunks) {
    const before = of.folder.boundaries().length;
    await bench.settle(of, chunk, group);
    await until(() => of.folder.boundaries().length > before);
  }
}

test('one job: every outcome once, in a delivery an entry, to its end; what was in hand comes again', async () => {
  const of = await jobOf(3);
  await bench.settle(of, 0);
  await bench.settle(of, 1);
  const settings = { group: 'crm', consumer: 'one', job: of.job.id };
  expect(await take(settings, 2)).toEqual(rowsOf(0, 1));
  await bench.start();
  await bench.settle(of, 2);
  expect(await all(settings)).toEqual(rowsOf(1, 2));
  expect(await all(settings)).toEqual([]);
  await expect(take({ group: 'crm', job: 'nobody' }, 1)).rejects.toThrow('no job nobody');
  await expect(take({ group: 'c r m' }, 1)).rejects.toThrow(RangeError);
});

test('a delivery is what the results file has, and says where it ends', async () => {
  const of = await jobOf(1);
  await bench.start();
  await bench.settle(of, 0, { status: 'failed', code: 30003, info: 'Err' });
  await bench.finished(of);
  const [first] = await listOf(consuming({ group: 'g', job: of.job.id }));
  expect(first).toEqual({
    job: of.job.id,
    position: expect.stringMatching(/^\d+-1$/),
    source: 'stream',
    outcomes: of.folder
      .text()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as object),
  });
});

test('from a place that the program has kept itself, further or back', async () => {
  const of = await jobOf(4);
  await bench.start();
  for (const chunk of chunksOf(4)) await bench.settle(of, chunk);
  await bench.finished(of);
  const settings = { group: 'g', job: of.job.id };
  const positions = (await listOf(consuming(settings))).map(({ position }) => position);
  expect(await all({ ...settings, after: positions[1] })).toEqual(rowsOf(2, 3));
  expect(await all({ ...settings, after: positions[0] })).toEqual(rowsOf(1, 2, 3));
});

test('all jobs, those to come included, however soon they are over; two consumers share them', async () => {
  const first = await jobOf(2);
  await bench.start();
  const stop = new AbortController();
  const rows: string[] = [];
  const consumer = async (): Promise<void> => {
    for await (const delivery of consuming({ group: 'crm', signal: stop.signal })) rows.push(...rowsIn(delivery));
  };
  const both = Promise.all([consumer(), consumer()]);
  await bench.settle(first, 0);
  await until(() => rows.length === 2);
  const second = await jobOf(3);
  for (const chunk of chunksOf(3)) await bench.settle(second, chunk);
  await bench.finished(second);
  await bench.settle(first, 1);
  await until(() => rows.length === 10);
  stop.abort();
  await both;
  expect(rows.toSorted()).toEqual([...rowsOf(0, 1), ...rowsOf(0, 1, 2)].toSorted());
});

test('a consumer that is killed again and again: every outcome comes, and few come twice', async () => {
  const CHUNKS = 60;
  const of = await jobOf(CHUNKS);
  await bench.start();
  for (const chunk of chunksOf(CHUNKS)) await bench.settle(of, chunk);
  await bench.finished(of);
  const options = { redisUrl: await bench.server.listen(), app: APP, home };
  const settings = { group: 'crm', consumer: 'the-only', durable: true, job: of.job.id };
  const rows: string[] = [];
  let kills = 0;
  for (let over = false; !over;) {
    const child = fork(CONSUMER, [JSON.stringify({ ...options, settings })]);
    let had = 0;
    child.on('message', (got: string[]) => {
      rows.push(...got);
      had += 1;
      // In the middle of what it was given, while more of it is on the way.
      if (had === 17) child.kill('SIGKILL');
    });
    const [, signal] = (await once(child, 'close')) as [number | null, string | null];
    over = signal === null;
    if (!over) kills += 1;
  }
  expect(kills).toBeGreaterThan(0);
  expect([...new Set(rows)].toSorted()).toEqual(rowsOf(...chunksOf(CHUNKS)).toSorted());
  await until(async () => (await bench.ledger.held()).length === 0);
}, 30_000);

test('a consumer that leaves its loop leaves what it had in hand to others at once', async () => {
  const of = await jobOf(3);
  for (const chunk of chunksOf(3)) await bench.settle(of, chunk);
  const settings = { group: 'crm', job: of.job.id };
  expect(await take(settings, 2)).toEqual(rowsOf(0, 1));
  await bench.start();
  await bench.finished(of);
  expect(await all(settings)).toEqual(rowsOf(1, 2));
});

test('what a dead consumer had in hand goes to another one of the group', async () => {
  const of = await jobOf(3);
  for (const chunk of chunksOf(3)) await bench.settle(of, chunk);
  const groups = createGroups(bench.server.redis, KEYS);
  const group = { name: 'crm', durable: false };
  await groups.join(group, of.job.id);
  expect(await groups.take(of.job.id, group, 'dead', 60_000)).toMatchObject({ kind: 'entries' });
  await bench.start();
  await bench.finished(of);
  // Not while it may be alive.
  expect(await groups.take(of.job.id, group, 'heir', 60_000)).toEqual({ kind: 'none' });
  expect(await all({ group: 'crm', job: of.job.id, idleMs: 1 })).toEqual(rowsOf(0, 1, 2));
});

test('whoever falls behind the trimmed stream gets the rest from the file, from where it was, then the stream', async () => {
  const of = await jobOf(14);
  await bench.start();
  const settings = { group: 'crm', consumer: 'slow', job: of.job.id };
  await deliverEach(of, [0, 1, 2]);
  // Two acknowledged, one in hand.
  expect(await take(settings, 3)).toEqual(rowsOf(0, 1, 2));
  await deliverEach(of, chunksOf(10, 3), LARGE);
  await until(async () => (await sequencesIn(of))[0]! > 4);

  // Not in its home it is told what it has missed, and may go on behind that.
  await expect(take(settings, 1, '/nowhere')).rejects.toThrow(
    expect.objectContaining({
      name: 'FellBehind',
      job: of.job.id,
      after: expect.stringMatching(/^\d+-2$/),
      file: join('/nowhere/jobs', of.job.id, 'results.jsonl'),
    }),
  );
  const missed: FellBehind[] = [];
  const other = { ...settings, group: 'other', missed: (error: FellBehind) => void missed.push(error) };
  const first = await sequencesIn(of);
  expect(await take(other, 1, '/nowhere')).toEqual(rowsOf(first[0]! - 1));
  expect(missed.map(({ after }) => after)).toEqual(['0-0']);

  await deliverEach(of, [13]);
  await bench.finished(of);
  const deliveries = await listOf(consuming(settings));
  expect([...new Set(deliveries.flatMap(rowsIn))]).toEqual(rowsOf(...chunksOf(12, 2)));
  expect(new Set(deliveries.map(({ source }) => source))).toEqual(new Set(['file', 'stream']));
}, 20_000);

/** The stream goes on until it has nothing of the first chunks any more; then the job ends. */
async function trimAway(of: JobInHome): Promise<void> {
  await deliverEach(of, chunksOf(10, 3), LARGE);
  await bench.settle(of, 13);
  await bench.finished(of);
  expect((await sequencesIn(of))[0]).toBeGreaterThan(3);
}

test('a consumer that leaves its loop after the stream was trimmed behind it: what it had in hand comes again', async () => {
  const of = await jobOf(14);
  await bench.start();
  await deliverEach(of, [0, 1, 2]);
  const rows: string[] = [];
  for await (const delivery of consuming({ group: 'crm', job: of.job.id })) {
    await trimAway(of);
    expect(rowsIn(delivery)).toEqual(rowsOf(0));
    break;
  }
  rows.push(...(await all({ group: 'crm', job: of.job.id, idleMs: 1 })));
  expect([...new Set(rows)].toSorted()).toEqual(rowsOf(...chunksOf(14)).toSorted());
}, 30_000);

test('who reads the file acknowledges nothing that another consumer has in hand; when that dies, it comes again', async () => {
  const of = await jobOf(14);
  await bench.start();
  await deliverEach(of, [0, 1, 2]);
  const groups = createGroups(bench.server.redis, KEYS);
  const group = { name: 'crm', durable: false };
  await groups.join(group, of.job.id);
  expect(await groups.take(of.job.id, group, 'slow', 60_000)).toMatchObject({
    kind: 'entries',
    entries: { length: 3 },
  });
  await trimAway(of);
  const rows: string[] = [];
  for await (const delivery of consuming({ group: 'crm', job: of.job.id, consumer: 'quick' })) {
    rows.push(...rowsIn(delivery));
    if (rows.at(-1) === rowsOf(13)[1]) break;
  }
  expect(rows).not.toContain(rowsOf(2)[0]);
  // It does not come back, and is taken for dead.
  rows.push(...(await all({ group: 'crm', job: of.job.id, consumer: 'heir', idleMs: 1 })));
  expect([...new Set(rows)].toSorted()).toEqual(rowsOf(...chunksOf(14)).toSorted());
}, 30_000);

test('a consumer that is stopped while Redis hangs ends', async () => {
  const of = await jobOf(1);
  await bench.settle(of, 0);
  const stop = new AbortController();
  const stopped = once(stop.signal, 'abort');
  const consumer = listOf(consuming({ group: 'crm', job: of.job.id, signal: stop.signal }));
  await until(
    async () =>
      ((await bench.server.redis.xpending(KEYS.results(of.job.id), 'crm').catch(() => [0])) as [number])[0] === 0,
  );
  process.kill(bench.server.pid(), 'SIGSTOP');
  try {
    setTimeout(() => stop.abort(), 500);
    await stopped;
    expect((await consumer).length).toBeLessThanOrEqual(1);
  } finally {
    process.kill(bench.server.pid(), 'SIGCONT');
  }
}, 20_000);

test('the stream of a job that is over is gone: all of it comes from the file, and it ends', async () => {
  const of = await jobOf(3);
  await bench.start();
  await deliverEach(of, [0, 1, 2]);
  await bench.finished(of);
  await bench.server.redis.del(KEYS.results(of.job.id));
  const deliveries = await listOf(consuming({ group: 'late', job: of.job.id }));
  expect(deliveries.flatMap(rowsIn)).toEqual(rowsOf(0, 1, 2));
  expect(deliveries.map(({ source }) => source)).toEqual(['file', 'file', 'file']);
  expect(await bench.server.redis.ttl(KEYS.results(of.job.id))).toBeGreaterThan(0);
});

test('a durable group: nothing is trimmed that it has not acknowledged; then it is, also without anything new', async () => {
  const settings = { group: 'books', consumer: 'one', durable: true };
  const none = new AbortController();
  none.abort();
  await listOf(consuming({ ...settings, signal: none.signal }));
  // It is away when the job begins.
  const of = await jobOf(13);
  await bench.start();
  await deliverEach(of, chunksOf(12), LARGE);
  expect(await sequencesIn(of)).toEqual(chunksOf(12, 1));
  expect(await take(settings, 5)).toEqual(rowsOf(0, 1, 2, 3, 4));
  await until(async () => (await sequencesIn(of))[0] === 5);

  await bench.settle(of, 12);
  await bench.finished(of);
  expect(await bench.ledger.held()).toEqual([of.job.id]);
  expect(await bench.server.redis.ttl(KEYS.results(of.job.id))).toBe(-1);
  expect(await bench.ledger.forget(of.job.id)).toBe('kept');

  const rest = new AbortController();
  const rows: string[] = [];
  for await (const delivery of consuming({ ...settings, signal: rest.signal })) {
    rows.push(...rowsIn(delivery));
    if (rowsIn(delivery)[0] === 'a12>b')
      void until(async () => (await bench.ledger.held()).length === 0).then(() => rest.abort());
  }
  expect(rows).toEqual(rowsOf(...chunksOf(9, 4)));
  expect(await bench.server.redis.ttl(KEYS.results(of.job.id))).toBeGreaterThan(0);
  // Of what lay there for it the usual part stays, for a day.
  expect(await bench.server.redis.memory('USAGE', KEYS.results(of.job.id))).toBeLessThan(9 * 1024 * 1024);
  expect(await bench.ledger.forget(of.job.id)).toBe('forgotten');
  expect(bench.logged).toEqual([]);
}, 20_000);

test('a recorder that comes later trims what its predecessor has delivered and a group has acknowledged since', async () => {
  const of = await jobOf(13);
  const groups = createGroups(bench.server.redis, KEYS);
  const group = { name: 'books', durable: true };
  expect(await bench.ledger.horizon(of.job.id)).toBeNull();
  await groups.join(group, of.job.id);
  const stop = await bench.start();
  await deliverEach(of, chunksOf(12), LARGE);
  await stop();
  expect(await bench.ledger.horizon(of.job.id)).toBe('0-0');
  expect((await sequencesIn(of)).length).toBe(12);
  const last = (await bench.server.redis.hget(KEYS.job(of.job.id), 'last')) as string;
  await groups.caughtUp(of.job.id, group, '0-0', last);
  expect(await bench.ledger.horizon(of.job.id)).toBe(last);
  await bench.start();
  await until(async () => (await sequencesIn(of)).length === 0);
  await deliverEach(of, [12]);
  expect(await sequencesIn(of)).toEqual([13]);
}, 20_000);

test('a group that is forgotten holds nothing back', async () => {
  const groups = createGroups(bench.server.redis, KEYS);
  const group = { name: 'gone', durable: true };
  await groups.join(group, null);
  const of = await jobOf(1);
  await bench.start();
  await bench.settle(of, 0);
  await bench.finished(of);
  expect(await bench.ledger.held()).toEqual([of.job.id]);
  expect(await groups.leave(group)).toBe(true);
  await until(async () => (await bench.ledger.held()).length === 0);
  expect(await groups.leave(group)).toBe(false);
});
