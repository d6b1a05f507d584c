/**
 * A connection that breaks between a script and its reply: the client sends the command again when it is back, so
 * every script of the ledger runs twice. What it wrote must stand once.
 */
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLedger, type Ledger } from '../../src/jobs/ledger.ts';
import { connectRedis } from '../../src/redis/connection.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { AT, chunkOf, claimed, commandOf, fedChunk, jobWith, KEYS, openJob, recordOf } from './support.ts';

let server: TestRedis;
let proxy: Server;
let ledger: Ledger;
let disconnect: () => void;
/** How often a reply was thrown away together with its connection. */
let lost = 0;
let loseNext = false;

beforeAll(async () => {
  server = await testRedis();
  const upstreamPath = join(server.dir, 'redis.sock');
  proxy = createServer((client: Socket) => {
    const upstream = createConnection(upstreamPath);
    const end = (): void => {
      client.destroy();
      upstream.destroy();
    };
    client.on('data', (data) => upstream.write(data));
    upstream.on('data', (data) => {
      if (!loseNext) return void client.write(data);
      loseNext = false;
      lost += 1;
      return end();
    });
    for (const socket of [client, upstream]) socket.on('close', end).on('error', end);
  });
  const path = join(server.dir, 'proxy.sock');
  proxy.listen(path);
  await once(proxy, 'listening');
  const redis = await connectRedis({ socket: path });
  disconnect = () => redis.disconnect();
  ledger = createLedger(redis, KEYS);
  // Every script is known to the server from here on: the reply that is lost is that of the script itself.
  const { id } = await openJob(ledger, [fedChunk(chunkOf('warm', 'b', 'c'))]);
  await ledger.record(id, 0, recordOf((await claimed(ledger, id)).epoch));
  await ledger.steer(id, 'pause', '');
  await ledger.finish(id, '0-0', AT);
});
afterAll(async () => {
  disconnect();
  proxy.close();
  await server.close();
});

/** Runs a command whose first reply is lost. */
async function losing<T>(run: () => Promise<T>): Promise<T> {
  const before = lost;
  loseNext = true;
  const reply = await run();
  expect(lost).toBe(before + 1);
  return reply;
}

test('submit: the job is created, and its submitter hears so', async () => {
  const job = jobWith();
  expect(await losing(() => ledger.submit(job, 'finished', 0))).toEqual({ kind: 'created', job: job.id });
});

test('feed: chunks are open once', async () => {
  const job = jobWith({ chunks: 2 });
  await ledger.submit(job, 'finished', 0);
  const chunks = [fedChunk(chunkOf('x', 'b')), fedChunk(chunkOf('y', 'b'))];
  const fed = await losing(() => ledger.feed(job, commandOf(job), 0, chunks));
  expect(fed).toMatchObject({
    cursor: 2,
    open: 2,
    openBytes: chunks.reduce((sum, { block }) => sum + block.length, 0),
  });
});

test('claim: the later epoch is the one that counts, and the claim is not taken for unsent', async () => {
  const { id } = await openJob(ledger, [fedChunk(chunkOf('z', 'b', 'c'))]);
  const claim = await losing(() => claimed(ledger, id));
  expect(claim).toMatchObject({ kind: 'claimed', epoch: 2, abandoned: true });
  expect(await ledger.record(id, 0, recordOf(claim.epoch))).toBe(true);
});

test.each([
  { what: 'that leaves items open', close: false, recorded: true },
  // Nothing is left to do for a closed chunk, so "stale" does no harm.
  { what: 'that closes', close: true, recorded: false },
])('a record $what: one entry, counted once', async ({ close, recorded }) => {
  const { id } = await openJob(ledger, [fedChunk(chunkOf(`from-${close}`, 'b', 'c', 'd'))]);
  const { epoch } = await claimed(ledger, id);
  const record = recordOf(epoch, { close, items: Buffer.from([255, 255, close ? 255 : 1]) });
  expect(await losing(() => ledger.record(id, 0, record))).toBe(recorded);
  expect(await server.redis.xlen(KEYS.results(id))).toBe(1);
  expect(await ledger.status(id)).toMatchObject({ totals: { ok: 2, open: 1 }, calls: { made: 1 } });
});

test('finish: the job is over', async () => {
  const job = jobWith({ chunks: 0, accepted: 0, rows: 0 });
  await ledger.submit(job, 'finished', 0);
  await losing(() => ledger.finish(job.id, '0-0', AT));
  expect(await ledger.status(job.id)).toMatchObject({ state: 'completed', delivered: true, finishedAt: AT });
});
