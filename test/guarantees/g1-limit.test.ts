/**
 * G1: no window of the service's clock sees more calls of a command than its limit, however many callers run, start,
 * die or stall, and whatever happens to the limiter's state. Judged by the simulator's meter, which stamps arrivals in
 * a thread of its own and knows its own delay.
 */
import { afterEach, expect, test } from 'vitest';
import { friendGraph, seededRandom } from '../../src/simulator/graph.ts';
import { COMPRESSED_LIMIT, type Workplace, workplace } from '../support/command.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { type TestSimulator, testSimulator } from '../support/simulator.ts';
import { expectLimitHeld } from '../support/truth.ts';

const rows = [...friendGraph({ accounts: 1500, friendsPerAccount: 4, random: seededRandom(5) })];
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
  while ((await simulator.meter('friend_check')).calls < count) await new Promise((resolve) => setTimeout(resolve, 20));
}

test('callers join, die and freeze, and the limiter loses its state: the window holds', async () => {
  redis = await testRedis();
  simulator = await testSimulator({ ...COMPRESSED_LIMIT, serviceTimeMs: { read: 5, write: 5 } });
  place = workplace(simulator, { REDIS_URL: await redis.listen() });
  const { stdout } = await place.run('check', place.csv('friends.csv', rows), '--detach');

  const callers = Array.from({ length: 3 }, () => place.start('worker', '--roles', 'call'));
  place.start('worker', '--roles', 'feed,record');
  await callsReach(ACCOUNTS * 0.2);
  await callers[0]?.kill();
  await callsReach(ACCOUNTS * 0.35);
  callers[1]?.child.kill('SIGSTOP');
  await callsReach(ACCOUNTS * 0.5);
  callers[1]?.child.kill('SIGCONT');
  const keys = (await redis.redis.keys('*:limiter:friend_check*')).filter((key) => key.includes('limiter'));
  expect(keys.length).toBeGreaterThan(0);
  await redis.redis.del(...keys);
  await callsReach(ACCOUNTS * 0.65);
  await redis.redis.script('FLUSH');
  await callsReach(ACCOUNTS * 0.75);
  await redis.restart();

  const { report } = await place.report('status', stdout.trim(), '--watch');
  expect(report.state).toBe('completed');
  // The thaw may add one call, between check and write; it would be counted by the limiter and logged.
  await expectLimitHeld(simulator, 'friend_check', COMPRESSED_LIMIT);
}, 90_000);
