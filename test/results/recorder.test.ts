import { mkdirSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { expect, test } from 'vitest';
import { heldBackText } from '../../src/domain/backlog.ts';
import { KEEP_STREAM_BYTES } from '../../src/results/recorder.ts';
import { aofWritten, AT, claimed, KEYS, NO_ENTRY, recordOf } from '../jobs/support.ts';
import { delivered, expectWhole, outcomesIn, recorderBench, rowsIn, rowsOf, until } from './recorder-bench.ts';

const bench = recorderBench();

test('outcomes go to the file as they come; the job is over when all are there, and not before', async () => {
  const of = await bench.jobOf(3, { operation: 'check', options: { type: 'single' } });
  await bench.start();
  await bench.settle(of, 1);
  await delivered(of, 2);
  expect(rowsIn(of)).toEqual(rowsOf(1));
  expect(await bench.stateOf(of)).toBe('running');
  await bench.settle(of, 0, { relation: 'CheckResult_Type_AWithB' });
  await bench.settle(of, 2, { status: 'failed', code: 30003, info: 'Err' });
  await bench.finished(of);
  expect(rowsIn(of)).toEqual(rowsOf(1, 0, 2));
  expect(outcomesIn(of)[2]).toEqual({
    job: of.job.id,
    operation: 'check',
    from: 'a0',
    to: 'b',
    status: 'ok',
    code: 0,
    info: '',
    relation: 'CheckResult_Type_AWithB',
    type: 'single',
    attempts: 1,
    at: AT,
  });
  expect(await bench.ledger.status(of.job.id)).toMatchObject({ state: 'completed', finishedAt: AT });
  expect(bench.logged).toEqual([]);
});

test('everything is settled but nobody records: not over; a recorder that comes later makes up for it', async () => {
  const of = await bench.jobOf(2);
  await bench.settle(of, 0);
  await bench.settle(of, 1);
  expect(await bench.stateOf(of)).toBe('running');
  await bench.start();
  await bench.finished(of);
  expectWhole(of, 2);
});

test('a recorder goes on where the one before was stopped', async () => {
  const of = await bench.jobOf(3);
  const stop = await bench.start();
  await bench.settle(of, 0);
  await delivered(of, 2);
  await stop();
  await bench.settle(of, 1);
  await bench.settle(of, 2);
  await bench.start();
  await bench.finished(of);
  expect(rowsIn(of)).toEqual(rowsOf(0, 1, 2));
});

test('two recorders of one home write one right file', async () => {
  const of = await bench.jobOf(12);
  await Promise.all([bench.start(), bench.start()]);
  for (let chunk = 0; chunk < 12; chunk += 1) await bench.settle(of, chunk);
  await bench.finished(of);
  expectWhole(of, 12);
  expect(bench.logged).toEqual([]);
});

test('jobs of another home are left alone; those without rows and cancelled ones are finished too', async () => {
  const [other, empty, cancelled] = [await bench.jobOf(1), await bench.jobOf(0), await bench.jobOf(1)];
  bench.folders.delete(other.job.id);
  await bench.settle(other, 0);
  await bench.ledger.steer(cancelled.job.id, 'cancel', '');
  await bench.settle(cancelled, 0, { status: 'skipped', code: null });
  await bench.start();
  await Promise.all([bench.finished(empty), bench.finished(cancelled)]);
  expect(empty.folder.text()).toBe('');
  expect(await bench.stateOf(empty)).toBe('completed');
  expect(await bench.stateOf(cancelled)).toBe('cancelled');
  expect(rowsIn(cancelled)).toEqual(rowsOf(0));
  expect(await bench.stateOf(other)).toBe('running');
  expect(readdirSync(other.folder.dir)).toEqual([]);
  other.folder.remove();
});

test('a last chunk that settled nothing new is no reason to wait', async () => {
  const of = await bench.jobOf(1);
  const { epoch } = await claimed(bench.ledger, of.job.id);
  await bench.start();
  await bench.ledger.record(of.job.id, 0, recordOf(epoch, { entry: NO_ENTRY, counts: {} }));
  await bench.finished(of);
  expect(of.folder.text()).toBe('');
});

test('Redis killed and started again: nothing is lost, nothing comes twice', async () => {
  const of = await bench.jobOf(4);
  await bench.start();
  await bench.settle(of, 0);
  await delivered(of, 2);
  await bench.settle(of, 1);
  await aofWritten(bench.server.redis);
  await bench.server.restart();
  await bench.settle(of, 2);
  await aofWritten(bench.server.redis);
  await bench.server.restart();
  await bench.settle(of, 3);
  await bench.finished(of);
  expect(rowsIn(of)).toEqual(rowsOf(0, 1, 2, 3));
});

test('the stream is trimmed behind the file: no gap, and no whole job without its file', async () => {
  const CHUNKS = 10;
  const of = await bench.jobOf(CHUNKS + 2);
  const stop = await bench.start();
  for (let chunk = 0; chunk < CHUNKS; chunk += 1) {
    // Some of these fit into the 8 MiB that are kept for followers of the stream: Redis takes more than their letters.
    await bench.settle(of, chunk, { info: 'x'.repeat(1_000_000) });
    // A batch of its own each, since trimming stops at the ends of batches.
    await until(() => of.folder.boundaries().length === chunk + 1);
  }
  await bench.settle(of, CHUNKS);
  await until(() => of.folder.boundaries().length === CHUNKS + 1);
  const sequences = async (): Promise<number[]> =>
    (await bench.server.redis.xrange(KEYS.results(of.job.id), '-', '+')).map(([id]) => Number(id.split('-')[1]));
  const used = async () => Number(await bench.server.redis.call('MEMORY', 'USAGE', KEYS.results(of.job.id)));
  await until(async () => (await used()) <= KEEP_STREAM_BYTES);
  const kept = await sequences();
  expect(kept).toEqual(Array.from({ length: kept.length }, (_, n) => CHUNKS + 2 - kept.length + n));
  expect(kept.length).toBeGreaterThan(4);
  expect(rowsIn(of)).toEqual(rowsOf(...Array.from({ length: CHUNKS + 1 }, (_, n) => n)));
  expect(bench.logged).toEqual([]);

  await stop();
  rmSync(of.folder.results);
  rmSync(of.folder.index);
  await bench.settle(of, CHUNKS + 1);
  await bench.start();
  await until(() => bench.logged.length > 0);
  const { err } = JSON.parse(bench.logged[0] as string) as { err: { message: string } };
  expect(err.message).toMatch(
    new RegExp(`results stream goes on at \\d+-${kept[0]}, the results file ends at 0-0.*in neither`),
  );
  expect(await bench.stateOf(of)).toBe('running');
});

test('a job whose files cannot be used stops no other, and goes on when they can', async () => {
  const [broken, whole] = [await bench.jobOf(1), await bench.jobOf(1)];
  rmSync(broken.folder.index, { force: true });
  mkdirSync(broken.folder.index);
  for (const of of [broken, whole]) await bench.settle(of, 0);
  await bench.start();
  await bench.finished(whole);
  await until(() => bench.logged.some((line) => line.includes('EISDIR') && line.includes(broken.job.id)));
  expect(await bench.stateOf(broken)).toBe('running');
  rmdirSync(broken.folder.index);
  await bench.finished(broken);
  expectWhole(broken, 1);
}, 20_000);

test('what is kept of a stream is Redis’ own measure, in which small calls weigh more: it holds no feed back', async () => {
  const of = await bench.jobOf(2);
  await bench.settle(of, 0);
  const key = KEYS.results(of.job.id);
  const { redis } = bench.server;
  const [[id, fields]] = (await redis.xrange(key, '-', '+')) as [[string, string[]]];
  const [generation, first] = id.split('-').map(Number) as [number, number];
  const outcomes = JSON.stringify([
    {
      status: 'failed',
      code: 30003,
      info: '账号不存在',
      attempts: 1,
      to: Array<string>(12).fill('user1234567890123456'),
    },
  ]);
  const named = fields.map((value, n) => (fields[n - 1] === 'outcomes' ? outcomes : value));
  await bench.start();
  let sequence = first;
  for (let n = 0; n < 24; n += 1) {
    const pipeline = redis.pipeline();
    for (let k = 0; k < 1000; k += 1) pipeline.xadd(key, `${generation}-${(sequence += 1)}`, ...named);
    await pipeline.exec();
  }
  await until(() => of.folder.boundaries().at(-1)?.split(' ')[1] === String(sequence));
  const heldBack = async () =>
    heldBackText(await bench.ledger.backlog(), { mostBytes: 1e6, keptBytes: KEEP_STREAM_BYTES });
  await until(async () => (await heldBack()) === null);
  // Not more than must go.
  const [job] = (await bench.ledger.backlog()).jobs;
  expect(job!.bytes).toBeGreaterThan(KEEP_STREAM_BYTES / 2);
}, 30_000);
