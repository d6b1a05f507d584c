/**
 * G1: no window of the service's clock sees more calls of a command than its limit, nor of the app than its own where
 * that is known, however many callers run, start, die or stall, and whatever happens to the limiter's state. Judged by the simulator's meter, which stamps arrivals in
 * a thread of its own and knows its own delay.
 */
import { afterEach, expect, test } from 'vitest';
import { friendGraph, seededRandom } from '../../src/simulator/graph.ts';
import { COMPRESSED_LIMIT, type Workplace, workplace } from '../support/command.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { type TestSimulator, testSimulator } from '../support/simulator.ts';
import { expectAppLimitHeld, expectLimitHeld, expectLimitsHeld } from '../support/truth.ts';

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
  const { stdout } = await place.run('check', place.csv('friends.csv', rows), '--no-plan', '--detach');

  const callers = Array.from({ length: 3 }, () => place.start('worker', '--roles', 'call'));
  place.start('worker', '--roles', 'feed,record');
  await callsReach(ACCOUNTS * 0.2);
  await callers[0]?.kill();
  await callsReach(ACCOUNTS * 0.35);
  callers[1]?.child.kill('SIGSTOP');
  await callsReach(ACCOUNTS * 0.5);
  callers[1]?.child.kill('SIGCONT');
  const keys = await redis.redis.keys('*:limiter:friend_check*');
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

test('callers of two commands share the limit of the app, and it loses its state: its window holds too', async () => {
  redis = await testRedis();
  simulator = await testSimulator({ ...COMPRESSED_LIMIT, serviceTimeMs: { read: 5, write: 5 } });
  const app = { limit: 80, windowMs: COMPRESSED_LIMIT.windowMs };
  place = workplace(simulator, { REDIS_URL: await redis.listen(), CHAT_APP_CALLS_PER_SECOND: String(app.limit) });
  const file = place.csv('friends.csv', rows);
  const [check, imports] = [place.report('check', file, '--no-plan'), place.report('import', file)];
  await callsReach(ACCOUNTS * 0.4);
  const keys = await redis.redis.keys('*:app-limiter*');
  expect(keys).toHaveLength(2);
  await redis.redis.del(...keys);

  for (const { report } of await Promise.all([check, imports])) expect(report.state).toBe('completed');
  await expectLimitsHeld(simulator, COMPRESSED_LIMIT);
  // Together more than either may alone: what held them back was the limit of the app.
  expect(await expectAppLimitHeld(simulator, app)).toBeGreaterThan(COMPRESSED_LIMIT.limit);
}, 90_000);
