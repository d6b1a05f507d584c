import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { JobDescriptor } from '../../src/domain/job.ts';
import type { Outcome, OutcomeGroup } from '../../src/domain/outcome.ts';
import { createLedger, type Ledger } from '../../src/jobs/ledger.ts';
import { createLog } from '../../src/log.ts';
import { runRecorder } from '../../src/results/recorder.ts';
import { aofWritten, AT, chunkOf, claimed, fedChunk, KEYS, NO_ENTRY, openJob, recordOf } from '../jobs/support.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { type Folder, makeFolder } from './support.ts';

let server: TestRedis;
let ledger: Ledger;
/** The home: folders of the jobs that are its own. */
const folders = new Map<string, Folder>();
/** Lines of the recorders' log, warnings and errors. */
let logged: string[] = [];
const running = new Set<() => Promise<void>>();

beforeAll(async () => {
  server = await testRedis();
  ledger = createLedger(server.redis, KEYS);
});
afterEach(async () => {
  for (const stop of running) await stop();
  for (const folder of folders.values()) folder.remove();
  folders.clear();
  logged = [];
  await server.redis.flushall();
});
afterAll(() => server.close());

/** Starts a recorder of this home; the returned function stops it. */
async function startRecorder(): Promise<() => Promise<void>> {
  const abort = new AbortController();
  const blocking = await server.connect();
  const done = runRecorder(
    {
      blocking,
      redis: server.redis,
      ledger,
      resultsKey: KEYS.results,
      jobKey: KEYS.job,
      folderOf: async (job) => folders.get(job)?.dir ?? null,
      at: () => AT,
      log: createLog({ level: 'warn', destination: { write: (line) => void logged.push(line) } }),
    },
    abort.signal,
  );
  const stop = async (): Promise<void> => {
    running.delete(stop);
    abort.abort();
    blocking.disconnect();
    await done;
  };
  running.add(stop);
  return stop;
}

async function until(done: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await done())) await new Promise((resolve) => setTimeout(resolve, 5));
}

interface OpenJob {
  job: JobDescriptor;
  folder: Folder;
}

/** A job of this home with open chunks `a<n> → b, c`. */
async function jobOf(chunks: number, given: Partial<JobDescriptor> = {}): Promise<OpenJob> {
  const fed = Array.from({ length: chunks }, (_, n) => fedChunk(chunkOf(`a${n}`, 'b', 'c'), []));
  const job = await openJob(ledger, fed, given);
  const folder = makeFolder();
  folders.set(job.id, folder);
  return { job, folder };
}

/** Closes a chunk with an outcome for both of its rows. */
async function settle({ job }: OpenJob, chunk: number, group: Partial<OutcomeGroup> = {}): Promise<void> {
  const { epoch } = await claimed(ledger, job.id, chunk);
  const outcomes: OutcomeGroup[] = [{ status: 'ok', code: 0, info: '', attempts: 1, to: ['b', 'c'], ...group }];
  const entry = { from: `a${chunk}`, attempt: 1, at: AT, rows: 2, outcomes };
  expect(await ledger.record(job.id, chunk, recordOf(epoch, { entry }))).toBe(true);
}

const outcomesIn = ({ folder }: OpenJob): Outcome[] =>
  folder
    .text()
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Outcome);

const rowsIn = (of: OpenJob): string[] => outcomesIn(of).map(({ from, to }) => `${from}>${to}`);
const rowsOf = (...chunks: number[]): string[] => chunks.flatMap((n) => [`a${n}>b`, `a${n}>c`]);
const delivered = (of: OpenJob, count: number) =>
  until(() => of.folder.boundaries().length > 0 && rowsIn(of).length === count);
const stateOf = async ({ job }: OpenJob) => (await ledger.status(job.id))?.state;
const finished = (of: OpenJob) => until(async () => (await ledger.status(of.job.id))?.delivered === true);

async function expectWhole(of: OpenJob, chunks: number): Promise<void> {
  expect(rowsIn(of).toSorted()).toEqual(rowsOf(...Array.from({ length: chunks }, (_, n) => n)).toSorted());
  expect(of.folder.text().endsWith('\n')).toBe(true);
}

test('outcomes go to the file as they come; the job is over when all are there, and not before', async () => {
  const of = await jobOf(3, { operation: 'check', options: { type: 'single' } });
  await startRecorder();
  await settle(of, 1);
  await delivered(of, 2);
  expect(rowsIn(of)).toEqual(rowsOf(1));
  expect(await stateOf(of)).toBe('running');
  await settle(of, 0, { relation: 'CheckResult_Type_AWithB' });
  await settle(of, 2, { status: 'failed', code: 30003, info: 'Err' });
  await finished(of);
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
  expect(await ledger.status(of.job.id)).toMatchObject({ state: 'completed', finishedAt: AT });
  expect(logged).toEqual([]);
});

test('everything is settled but nobody records: not over; a recorder that comes later makes up for it', async () => {
  const of = await jobOf(2);
  await settle(of, 0);
  await settle(of, 1);
  expect(await stateOf(of)).toBe('running');
  await startRecorder();
  await finished(of);
  await expectWhole(of, 2);
});

test('a recorder goes on where the one before was stopped', async () => {
  const of = await jobOf(3);
  const stop = await startRecorder();
  await settle(of, 0);
  await delivered(of, 2);
  await stop();
  await settle(of, 1);
  await settle(of, 2);
  await startRecorder();
  await finished(of);
  expect(rowsIn(of)).toEqual(rowsOf(0, 1, 2));
});

test('two recorders of one home write one right file', async () => {
  const of = await jobOf(12);
  await Promise.all([startRecorder(), startRecorder()]);
  for (let chunk = 0; chunk < 12; chunk += 1) await settle(of, chunk);
  await finished(of);
  await expectWhole(of, 12);
  expect(logged).toEqual([]);
});

test('jobs of another home are left alone; those without rows and cancelled ones are finished too', async () => {
  const [other, empty, cancelled] = [await jobOf(1), await jobOf(0), await jobOf(1)];
  folders.delete(other.job.id);
  await settle(other, 0);
  await ledger.steer(cancelled.job.id, 'cancel', '');
  await settle(cancelled, 0, { status: 'skipped', code: null });
  await startRecorder();
  await Promise.all([finished(empty), finished(cancelled)]);
  expect(empty.folder.text()).toBe('');
  expect(await stateOf(empty)).toBe('completed');
  expect(await stateOf(cancelled)).toBe('cancelled');
  expect(rowsIn(cancelled)).toEqual(rowsOf(0));
  expect(await stateOf(other)).toBe('running');
  expect(readdirSync(other.folder.dir)).toEqual([]);
  other.folder.remove();
});

test('a last chunk that settled nothing new is no reason to wait', async () => {
  const of = await jobOf(1);
  const { epoch } = await claimed(ledger, of.job.id);
  await startRecorder();
  await ledger.record(of.job.id, 0, recordOf(epoch, { entry: NO_ENTRY, counts: {} }));
  await finished(of);
  expect(of.folder.text()).toBe('');
});

test('Redis killed and started again: nothing is lost, nothing comes twice', async () => {
  const of = await jobOf(4);
  await startRecorder();
  await settle(of, 0);
  await delivered(of, 2);
  await settle(of, 1);
  await aofWritten(server.redis);
  await server.restart();
  await settle(of, 2);
  await aofWritten(server.redis);
  await server.restart();
  await settle(of, 3);
  await finished(of);
  expect(rowsIn(of)).toEqual(rowsOf(0, 1, 2, 3));
});

describe('Redis comes back without its last entries', () => {
  const copies: string[] = [];
  afterEach(() => {
    for (const copy of copies.splice(0)) rmSync(copy, { recursive: true, force: true });
  });

  /** What Redis has said so far, as it stands on its disk. */
  async function copyOfRedis(): Promise<string> {
    await aofWritten(server.redis);
    const copy = mkdtempSync(join(tmpdir(), 'befriend-copy-'));
    copies.push(copy);
    for (const name of dataOf()) cpSync(join(server.dir, name), join(copy, name), { recursive: true });
    return copy;
  }

  const dataOf = (): string[] => readdirSync(server.dir).filter((name) => name.startsWith('appendonly'));

  /** As after a power cut, or a fail-over to a replica that was behind. */
  async function goBackTo(copy: string): Promise<void> {
    await server.kill();
    for (const name of dataOf()) rmSync(join(server.dir, name), { recursive: true });
    cpSync(copy, server.dir, { recursive: true });
    await server.start();
  }

  const AGAIN = { status: 'satisfied', code: 30_001 } as const;

  test.each([
    { before: [0, 1, 2], batches: 'one each' },
    { before: [0, 1, 2], batches: 'one for all' },
    { before: [], batches: 'one each' },
    { before: [], batches: 'one for all' },
  ])('after $before.length entries that stay, batches: $batches', async ({ before, batches }) => {
    const of = await jobOf(6);
    const each = batches === 'one each';
    if (each) await startRecorder();
    for (const [n, chunk] of before.entries()) {
      await settle(of, chunk);
      if (each) await delivered(of, 2 * (n + 1));
    }
    const copy = await copyOfRedis();
    const lost = [3, 4];
    for (const [n, chunk] of lost.entries()) {
      await settle(of, chunk);
      if (each) await delivered(of, 2 * (before.length + n + 1));
    }
    if (!each) await startRecorder();
    await delivered(of, 2 * (before.length + lost.length));

    await goBackTo(copy);
    // Their rows are called again, in another order and with another result.
    const open = [5, 4, 3, 2, 1, 0].filter((chunk) => !before.includes(chunk));
    for (const chunk of open) await settle(of, chunk, AGAIN);
    await finished(of);
    await expectWhole(of, 6);
    const again = outcomesIn(of).filter(({ status }) => status === AGAIN.status);
    expect(again.map(({ from, to }) => `${from}>${to}`)).toEqual(rowsOf(...open));
    expect(logged.join('')).toContain('Redis lost a tail');
  });

  test('twice, the second time further back than the first', async () => {
    const of = await jobOf(5);
    await startRecorder();
    await settle(of, 0);
    await delivered(of, 2);
    const early = await copyOfRedis();
    await settle(of, 1);
    await delivered(of, 4);
    const late = await copyOfRedis();
    await settle(of, 2);
    await delivered(of, 6);
    await goBackTo(late);
    await settle(of, 3);
    await until(() => rowsIn(of).includes('a3>b'));
    await goBackTo(early);
    for (const chunk of [4, 3, 2, 1]) await settle(of, chunk, AGAIN);
    await finished(of);
    expect(rowsIn(of)).toEqual(rowsOf(0, 4, 3, 2, 1));
  });

  test('two recorders cut back at once', async () => {
    const of = await jobOf(6);
    await Promise.all([startRecorder(), startRecorder()]);
    await settle(of, 0);
    const copy = await copyOfRedis();
    for (const chunk of [1, 2, 3]) await settle(of, chunk);
    await delivered(of, 8);
    await goBackTo(copy);
    for (const chunk of [5, 4, 3, 2, 1]) await settle(of, chunk, AGAIN);
    await finished(of);
    await expectWhole(of, 6);
  });

  test('while nobody records: the file is cut back by the recorder that comes next', async () => {
    const of = await jobOf(3);
    const stop = await startRecorder();
    const copy = await copyOfRedis();
    await settle(of, 0);
    await settle(of, 1);
    await delivered(of, 4);
    await stop();
    await goBackTo(copy);
    for (const chunk of [2, 1, 0]) await settle(of, chunk, AGAIN);
    await startRecorder();
    await finished(of);
    expect(rowsIn(of)).toEqual(rowsOf(2, 1, 0));
  });
});

test('the stream is trimmed behind the file: no gap, and no whole job without its file', async () => {
  const CHUNKS = 10;
  const of = await jobOf(CHUNKS + 2);
  const stop = await startRecorder();
  for (let chunk = 0; chunk < CHUNKS; chunk += 1) {
    // Eight of these fit into the 8 MiB that are kept for followers of the stream, and a bit.
    await settle(of, chunk, { info: 'x'.repeat(1_000_000) });
    // A batch of its own each, since trimming stops at the ends of batches.
    await until(() => of.folder.boundaries().length === chunk + 1);
  }
  await settle(of, CHUNKS);
  await until(() => of.folder.boundaries().length === CHUNKS + 1);
  const sequences = async (): Promise<number[]> =>
    (await server.redis.xrange(KEYS.results(of.job.id), '-', '+')).map(([id]) => Number(id.split('-')[1]));
  await until(async () => (await sequences()).length === 9);
  expect(await sequences()).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11]);
  expect(rowsIn(of)).toEqual(rowsOf(...Array.from({ length: CHUNKS + 1 }, (_, n) => n)));
  expect(logged).toEqual([]);

  await stop();
  rmSync(of.folder.results);
  rmSync(of.folder.index);
  await settle(of, CHUNKS + 1);
  await startRecorder();
  await until(() => logged.length > 0);
  const { err } = JSON.parse(logged[0] as string) as { err: { message: string } };
  expect(err.message).toMatch(/results stream goes on at \d+-3, the results file ends at 0-0.*in neither/);
  expect(await stateOf(of)).toBe('running');
});
