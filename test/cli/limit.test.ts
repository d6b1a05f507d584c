/** `befriend limit`: the calls a second and in flight of an operation, lowered and raised while its job runs. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { RateInForce } from '../../src/cli/rate-in-force.ts';
import type { Finding } from '../../src/domain/finding.ts';
import { keysOf } from '../../src/jobs/keys.ts';
import { openQueue } from '../../src/jobs/queue.ts';
import type { Arrival } from '../../src/simulator/arrivals.ts';
import { certainSpan } from '../../src/simulator/meter.ts';
import { COMPRESSED_LIMIT, type Workplace, workplace } from '../support/command.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { type TestSimulator, testSimulator } from '../support/simulator.ts';
import { expectLimitHeld } from '../support/truth.ts';

const COMMAND = 'friend_import';

let redis: TestRedis;
let simulator: TestSimulator;
let place: Workplace;

beforeEach(async () => {
  [redis, simulator] = await Promise.all([testRedis(), testSimulator({ ...COMPRESSED_LIMIT })]);
  place = workplace(simulator, { REDIS_URL: await redis.listen() });
});
afterEach(async () => {
  await place.remove();
  await Promise.all([redis.close(), simulator.close()]);
});

/** The next so many arrivals from now on. */
async function nextArrivals(count: number): Promise<Arrival[]> {
  const { length } = await simulator.arrivals(COMMAND);
  for (;;) {
    const all = await simulator.arrivals(COMMAND);
    if (all.length >= length + count) return all.slice(length, length + count);
    await sleep(20);
  }
}

/** Chunks that were in hand before the change are out of it. */
async function atMostInHand(count: number): Promise<void> {
  const queue = openQueue(redis.redis, keysOf(simulator.sdkappid), COMMAND);
  while ((await queue.getActiveCount()) > count) await sleep(20);
  await queue.close();
}

/** As long as it can have been: the meter itself may have been late. */
const spanMs = (arrivals: readonly Arrival[], count: number): number => (certainSpan(arrivals, count) ?? 0) / 1000;

test('lowered and lifted while a job runs, by two workers: what is called, and what status, doctor and limit say', async () => {
  const rows = Array.from({ length: 5000 }, (_, n) => [`from${n}`, 'to'] as const);
  for (let n = 0; n < 2; n += 1) place.start('worker');
  const job = (await place.run('import', place.csv('rows.csv', rows), '--detach')).stdout.trim();
  await nextArrivals(30);

  expect(await place.run('limit', 'import', '20')).toMatchObject({
    code: 0,
    stderr: 'import: 20 of 300 calls/s: befriend limit allows 20 calls/s\n',
  });
  // Slots that were granted before are 50 ms ahead at most, and so are their calls: 15.
  const slow = (await nextArrivals(35)).slice(15);
  // 50 ms each, less what one call may be later than another.
  expect(spanMs(slow, 11)).toBeGreaterThan(450);
  const { rate } = (await place.report('status', job)).report as unknown as { rate: RateInForce };
  expect(rate).toMatchObject({ ceiling: 300, limit: 20, allowed: { callsPerSecond: 20, inFlight: null } });
  const { stdout } = await place.run('status', job);
  expect(stdout).toMatch(/^  limit    20 of 300 calls\/s:\n +befriend limit allows 20 calls\/s$/m);
  expect(
    stdout.match(/^  worker   \S+ \d+: feed, call, record; \d\.\d\d cores, \d+ MB(, \d+ calls? in flight)?$/gm),
  ).toHaveLength(2);
  const { findings } = JSON.parse((await place.run('doctor', '--json')).stdout) as { findings: Finding[] };
  expect(findings.filter(({ area }) => area === 'befriend limit')).toEqual([
    {
      level: 'warning',
      area: 'befriend limit',
      text: 'import: 20 calls/s allowed',
      advice: 'befriend limit import full --in-flight any lifts it.',
    },
  ]);

  await simulator.setFaults({ latency: { baseMs: 200 } });
  expect((await place.run('limit', 'import', 'full', '--in-flight', '3')).stderr).toBe(
    'import: 300 of 300 calls/s: befriend limit allows 3 in flight\n',
  );
  await atMostInHand(3);
  // A fourth call leaves when the first of three is answered.
  expect(spanMs(await nextArrivals(12), 4)).toBeGreaterThanOrEqual(199);

  await simulator.setFaults('none');
  expect((await place.run('limit', 'import', '--in-flight', 'any')).stderr).toBe('import: 300 of 300 calls/s\n');
  await atLeastPerSecond(100);
  await expectLimitHeld(simulator, COMMAND, COMPRESSED_LIMIT);
}, 60_000);

/** Until so many calls a second come again. */
async function atLeastPerSecond(calls: number): Promise<void> {
  while (spanMs(await nextArrivals(50), 50) > 50_000 / calls);
}

test('the ready window is two seconds of what is allowed, so a job that comes later need not wait for longer', async () => {
  await place.run('limit', 'import', '20');
  const rows = Array.from({ length: 2000 }, (_, n) => [`from${n}`, 'to'] as const);
  place.start('worker', '--roles', 'feed');
  await place.run('import', place.csv('rows.csv', rows), '--detach');
  await expectReady(40);
  await place.run('limit', 'import', '30');
  await expectReady(60);
}, 60_000);

/** So many chunks stand in the queue in the end, and never more. */
async function expectReady(chunks: number): Promise<void> {
  const queue = openQueue(redis.redis, keysOf(simulator.sdkappid), COMMAND);
  let ready = 0;
  while (ready < chunks) ready = await queue.getPrioritizedCount();
  await queue.close();
  expect(ready).toBe(chunks);
}

test('alone it lists every operation', async () => {
  await place.run('limit', 'accounts-check', '12.5', '--in-flight', '4');
  const { stdout, stderr, code } = await place.run('limit');
  expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
  expect(stdout).toMatch(/^import +300 of 300 calls\/s$/m);
  expect(stdout).toMatch(/^accounts-check +13 of 150 calls\/s: befriend limit allows 12\.5 calls\/s, 4 in flight$/m);
  const listed = JSON.parse((await place.run('limit', 'accounts-check', '--json')).stdout) as unknown;
  expect(listed).toEqual([
    { operation: 'accounts-check', ceiling: 150, limit: 12.5, allowed: { callsPerSecond: 12.5, inFlight: 4 } },
  ]);
});

test('what makes no sense is exit 2, with the reason', async () => {
  const wrong: [args: string[], says: string][] = [
    [['import', '301'], '301 calls/s of import: expected from 1 to 300, which the settings give.'],
    [['import', '0'], '0 calls/s of import: expected from 1 to 300, which the settings give.'],
    [['import', 'fast'], 'Expected a number, or full.'],
    [['import', '--in-flight', '1.5'], '1.5 calls in flight: expected a whole number from 1 to 100000.'],
    [['--in-flight', '5'], '--in-flight is of an operation'],
    [['friends', '5'], 'Allowed choices are'],
  ];
  const answers = await Promise.all(wrong.map(([args]) => place.run('limit', ...args)));
  expect(answers).toEqual(
    wrong.map(([, says]) => ({ code: 2, stdout: '', stderr: expect.stringContaining(says) as string })),
  );
});
