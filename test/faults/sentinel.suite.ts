/**
 * A real fail-over by Sentinel under work: the master is killed after its replica was cut off, so that records which
 * were acknowledged, and outcomes which stand in the file, are lost. Workers find the new master through the Sentinel;
 * every row ends with one outcome, the true one (G2), and no window sees more calls than the limit (G1).
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Redis } from 'ioredis';
import { keysOf } from '../../src/jobs/keys.ts';
import { friendGraph, seededRandom } from '../../src/simulator/graph.ts';
import { type Node, redisNode } from '../support/cluster.ts';
import { COMPRESSED_LIMIT, type Workplace, workplace } from '../support/command.ts';
import { type Sentinel, sentinelOf } from '../support/sentinel.ts';
import { type TestSimulator, testSimulator } from '../support/simulator.ts';
import { expectWholeImport } from '../support/truth.ts';

const rows = [...friendGraph({ accounts: 900, friendsPerAccount: 8, random: seededRandom(9) })];

let simulator: TestSimulator;
let place: Workplace;
let master: Node;
let replica: Node;
let sentinel: Sentinel;
let watcher: Redis;

beforeEach(async () => {
  [simulator, master, replica] = await Promise.all([testSimulator(COMPRESSED_LIMIT), redisNode(), redisNode()]);
  await master.redis.config('SET', 'repl-diskless-sync-delay', '0');
  await replica.redis.replicaof('127.0.0.1', master.port);
  while (!(await replica.redis.info('replication')).includes('master_link_status:up')) await sleep(20);
  sentinel = await sentinelOf(master.port);
  watcher = new Redis(sentinel.url);
  // A replica that was cut off for ten times as long is promoted no more.
  await watcher.call('SENTINEL', 'SET', 'befriend', 'down-after-milliseconds', 3000);
  while (((await watcher.call('SENTINEL', 'REPLICAS', 'befriend')) as unknown[]).length === 0) await sleep(50);
  place = workplace(simulator, { REDIS_URL: `${sentinel.url.replace('redis:', 'redis+sentinel:')}/befriend` });
});
afterEach(async () => {
  watcher.disconnect();
  await place.remove();
  await Promise.all([simulator, master, replica, sentinel].map((part) => part.close()));
});

test('the master is killed with an acknowledged tail, the replica is promoted, the job ends whole', async () => {
  const workers = [place.start('worker'), place.start('worker')];
  const job = (await place.run('import', place.csv('friends.csv', rows), '--detach')).stdout.trim();
  const index = join(place.home, 'jobs', job, 'results.index');
  const written = (): number => statSync(index, { throwIfNoEntry: false })?.size ?? 0;
  const sequenceOn = async ({ redis }: Node) =>
    Number(await redis.hget(keysOf(simulator.sdkappid).job(job), 'sequence'));

  while (written() === 0) await sleep(10);
  await replica.redis.config('SET', 'masterauth', 'wrong');
  await master.redis.call('CLIENT', 'KILL', 'TYPE', 'replica');
  while ((await replica.redis.info('replication')).includes('master_link_status:up')) await sleep(10);
  const heard = await sequenceOn(replica);
  // Several batches more, acknowledged and in the file, of which the replica knows nothing.
  const before = written();
  while (written() < before + 100 || (await sequenceOn(master)) < heard + 20) await sleep(10);
  await master.kill();
  const masterPort = async (): Promise<number> =>
    Number(((await watcher.call('SENTINEL', 'get-master-addr-by-name', 'befriend')) as string[])[1]);
  while ((await masterPort()) !== replica.port) await sleep(20);

  const { report } = await place.report('status', job, '--watch');
  await expectWholeImport(simulator, rows, report);
  await Promise.all(workers.map((worker) => worker.kill()));
  const said = (await Promise.all(workers.map(({ done }) => done))).map(({ stderr }) => stderr).join('');
  expect(said).toContain('Redis lost a tail; cut back');
}, 120_000);

test('commands that begin while the master is away wait for the next one', async () => {
  await watcher.call('SENTINEL', 'SET', 'befriend', 'down-after-milliseconds', 1000);
  await master.kill();
  const commands = Array.from({ length: 4 }, () => place.run('jobs'));
  expect(await Promise.all(commands)).toEqual(commands.map(() => ({ code: 0, stdout: 'no jobs yet\n', stderr: '' })));
  expect(await replica.redis.info('replication')).toContain('role:master');
}, 60_000);

test('doctor and a wrong name of the master', async () => {
  const found = await place.run('doctor', '--json');
  expect(JSON.parse(found.stdout)).toMatchObject({ ready: true });
  place.env.REDIS_URL = place.env.REDIS_URL!.replace('/befriend', '/other');
  const refused = await place.run('jobs');
  expect(refused.code).toBe(4);
  expect(refused.stderr).toContain('Check the name of the master in REDIS_URL');
}, 60_000);
