/**
 * G2 with two recorders of one home, where Redis loses what the first has written already and the first is frozen at
 * that: what it does when it thaws harms nothing, since the other has waited for its end.
 */
import { cpSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { friendGraph, seededRandom } from '../../src/simulator/graph.ts';
import { aofWritten } from '../jobs/support.ts';
import { COMPRESSED_LIMIT, type Workplace, workplace } from '../support/command.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { type TestSimulator, testSimulator } from '../support/simulator.ts';
import { expectWholeImport } from '../support/truth.ts';

const rows = [...friendGraph({ accounts: 900, friendsPerAccount: 8, random: seededRandom(5) })];
const ACCOUNTS = new Set(rows.map(([from]) => from)).size;

let simulator: TestSimulator;
let place: Workplace;
let redis: TestRedis;

afterEach(async () => {
  await place.remove();
  await simulator.close();
  await redis.close();
});

async function callsReach(count: number): Promise<void> {
  while ((await simulator.meter('friend_import')).calls < count) await sleep(20);
}

test.each(['thaws', 'is killed'] as const)(
  'the recorder that has written a lost tail is frozen and %s',
  async (end) => {
    [redis, simulator] = await Promise.all([testRedis(), testSimulator(COMPRESSED_LIMIT)]);
    place = workplace(simulator, { REDIS_URL: await redis.listen() });
    place.start('worker', '--roles', 'call');
    const frozen = place.start('worker', '--roles', 'feed,record');
    const job = (await place.run('import', place.csv('friends.csv', rows), '--detach')).stdout.trim();
    const index = join(place.home, 'jobs', job, 'results.index');
    const sizeReaches = async (bytes: number): Promise<number> => {
      for (;;) {
        const size = statSync(index, { throwIfNoEntry: false })?.size ?? 0;
        if (size >= bytes) return size;
        await sleep(10);
      }
    };

    await sizeReaches(1);
    await aofWritten(redis.redis);
    const [data, copy] = [join(redis.dir, 'appendonlydir'), join(place.dir, 'copy')];
    cpSync(data, copy, { recursive: true });
    // Batches behind the copy: the tail that is lost.
    await sizeReaches((await sizeReaches(1)) + 100);
    frozen.child.kill('SIGSTOP');
    await redis.kill();
    rmSync(data, { recursive: true });
    cpSync(copy, data, { recursive: true });
    await redis.start();
    const other = place.start('worker', '--roles', 'feed,record');
    await callsReach(ACCOUNTS);
    frozen.child.kill(end === 'thaws' ? 'SIGCONT' : 'SIGKILL');

    const { report } = await place.report('status', job, '--watch');
    await expectWholeImport(simulator, rows, report);
    await Promise.all([frozen.kill(), other.kill()]);
    const { stderr } = await (end === 'thaws' ? frozen : other).done;
    expect(stderr).toContain('Redis lost a tail; cut back');
  },
  120_000,
);
