import { afterAll, beforeAll, expect, test } from 'vitest';
import type { JobState } from '../../src/domain/job.ts';
import { createLedger, type Ledger } from '../../src/jobs/ledger.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { AT, dump, jobWith, KEYS } from './support.ts';

let server: TestRedis;
let ledger: Ledger;

beforeAll(async () => {
  server = await testRedis();
  ledger = createLedger(server.redis, KEYS);
});
afterAll(() => server.close());

const NOW = Date.parse(AT);

/** A submitted job without rows, in the given state. */
async function jobIn(state: JobState, key?: string) {
  const job = jobWith({ chunks: 0, rows: 0, accepted: 0, ...(key !== undefined && { key }) });
  await ledger.submit(job, 'finished', NOW);
  if (state === 'completed') await ledger.finish(job.id, '0-0', AT);
  if (state === 'paused') await ledger.steer(job.id, 'pause', '');
  if (state === 'stopped') await ledger.steer(job.id, 'stop', '');
  if (state === 'cancelled') await ledger.steer(job.id, 'cancel', '');
  expect((await ledger.status(job.id))?.state).toBe(state);
  return job;
}

test('a new job exists whole: descriptor, running, active, listed, named by its key', async () => {
  const job = jobWith({ rows: 5, invalid: 1, duplicate: 2, accepted: 2, chunks: 3 });
  expect(await ledger.submit(job, 'finished', NOW)).toEqual({ kind: 'created', job: job.id });
  expect(await ledger.descriptor(job.id)).toEqual(job);
  expect(await createLedger(server.redis, KEYS).descriptor(job.id)).toEqual(job);
  expect(await ledger.find(job.key)).toBe(job.id);
  expect(await ledger.active()).toContain(job.id);
  expect(await ledger.list()).toContain(job.id);
  expect(await ledger.status(job.id)).toEqual({
    ...job,
    state: 'running',
    reason: '',
    totals: {
      rows: 5,
      invalid: 1,
      duplicate: 2,
      accepted: 2,
      ok: 0,
      satisfied: 0,
      pending: 0,
      failed: 0,
      unknown: 0,
      skipped: 0,
      open: 2,
    },
    codes: {},
    relations: {},
    accounts: {},
    closed: 0,
    fed: false,
    calls: { planned: 3, made: 0, throttled: 0, retried: 0, lookups: 0 },
    delivered: false,
    finishedAt: '',
  });
});

test('a submission whose reply was lost is sent again: created all the same, and nothing is written', async () => {
  const job = jobWith();
  await ledger.submit(job, 'finished', NOW);
  const before = await dump(server.redis);
  // Not `existing`: whoever hears that removes its own spool.
  expect(await ledger.submit(job, 'finished', NOW)).toEqual({ kind: 'created', job: job.id });
  expect(await ledger.submit(job, 'none', NOW)).toEqual({ kind: 'created', job: job.id });
  expect(await dump(server.redis)).toEqual(before);
});

test('jobs are listed newest first', async () => {
  const [older, newer] = [jobWith(), jobWith()];
  await ledger.submit(newer, 'finished', NOW + 2000);
  await ledger.submit(older, 'finished', NOW + 1000);
  const listed = (await ledger.list()).filter((id) => id === older.id || id === newer.id);
  expect(listed).toEqual([newer.id, older.id]);
});

test.each(['running', 'paused', 'stopped'] as const)(
  'the same key and content while the job is %s: that job, and nothing is written',
  async (state) => {
    const first = await jobIn(state);
    const again = jobWith({ key: first.key, fingerprint: first.fingerprint });
    const before = await dump(server.redis);
    expect(await ledger.submit(again, 'finished', NOW)).toEqual({ kind: 'existing', job: first.id });
    expect(await dump(server.redis)).toEqual(before);
    expect(await ledger.descriptor(again.id)).toBeNull();
  },
);

test.each(['completed', 'cancelled'] as const)(
  'a %s job makes room for a new one, unless its key is an idempotency key',
  async (state) => {
    const first = await jobIn(state);
    const again = jobWith({ key: first.key, fingerprint: first.fingerprint });
    const before = await dump(server.redis);
    expect(await ledger.submit(again, 'none', NOW)).toEqual({ kind: 'existing', job: first.id });
    expect(await dump(server.redis)).toEqual(before);
    expect(await ledger.submit(again, 'finished', NOW)).toEqual({ kind: 'created', job: again.id });
    expect(await ledger.find(first.key)).toBe(again.id);
    expect((await ledger.status(first.id))?.state).toBe(state);
    expect((await ledger.status(again.id))?.state).toBe('running');
  },
);

test.each(['running', 'completed'] as const)(
  'the key of a %s job with other content or options is a conflict, and nothing is written',
  async (state) => {
    const first = await jobIn(state, `key of a ${state} job`);
    const other = jobWith({ key: first.key });
    const before = await dump(server.redis);
    expect(await ledger.submit(other, 'none', NOW)).toEqual({ kind: 'conflict', job: first.id });
    expect(await dump(server.redis)).toEqual(before);
  },
);

test('two submit the same at once: one job, both hear its name', async () => {
  const [one, other] = [jobWith({ key: 'the same', fingerprint: 'f' }), jobWith({ key: 'the same', fingerprint: 'f' })];
  const otherLedger = createLedger(await server.connect(), KEYS);
  const answers = await Promise.all([ledger.submit(one, 'finished', NOW), otherLedger.submit(other, 'finished', NOW)]);
  expect(answers.map(({ kind }) => kind).toSorted()).toEqual(['created', 'existing']);
  expect(new Set(answers.map(({ job }) => job)).size).toBe(1);
});

test('a key that names a job which is gone names a new one', async () => {
  const job = jobWith();
  await server.redis.set(KEYS.identity(job.key), 'a job long pruned');
  expect(await ledger.submit(job, 'none', NOW)).toEqual({ kind: 'created', job: job.id });
});

test('there is no such job', async () => {
  expect(await ledger.descriptor('nobody')).toBeNull();
  expect(await ledger.status('nobody')).toBeNull();
  expect(await ledger.find('nobody')).toBeNull();
  expect(await ledger.lastEntry('nobody')).toBeNull();
  expect(await ledger.finish('nobody', '0-0', AT)).toBe(false);
});
