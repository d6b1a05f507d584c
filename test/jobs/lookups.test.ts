/** Reads of other commands that settle rows: accounts in doubt, writes in doubt. Real service, real ledger. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Chunk, Fields, Item } from '../../src/domain/chunk.ts';
import type { JobDescriptor } from '../../src/domain/job.ts';
import type { OutcomeGroup } from '../../src/domain/outcome.ts';
import { type CallParts, callChunk, type Next } from '../../src/jobs/call.ts';
import { writtenLists } from '../../src/jobs/written-lists.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { type TestSimulator, testSimulator } from '../support/simulator.ts';
import { type BenchParts, callParts, outcomesIn, SERVICE_LIMIT_MS } from './bench.ts';
import { chunkOf, fedChunk, jobWith, KEYS, openJob } from './support.ts';

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

const jobOf = (from: string, to: string[], given: Partial<JobDescriptor> = {}) => {
  const chunk = chunkOf(from, ...to);
  return openJob(parts.ledger, [fedChunk(chunk, writtenLists(jobWith(given), chunk))], given);
};

/** Takes a chunk in hand once. */
function step(job: JobDescriptor, chunk = 0, starts = 1, given: Partial<CallParts> = {}): Promise<Next> {
  const ref = { job: job.id, operation: job.operation, chunk };
  const hand = { signal: new AbortController().signal, stillMine: () => true, starts };
  return callChunk(ref, { ...parts, ...given }, hand);
}

/** Calls the chunk again and again, as its BullMQ job would, until nothing of it is open. */
async function finish(job: JobDescriptor, given: Partial<CallParts> = {}): Promise<Next[]> {
  const steps: Next[] = [];
  for (let starts = 1; starts <= 30; starts += 1) {
    const next = await step(job, 0, starts, given);
    steps.push(next);
    if (next.kind === 'done') return steps;
  }
  throw new Error('the chunk does not come to its end');
}

async function outcomesOf(job: JobDescriptor): Promise<Record<string, Pick<OutcomeGroup, 'status' | 'code'>>> {
  const groups = (await outcomesIn(server.redis, job.id)).flat();
  return Object.fromEntries(groups.flatMap(({ status, code, to }) => to.map((one) => [one, { status, code }])));
}

const callsOf = async (): Promise<Record<string, number>> =>
  Object.fromEntries(Object.entries(await simulator.ledger()).map(([command, { calls }]) => [command, calls]));

const many = (count: number): string[] => Array.from({ length: count }, (_, n) => `to-${n}`);
const FAILED = { status: 'failed', code: 30003 };
const OK = { status: 'ok', code: 0 };

describe('a whole call that fails for a missing account it does not name', () => {
  beforeEach(() => simulator.setSwitches({ 'missing-to': 'envelope-only' }));

  test('the missing ones are found and settled, the rest is sent', async () => {
    await simulator.setAccounts({ missing: ['gone', 'lost'] });
    const job = await jobOf('from', ['b', 'gone', 'c', 'lost']);
    await finish(job);
    expect(await outcomesOf(job)).toEqual({ b: OK, c: OK, gone: FAILED, lost: FAILED });
    expect(await callsOf()).toEqual({ friend_import: 2, account_check: 1 });
    expect((await parts.ledger.status(job.id))?.calls).toMatchObject({ made: 2, lookups: 1 });
  });

  test('more accounts than one account_check takes', async () => {
    const to = many(250);
    await simulator.setAccounts({ missing: ['to-3', 'to-199', 'to-249'] });
    const job = await jobOf('from', to);
    await finish(job);
    const found = await outcomesOf(job);
    expect(to.filter((one) => found[one]?.status !== 'ok')).toEqual(['to-3', 'to-199', 'to-249']);
    expect(await callsOf()).toEqual({ friend_import: 2, account_check: 3 });
  });

  test('a missing From_Account: every row ends with its code, and nothing is sent again', async () => {
    await simulator.setAccounts({ missing: ['from'] });
    const job = await jobOf('from', ['b', 'c']);
    await finish(job);
    expect(await outcomesOf(job)).toEqual({ b: FAILED, c: FAILED });
    expect(await callsOf()).toEqual({ friend_import: 1, account_check: 1 });
  });

  test('a call of one row needs no lookup', async () => {
    await simulator.setAccounts({ missing: ['gone'] });
    const job = await jobOf('from', ['gone']);
    await finish(job);
    expect(await outcomesOf(job)).toEqual({ gone: FAILED });
    expect(await callsOf()).toEqual({ friend_import: 1 });
  });

  test('a lookup that is never answered ends after its attempts, with the code of the call', async () => {
    await simulator.setAccounts({ missing: ['gone'] });
    await simulator.setFaults({ calls: { commands: ['account_check'], codes: { 70500: 1 } } });
    const job = await jobOf('from', ['b', 'gone']);
    await finish(job);
    expect(await outcomesOf(job)).toEqual({ b: FAILED, gone: FAILED });
    expect((await callsOf()).account_check).toBe(parts.policy.attempts);
  });

  test('lookups that are refused, whatever they ask: they get smaller, down to From_Account, and end', async () => {
    await simulator.setAccounts({ missing: ['gone'] });
    await simulator.setFaults({ calls: { commands: ['account_check'], codes: { 70402: 1 } } });
    const job = await jobOf('from', ['b', 'gone']);
    await finish(job);
    expect(await outcomesOf(job)).toEqual({ b: FAILED, gone: FAILED });
    expect(await callsOf()).toEqual({ friend_import: 1, account_check: 3 });
  });
});

test('an older partial answer settles what it names, and nobody is looked up', async () => {
  await simulator.setSwitches({ 'missing-to': 'envelope-with-items' });
  await simulator.setAccounts({ missing: ['gone'] });
  const job = await jobOf('from', ['b', 'gone']);
  await finish(job);
  expect(await outcomesOf(job)).toEqual({ b: OK, gone: FAILED });
  expect(await callsOf()).toEqual({ friend_import: 1 });
});

test('an older answer that names From_Account alone: looked up, and every row ends with its code', async () => {
  await simulator.setSwitches({ 'missing-to': 'envelope-with-items' });
  await simulator.setAccounts({ missing: ['from'] });
  const job = await jobOf('from', ['b', 'c']);
  await finish(job);
  expect(await outcomesOf(job)).toEqual({ b: FAILED, c: FAILED });
  expect(await callsOf()).toEqual({ friend_import: 1, account_check: 1 });
});

describe('a write that was never answered', () => {
  const once = () => ({ policy: { ...parts.policy, attempts: 1 } });

  test('and holds: satisfied, after a read that came late enough', async () => {
    await simulator.setFaults({ calls: { commands: ['friend_import'], resetAfter: 1 } });
    const job = await jobOf('from-1', ['b', 'c']);
    const steps = await finish(job, once());
    expect(steps).toEqual([{ kind: 'again', afterMs: 2 * SERVICE_LIMIT_MS }, { kind: 'done' }]);
    const [groups] = await outcomesIn(server.redis, job.id);
    expect(groups).toMatchObject([{ status: 'satisfied', code: null, attempts: 1, to: ['b', 'c'] }]);
    expect(groups?.[0]?.fault).toContain('friend_check: it holds');
    expect(await callsOf()).toEqual({ friend_import: 1, friend_check: 1 });
  });

  test('and does not hold: failed', async () => {
    await simulator.setFaults({ calls: { commands: ['friend_import'], resetBefore: 1 } });
    const job = await jobOf('from-2', ['b']);
    await finish(job, once());
    const [groups] = await outcomesIn(server.redis, job.id);
    expect(groups).toMatchObject([{ status: 'failed', code: null, to: ['b'] }]);
    expect(groups?.[0]?.fault).toContain('friend_check: it does not hold');
  });

  test('of a service that answers no read either: unknown', async () => {
    await simulator.setFaults({ calls: { commands: ['friend_import', 'friend_check'], codesAfter: { 60008: 1 } } });
    const job = await jobOf('from-3', ['b']);
    await finish(job);
    expect(await outcomesOf(job)).toEqual({ b: { status: 'unknown', code: 60008 } });
  });

  test('and one of the accounts is missing, for which the read is refused as a whole: it is found', async () => {
    await simulator.setSwitches({ 'missing-to': 'envelope-only' });
    await simulator.setAccounts({ missing: ['gone'] });
    await simulator.setFaults({ calls: { commands: ['friend_import'], resetAfter: 1 } });
    const job = await jobOf('from-5', ['b', 'c', 'gone']);
    await simulator.seedFriends([
      ['from-5', 'b'],
      ['from-5', 'c'],
    ]);
    await finish(job);
    expect(await outcomesOf(job)).toEqual({
      b: { status: 'satisfied', code: null },
      c: { status: 'satisfied', code: null },
      gone: { status: 'failed', code: null },
    });
    expect((await callsOf()).friend_check).toBe(3);
  });

  test('is left alone where the job is not to verify', async () => {
    await simulator.setFaults({ calls: { commands: ['friend_import'], resetAfter: 1 } });
    const job = await jobOf('from-4', ['b'], { options: { noVerify: true } });
    await finish(job, once());
    expect(await outcomesOf(job)).toEqual({ b: { status: 'unknown', code: null } });
    expect(await callsOf()).toEqual({ friend_import: 1 });
  });
});

describe('a write that was never answered, and refused when it was sent again', () => {
  const names = (count: number) => Array.from({ length: count }, (_, n) => `list-${n}`);
  /** The first call is lost; then the service has the last word. */
  async function refused(to: string, fields: Fields | undefined): Promise<Pick<OutcomeGroup, 'status' | 'code'>> {
    await simulator.setFaults({
      calls: { commands: ['friend_import'], resetBefore: 1 },
      permanent: [{ commands: ['friend_import'], code: 30005, fraction: 1 }],
    });
    const chunk: Chunk = { from: 'me', items: [{ to, rows: 'forward', ...(fields && { fields }) }] };
    const job = await openJob(parts.ledger, [fedChunk(chunk, writtenLists(jobWith(), chunk))]);
    expect(await step(job)).toMatchObject({ kind: 'again' });
    await simulator.setFaults({ permanent: [{ commands: ['friend_import'], code: 30005, fraction: 1 }] });
    await finish(job);
    return (await outcomesOf(job))[to] as Pick<OutcomeGroup, 'status' | 'code'>;
  }

  test('its friendship is there: satisfied; with fields, which were refused: failed', async () => {
    await simulator.seedFriends([['me', 'friend']]);
    expect(await refused('friend', undefined)).toEqual({ status: 'satisfied', code: 30005 });
    expect(await refused('friend', { remark: 'NEW' })).toEqual({ status: 'failed', code: 30005 });
    expect(await refused('stranger', undefined)).toEqual({ status: 'failed', code: 30005 });
  });

  test('one list too many for a friend with 32: failed, and the entry is as it was', async () => {
    const friend = (fields: Fields): Chunk => ({ from: 'me', items: [{ to: 'friend', rows: 'forward', fields }] });
    await finish(await openJob(parts.ledger, [fedChunk(friend({ groups: names(32), remark: 'old' }), ['me'])]));
    await simulator.setFaults({ calls: { commands: ['friend_import'], resetBefore: 1 } });
    const job = await openJob(parts.ledger, [fedChunk(friend({ groups: ['new'], remark: 'NEW' }), ['me'])]);
    await step(job);
    await simulator.setFaults('none');
    await finish(job);
    expect(await outcomesOf(job)).toEqual({ friend: { status: 'failed', code: 30011 } });
    expect(await simulator.entries([['me', 'friend']])).toMatchObject([{ remark: 'old' }]);
  });

  test('the nickname of an account that is there is not said to be taken', async () => {
    await simulator.setAccounts({ imported: ['ann'] });
    await simulator.setFaults({ calls: { commands: ['multiaccount_import'], resetBefore: 1 } });
    const chunk: Chunk = { from: null, items: [{ to: 'ann', rows: 'forward', fields: { nick: 'Ann' } }] };
    const job = await openJob(parts.ledger, [fedChunk(chunk, [])], { operation: 'accounts-import' });
    await step(job);
    await simulator.setFaults({ calls: { commands: ['multiaccount_import'], codes: { 60002: 1 } } });
    await finish(job);
    expect(await outcomesOf(job)).toEqual({ ann: { status: 'failed', code: 60002 } });
  });
});

test('30011 of one row keeps those from being sent that name its list, and no others, in every chunk', async () => {
  const item = (to: string, list?: string): Item => ({
    to,
    rows: 'forward',
    ...(list !== undefined && { fields: { groups: [list] } }),
  });
  const lists = Array.from({ length: 32 }, (_, n) => item(`a${n}`, `list-${n}`));
  const chunks = [
    [...lists, item('x0', 'one too many'), item('y0', 'two too many')],
    [item('x1', 'one too many'), item('b1', 'list-7'), item('b2'), item('z1', 'three too many')],
    [item('x2', 'one too many'), item('y2', 'two too many'), item('z2', 'three too many')],
    [item('b3', 'list-0')],
  ].map((items): Chunk => ({ from: 'full', several: true, items }));
  const job = await openJob(
    parts.ledger,
    chunks.map((chunk) => fedChunk(chunk, ['full'])),
  );
  for (const chunk of chunks.keys()) {
    expect(await step(job, chunk)).toEqual({ kind: 'done' });
  }
  const outcomes = await outcomesOf(job);
  const refused = ['x0', 'y0', 'x1', 'z1', 'x2', 'y2', 'z2'];
  expect(Object.keys(outcomes).filter((to) => outcomes[to]?.status !== 'ok')).toEqual(refused);
  for (const to of refused) expect(outcomes[to]).toEqual({ status: 'failed', code: 30011 });
  // The third chunk's rows all name lists that earlier ones were refused.
  expect(await callsOf()).toEqual({ friend_import: 3 });
});

test('a job that was stopped and goes on finds out anew what keeps a From_Account from passing', async () => {
  await simulator.setAccounts({ profiles: [{ account: 'mended', forbidden: true }] });
  const chunks = ['b', 'c'].map((to): Chunk => ({ ...chunkOf('mended', to), several: true }));
  const job = await openJob(
    parts.ledger,
    chunks.map((chunk) => fedChunk(chunk, ['mended'])),
    { operation: 'add' },
  );
  await step(job, 0);
  await parts.ledger.steer(job.id, 'pause', '');
  await simulator.setAccounts({ profiles: [{ account: 'mended', forbidden: false }] });
  await parts.ledger.steer(job.id, 'resume', '');
  await step(job, 1);
  expect(await parts.ledger.status(job.id)).toMatchObject({ totals: { failed: 1, open: 1 } });
  expect(await callsOf()).toEqual({ friend_add: 2 });
});

describe('an answer that proves nothing', () => {
  const add = { operation: 'add' } as const;

  test('0 to an add while a request of before is pending: pending', async () => {
    await simulator.setSwitches({ 'repeat-add-pending': 'ok' });
    await simulator.setAccounts({ profiles: [{ account: 'careful', allowType: 'need-confirm' }] });
    const first = await jobOf('from', ['careful', 'open'], add);
    await finish(first);
    expect(await outcomesOf(first)).toEqual({ careful: { status: 'pending', code: 30539 }, open: OK });
    const again = await jobOf('from', ['careful'], add);
    await finish(again);
    expect(await outcomesOf(again)).toEqual({ careful: { status: 'pending', code: 0 } });
  });

  test('“exists” to a two-way add of which one side holds: failed, with that code', async () => {
    await simulator.seedFriends([
      ['from', 'one-way'],
      ['from', 'friend'],
      ['friend', 'from'],
    ]);
    const job = await jobOf('from', ['one-way', 'friend'], add);
    await finish(job);
    expect(await outcomesOf(job)).toEqual({
      'one-way': { status: 'failed', code: 30001 },
      friend: { status: 'satisfied', code: 30001 },
    });
  });

  test('the read takes no lock, and its chunk holds none while it waits', async () => {
    const job = await jobOf('from', ['b'], add);
    expect(await step(job)).toEqual({ kind: 'again', afterMs: SERVICE_LIMIT_MS });
    expect(await server.redis.exists(`${KEYS.lockPrefix}from`, `${KEYS.lockPrefix}b`)).toBe(0);
    await server.redis.set(`${KEYS.lockPrefix}from`, 'another chunk', 'PX', 60_000);
    expect(await step(job, 0, 2)).toEqual({ kind: 'done' });
    expect(await outcomesOf(job)).toEqual({ b: OK });
    await server.redis.del(`${KEYS.lockPrefix}from`);
  });

  test('by force nothing pends: 0 is taken at its word', async () => {
    const job = await jobOf('from', ['b'], { operation: 'add', options: { force: true } });
    await finish(job);
    expect(await callsOf()).toEqual({ friend_add: 1 });
  });
});

test('what one answer says against a From_Account ends its other rows, of other chunks too, without a call', async () => {
  await simulator.setAccounts({ profiles: [{ account: 'barred', forbidden: true }] });
  const chunks = [chunkOf('barred', 'b', 'c'), chunkOf('barred', 'd', 'e')];
  const lists = (chunk: (typeof chunks)[number]) => writtenLists(jobWith({ operation: 'add' }), chunk);
  const fed = chunks.map((chunk) => fedChunk({ ...chunk, several: true }, lists(chunk)));
  const job = await openJob(parts.ledger, fed, { operation: 'add' });
  for (const chunk of [0, 1]) {
    expect(await step(job, chunk)).toEqual({ kind: 'done' });
  }
  const found = await outcomesOf(job);
  expect(Object.values(found)).toEqual(Array.from({ length: 4 }, () => ({ status: 'failed', code: 30009 })));
  expect(await callsOf()).toEqual({ friend_add: 1 });
});
