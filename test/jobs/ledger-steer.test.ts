import { afterAll, beforeAll, expect, test } from 'vitest';
import { type JobState, TRANSITIONS } from '../../src/domain/job.ts';
import { createLedger, type Ledger } from '../../src/jobs/ledger.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { AT, chunkOf, claimed, dump, fedChunk, jobWith, KEYS, NO_ENTRY, openJob, recordOf } from './support.ts';

let server: TestRedis;
let ledger: Ledger;

beforeAll(async () => {
  server = await testRedis();
  ledger = createLedger(server.redis, KEYS);
});
afterAll(() => server.close());

const STATES: readonly JobState[] = ['running', 'paused', 'stopped', 'cancelled', 'completed'];
const EVENTS = ['pause', 'resume', 'cancel', 'stop'] as const;

const empty = async (): Promise<string> => {
  const job = jobWith({ chunks: 0, rows: 0, accepted: 0 });
  await ledger.submit(job, 'finished', 0);
  return job.id;
};

/** A job without rows in the given state. */
async function jobIn(state: JobState): Promise<string> {
  const id = await empty();
  const event = EVENTS.find((one) => TRANSITIONS[one].to === state && state !== 'running');
  if (event) await ledger.steer(id, event, '');
  if (state === 'completed') await ledger.finish(id, '0-0', AT);
  return id;
}

const ALLOWED = EVENTS.flatMap((event) =>
  TRANSITIONS[event].from.map((state) => ({ state, event, to: TRANSITIONS[event].to })),
);
const REFUSED = STATES.flatMap((state) =>
  EVENTS.filter((event) => !TRANSITIONS[event].from.includes(state)).map((event) => ({ state, event })),
);

test.each(ALLOWED)('$event of a job that is $state: $to, with the reason, and told', async ({ state, event, to }) => {
  const id = await jobIn(state);
  expect(await ledger.status(id)).toMatchObject({ state });
  expect(await ledger.steer(id, event, `because of ${event}`)).toEqual({ changed: true, state: to });
  expect(await ledger.status(id)).toMatchObject({ state: to, reason: `because of ${event}` });
  const [[, fields]] = (await server.redis.xrevrange(KEYS.events, '+', '-', 'COUNT', 1)) as [[string, string[]]];
  expect(fields).toEqual(['job', id, 'event', event, 'state', to]);
});

test.each(REFUSED)('$event of a job that is $state: refused, and nothing is written', async ({ state, event }) => {
  const id = await jobIn(state);
  expect(await ledger.status(id)).toMatchObject({ state });
  const before = await dump(server.redis);
  expect(await ledger.steer(id, event, '')).toEqual({ changed: false, state });
  expect(await dump(server.redis)).toEqual(before);
});

test('there is no such job', async () => {
  expect(await ledger.steer('nobody', 'pause', '')).toBeNull();
});

test.each(['running', 'paused', 'stopped'] as const)(
  'the priority of a job that is %s changes, and that is told',
  async (state) => {
    const id = await jobIn(state);
    const job = await ledger.descriptor(id);
    expect(await ledger.prioritize(id, 'high')).toEqual({ changed: true, state });
    expect(await ledger.status(id)).toMatchObject({ state, priority: 'high' });
    expect(await ledger.feed(job!, 'friend_import', 0, [])).toMatchObject({ priority: 'high' });
    const [[, fields]] = (await server.redis.xrevrange(KEYS.events, '+', '-', 'COUNT', 1)) as [[string, string[]]];
    expect(fields).toEqual(['job', id, 'event', 'priority', 'state', state]);
  },
);

test.each(['cancelled', 'completed'] as const)('the priority of a job that is %s changes no more', async (state) => {
  const id = await jobIn(state);
  const before = await dump(server.redis);
  expect(await ledger.prioritize(id, 'high')).toEqual({ changed: false, state });
  expect(await dump(server.redis)).toEqual(before);
  expect(await ledger.status(id)).toMatchObject({ state, priority: 'normal' });
});

test('nobody has no priority', async () => {
  const before = await dump(server.redis);
  expect(await ledger.prioritize('nobody', 'high')).toBeNull();
  expect(await dump(server.redis)).toEqual(before);
});

/** A job of two chunks of which the given ones are closed; the id of its last entry. */
async function closedJob(chunks: readonly number[]): Promise<{ id: string; last: string }> {
  const { id } = await openJob(ledger, [fedChunk(chunkOf('a', 'b', 'c'), []), fedChunk(chunkOf('d', 'b', 'c'), [])]);
  for (const chunk of chunks) await ledger.record(id, chunk, recordOf((await claimed(ledger, id, chunk)).epoch));
  const [newest] = await server.redis.xrevrange(KEYS.results(id), '+', '-', 'COUNT', 1);
  return { id, last: newest?.[0] ?? '0-0' };
}

async function expectUnfinished(id: string, position: string): Promise<void> {
  const before = await dump(server.redis);
  expect(await ledger.finish(id, position, AT)).toBe(false);
  expect(await dump(server.redis)).toEqual(before);
}

test('a job is over when every chunk is closed and the last entry is durable, not before', async () => {
  const { id, last } = await closedJob([1]);
  expect(await ledger.lastEntry(id)).toBeNull();
  await expectUnfinished(id, last);
  await ledger.record(id, 0, recordOf((await claimed(ledger, id, 0)).epoch));
  const end = (await ledger.lastEntry(id)) as string;
  expect(end).not.toBe(last);
  await expectUnfinished(id, last);
  await expectUnfinished(id, '0-0');
  expect(await ledger.finish(id, end, AT)).toBe(true);
  expect(await ledger.status(id)).toMatchObject({ state: 'completed', delivered: true, finishedAt: AT });
  expect(await ledger.active()).not.toContain(id);
  expect(await ledger.list()).toContain(id);
  // Another recorder of the same home.
  await expectUnfinished(id, end);
});

test('a job whose last chunk was closed without an entry is over at the entry before', async () => {
  const { id, last } = await closedJob([0]);
  const { epoch } = await claimed(ledger, id, 1);
  await ledger.record(id, 1, recordOf(epoch, { entry: NO_ENTRY, counts: {} }));
  expect(await ledger.lastEntry(id)).toBe(last);
  expect(await ledger.finish(id, last, AT)).toBe(true);
});

test.each(['pause', 'stop'] as const)('after %s a job is not over before it is resumed', async (event) => {
  const { id, last } = await closedJob([0, 1]);
  await ledger.steer(id, event, '');
  await expectUnfinished(id, last);
  await ledger.steer(id, 'resume', '');
  expect(await ledger.finish(id, last, AT)).toBe(true);
});

test('a cancelled job stays cancelled, and is delivered', async () => {
  const { id, last } = await closedJob([0, 1]);
  await ledger.steer(id, 'cancel', '');
  expect(await ledger.finish(id, last, AT)).toBe(true);
  expect(await ledger.status(id)).toMatchObject({ state: 'cancelled', delivered: true });
  expect(await ledger.active()).not.toContain(id);
});

test('a job without rows is over at once', async () => {
  const id = await empty();
  expect(await ledger.lastEntry(id)).toBe('0-0');
  expect(await ledger.finish(id, '0-0', AT)).toBe(true);
});
