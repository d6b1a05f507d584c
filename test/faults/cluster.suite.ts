/**
 * A Redis Cluster of three masters with an app on each: jobs of all of them run to their ends beside each other, also
 * while one master is killed and comes back; every row has one outcome, the true one, and every limit holds.
 */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { setTimeout as sleep } from 'node:timers/promises';
import { keysOf } from '../../src/jobs/keys.ts';
import { friendGraph, seededRandom } from '../../src/simulator/graph.ts';
import { type Cluster, redisCluster } from '../support/cluster.ts';
import { COMPRESSED_LIMIT, type Workplace, workplace } from '../support/command.ts';
import { type TestSimulator, testSimulator } from '../support/simulator.ts';
import { expectWholeImport } from '../support/truth.ts';

const rows = [...friendGraph({ accounts: 180, friendsPerAccount: 8, random: seededRandom(7) })];
const ACCOUNTS = new Set(rows.map(([from]) => from)).size;

interface App {
  node: number;
  simulator: TestSimulator;
  place: Workplace;
}

let cluster: Cluster;
let apps: App[];

beforeEach(async () => {
  cluster = await redisCluster(3);
  apps = await Promise.all(
    [0, 1, 2].map(async (node) => {
      let sdkappid = 1_400_000_001;
      while ((await cluster.nodeOf(keysOf(sdkappid).app)) !== node) sdkappid += 1;
      const simulator = await testSimulator({ ...COMPRESSED_LIMIT, sdkappid });
      return { node, simulator, place: workplace(simulator, { REDIS_URL: cluster.url }) };
    }),
  );
});
afterEach(async () => {
  await Promise.all(apps.map(({ place }) => place.remove()));
  await Promise.all([cluster, ...apps.map(({ simulator }) => simulator)].map((part) => part.close()));
});

async function run({ simulator, place }: App): Promise<void> {
  place.start('worker');
  const job = (await place.run('import', place.csv('friends.csv', rows), '--detach')).stdout.trim();
  const { report } = await place.report('status', job, '--watch');
  await expectWholeImport(simulator, rows, report);
}

test('apps on three shards, one of whose masters is killed and comes back', async () => {
  const killed = apps[1] as App;
  const jobs = Promise.all(apps.map(run));
  while ((await killed.simulator.meter('friend_import')).calls < ACCOUNTS / 3) await sleep(20);
  const node = cluster.nodes[killed.node]!;
  await node.kill();
  await node.start();
  await jobs;
  // Each app's keys lie on its own shard, all of them.
  for (const app of apps) {
    const { app: prefix } = keysOf(app.simulator.sdkappid);
    const counts = await Promise.all(cluster.nodes.map(({ redis }) => redis.keys(`${prefix}*`)));
    expect(counts.map((keys) => keys.length > 0)).toEqual([0, 1, 2].map((n) => n === app.node));
  }
}, 120_000);

test('slots that move to another master while a job runs: it follows them', async () => {
  const app = apps[0] as App;
  const job = run(app);
  while ((await app.simulator.meter('friend_import')).calls < ACCOUNTS / 3) await sleep(20);
  await cluster.move(keysOf(app.simulator.sdkappid).app, 2);
  await job;
  const { app: prefix } = keysOf(app.simulator.sdkappid);
  const counts = await Promise.all(cluster.nodes.map(({ redis }) => redis.keys(`${prefix}*`)));
  expect(counts.map((keys) => keys.length > 0)).toEqual([false, false, true]);
}, 120_000);

test('doctor tells the node; a plain URL to one that has other keys is told what to write', async () => {
  const { place } = apps[2] as App;
  const found = await place.run('doctor', '--json');
  expect(found.stdout).toContain("the node of the cluster that has the app's keys");
  expect(JSON.parse(found.stdout)).toMatchObject({ ready: true });
  place.env.REDIS_URL = `redis://127.0.0.1:${cluster.nodes[0]!.port}`;
  const refused = await place.run('jobs');
  expect(refused.code).toBe(4);
  expect(refused.stderr).toContain('Write redis+cluster:// instead of redis://');
}, 60_000);
