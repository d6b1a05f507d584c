/** What `jobs prune` removes and what it leaves, with a real Redis, real spools and real files, killed at every step. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { jobFolder, openHome } from '../../src/jobs/home.ts';
import { createLedger, type Ledger } from '../../src/jobs/ledger.ts';
import { finishPruned, isPruned, prune, type PruneAsked, type PruneParts } from '../../src/jobs/prune.ts';
import { type Submission, submit } from '../../src/jobs/submit.ts';
import { openResultsFile } from '../../src/results/file.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { APP, dump, KEYS } from './support.ts';

const PRUNER = fileURLToPath(new URL('../support/pruner.mjs', import.meta.url));
const HOUR = 3_600_000;
const REDIS = '127.0.0.1:6379';

let server: TestRedis;
let url: string;
let ledger: Ledger;
let home: string;
beforeAll(async () => {
  server = await testRedis();
  url = await server.listen();
});
afterAll(() => server.close());
beforeEach(() => {
  // Anew: it remembers descriptors.
  ledger = createLedger(server.redis, KEYS);
  home = mkdtempSync(join(tmpdir(), 'befriend-prune-'));
  openHome(home);
});
afterEach(async () => {
  rmSync(home, { recursive: true, force: true });
  await server.redis.flushall();
});

const now = Date.now();
const parts = (): PruneParts => ({ home, ledger, redis: { sdkAppId: APP, redis: REDIS }, wallClock: () => now });
const pruned = (asked: PruneAsked) => prune(asked, parts());

let count = 0;

/** A job with a spool, none of whose rows was accepted, so that it needs no call to be over. */
async function submitted(asked: Partial<Submission> = {}): Promise<string> {
  count += 1;
  const rows = [{ from: `a${count}`, to: '' }];
  const submitParts = { home, ledger, redis: parts().redis, wallClock: () => now, random: Math.random };
  const { job } = await submit({ kind: 'rows', rows }, { operation: 'import', ...asked }, submitParts);
  return job;
}

/** Over since so many hours, with results of some bytes. */
async function over(hours: number, bytes = 100, asked: Partial<Submission> = {}): Promise<string> {
  const id = await submitted(asked);
  const file = await openResultsFile(jobFolder(home, id));
  await file.close();
  writeFileSync(join(jobFolder(home, id), 'results.jsonl'), `${'x'.repeat(bytes)}\n`);
  expect(await ledger.finish(id, '0-0', new Date(now - hours * HOUR).toISOString())).toBe(true);
  return id;
}

/** Everything that Redis has of a job. */
const keysOf = (id: string): Promise<string[]> => server.redis.keys(`*${id}*`);
const folders = (): string[] => readdirSync(join(home, 'jobs')).toSorted();

test('jobs that are over go by age, with keys, identity and files; others stay whole', async () => {
  const [old, fresh, running] = [await over(50), await over(2), await submitted()];
  const key = (await ledger.descriptor(old))!.key;
  expect(await ledger.find(key)).toBe(old);
  const before = { fresh: readdirSync(jobFolder(home, fresh)), running: readdirSync(jobFolder(home, running)) };

  const dry = await pruned({ olderThanMs: 24 * HOUR, dryRun: true });
  expect(dry.jobs).toEqual([{ job: old, bytes: expect.any(Number) }]);
  expect(folders()).toContain(old);

  expect(await pruned({ olderThanMs: 24 * HOUR })).toEqual({ ...dry, kept: { jobs: 1, bytes: expect.any(Number) } });
  expect(await keysOf(old)).toEqual([]);
  expect(await ledger.find(key)).toBeNull();
  expect(await ledger.list()).toEqual(expect.not.arrayContaining([old]));
  expect(folders()).toEqual([fresh, running].toSorted());
  expect(readdirSync(jobFolder(home, fresh))).toEqual(before.fresh);
  expect(readdirSync(jobFolder(home, running))).toEqual(before.running);
  expect(await ledger.status(fresh)).toMatchObject({ state: 'completed' });
  expect(await ledger.find((await ledger.descriptor(fresh))!.key)).toBe(fresh);
});

test('by size: the oldest go until the rest fits', async () => {
  const [a, b, c] = [await over(5, 50_000), await over(4, 50_000), await over(3, 50_000)];
  const { jobs, kept } = await pruned({ keepBytes: 110_000 });
  expect(jobs.map(({ job }) => job)).toEqual([a]);
  expect(kept.jobs).toBe(2);
  expect(folders()).toEqual([b, c].toSorted());
});

test('an identity that another job has by now stays with that one', async () => {
  const id = await over(50);
  const { key } = (await ledger.descriptor(id))!;
  const again = await over(1);
  await server.redis.set(KEYS.identity(key), again);
  await pruned({ olderThanMs: 24 * HOUR });
  expect(await ledger.find(key)).toBe(again);
});

test('nothing undelivered goes, whatever its state, nor what a durable group is not done with', async () => {
  const ids = [await submitted(), await submitted(), await submitted(), await submitted()];
  await ledger.steer(ids[1]!, 'pause', '');
  await ledger.steer(ids[2]!, 'stop', '');
  await ledger.steer(ids[3]!, 'cancel', '');
  const held = await over(50);
  await server.redis.sadd(KEYS.held, held);
  const before = await dump(server.redis);
  expect(await pruned({ olderThanMs: 0, keepBytes: 0, leftovers: true })).toMatchObject({
    jobs: [],
    leftovers: [],
    held: [held],
    kept: { jobs: 1 },
  });
  expect(await dump(server.redis)).toEqual(before);
  expect(folders()).toEqual([...ids, held].toSorted());
  // Redis itself refuses too, however somebody came to ask.
  for (const id of [...ids, held]) expect(await ledger.forget(id)).toBe('kept');
  expect(await dump(server.redis)).toEqual(before);
});

test('a retry stays as long as the job whose rows it ran, and goes with it', async () => {
  const parent = await over(50);
  const retry = await over(40);
  const descriptor = (await ledger.descriptor(retry))!;
  await server.redis.hset(KEYS.job(retry), 'descriptor', JSON.stringify({ ...descriptor, retryOf: parent }));
  ledger = createLedger(server.redis, KEYS);
  await server.redis.sadd(KEYS.held, parent);
  expect((await pruned({ olderThanMs: 0 })).jobs).toEqual([]);
  await server.redis.srem(KEYS.held, parent);
  expect((await pruned({ olderThanMs: 0 })).jobs.map(({ job }) => job)).toEqual([parent, retry]);
});

test('jobs of another home, app or Redis are left alone', async () => {
  const elsewhere = await over(50);
  rmSync(jobFolder(home, elsewhere), { recursive: true });
  const strange = await submitted();
  await server.redis.flushall();
  const other = { ...parts(), redis: { sdkAppId: APP, redis: null }, wallClock: () => now + 50 * HOUR };
  expect(await prune({ olderThanMs: 0, leftovers: true }, other)).toMatchObject({ jobs: [], leftovers: [], lost: [] });
  expect(folders()).toEqual([strange]);
});

test('a folder that a crash left before there was a job: a day later it goes, and can never be submitted', async () => {
  const [never, lost] = [await submitted(), await over(50)];
  const descriptor = (await ledger.descriptor(never))!;
  await server.redis.flushall();
  ledger = createLedger(server.redis, KEYS);
  expect(await pruned({ leftovers: true })).toMatchObject({ leftovers: [], lost: [lost] });

  const later = { ...parts(), wallClock: () => now + 25 * HOUR };
  expect(await prune({ leftovers: true }, later)).toMatchObject({
    leftovers: [{ job: never, bytes: expect.any(Number) }],
    lost: [lost],
  });
  expect(folders()).toEqual([lost]);
  // The process that made it was not dead but frozen, and thaws.
  expect(await ledger.submit(descriptor, 'none', now)).toEqual({ kind: 'withdrawn', job: never });
  expect(await ledger.list()).toEqual([]);
});

test('a folder whose job comes at the last instant is no leftover', async () => {
  const id = await submitted();
  const descriptor = (await ledger.descriptor(id))!;
  await server.redis.flushall();
  const late: Ledger = {
    ...ledger,
    // As if it thawed between the look and the removal.
    async withdraw(job) {
      await ledger.submit(descriptor, 'none', now);
      return ledger.withdraw(job);
    },
  };
  const later = { ...parts(), ledger: late, wallClock: () => now + 25 * HOUR };
  expect((await prune({ leftovers: true }, later)).leftovers).toEqual([]);
  expect(await ledger.status(id)).toMatchObject({ state: 'running' });
  expect(existsSync(jobFolder(home, id))).toBe(true);
});

/** A prune in a process of its own. @returns its steps, or null when it died. */
async function pruner(dieAt: number): Promise<number | null> {
  const options = { redisUrl: url, app: APP, home, redis: REDIS, now: now + 25 * HOUR, dieAt };
  const child = spawn(process.execPath, [PRUNER, JSON.stringify(options)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let out = '';
  child.stdout.on('data', (data) => (out += String(data)));
  const [code] = (await once(child, 'close')) as [number | null];
  return code === 0 ? Number(out) : null;
}

test('killed at any step: no half job is shown as a whole one, and the next prune ends it', async () => {
  let steps = 0;
  for (let dieAt = 1; ; dieAt += 1) {
    const job = await over(1);
    const leftover = await submitted();
    await server.redis.del(KEYS.job(leftover));
    await server.redis.zrem(KEYS.jobs, leftover);
    await server.redis.srem(KEYS.active, leftover);
    const ended = await pruner(dieAt);
    ledger = createLedger(server.redis, KEYS);
    const shown = (await ledger.status(job)) !== null && !(await isPruned(home, job));
    const whole = ['results.index', 'results.jsonl', 'spool.json'];
    const there = whole.filter((name) => existsSync(join(jobFolder(home, job), name)));
    expect(there).toEqual(shown ? whole : []);
    if (ended !== null) {
      steps = ended;
      break;
    }
    const later = { ...parts(), wallClock: () => now + 25 * HOUR };
    await prune({ olderThanMs: 0, leftovers: true }, later);
    for (const id of [job, leftover]) {
      expect(existsSync(jobFolder(home, id))).toBe(false);
      // Of the trace nothing is left where it is a day old by the clock of this prune.
      const trace = join(home, 'pruned', id);
      expect((existsSync(trace) ? readdirSync(trace) : []).filter((name) => name !== 'submitted.json')).toEqual([]);
    }
    expect(await keysOf(job)).toEqual([]);
  }
  // Move, forget and some files of each, at least.
  expect(steps).toBeGreaterThan(12);
}, 60_000);

test('Redis that loses its last second has the job back: it is forgotten again, and the trace goes after a day', async () => {
  const id = await over(50);
  const [key, value] = [KEYS.job(id), await server.redis.hgetall(KEYS.job(id))];
  await pruned({ olderThanMs: 0 });
  await server.redis.hset(key, value);
  await server.redis.zadd(KEYS.jobs, 1, id);
  expect(await isPruned(home, id)).toBe(true);
  await finishPruned(parts());
  expect(await ledger.status(id)).toBeNull();
  expect(await isPruned(home, id)).toBe(true);
  await finishPruned({ ...parts(), wallClock: () => Date.now() + 25 * HOUR });
  expect(await isPruned(home, id)).toBe(false);
});

test('Redis that goes back to before the job was over has it with its files, where these are there yet', async () => {
  const id = await over(50);
  await server.redis.hset(KEYS.job(id), 'delivered', 0);
  const { rename } = await import('node:fs/promises');
  await rename(jobFolder(home, id), join(home, 'pruned', id));
  await finishPruned(parts());
  expect(await isPruned(home, id)).toBe(false);
  expect(existsSync(join(jobFolder(home, id), 'spool.json'))).toBe(true);
  expect(await ledger.status(id)).toMatchObject({ id });
});
