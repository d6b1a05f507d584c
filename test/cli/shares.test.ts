/** Jobs of one command beside each other: who gets the calls, and what `status`, `jobs` and `priority` say of it. */
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest';
import type { RateInForce } from '../../src/cli/rate-in-force.ts';
import type { JobStatus } from '../../src/domain/job.ts';
import type { Report } from '../../src/results/report.ts';
import { COMPRESSED_LIMIT, outcomesIn, type Workplace, workplace } from '../support/command.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { type TestSimulator, testSimulator } from '../support/simulator.ts';

/** A hundred calls a second: so many chunks are ready, and so many come on top before the next feed. */
const WINDOW = 200;
const FEED = 50;

let redis: TestRedis;
let simulator: TestSimulator;
let settings: Record<string, string>;
let place: Workplace;

beforeEach(async () => {
  redis = await testRedis();
  simulator = await testSimulator({ ...COMPRESSED_LIMIT });
  settings = { REDIS_URL: await redis.listen(), CHAT_CALLS_PER_SECOND: '20' };
  place = workplace(simulator, settings);
});
afterEach(async () => {
  await place.remove();
  await simulator.close();
  await redis.close();
});

/** A job of so many calls, which a worker will make. */
async function submit(name: string, calls: number, priority: string, at = place): Promise<string> {
  const rows = Array.from({ length: calls }, (_, n) => [`${name}${n}`, 'bob'] as const);
  const file = at.csv(`${name}.csv`, rows);
  const { code, stdout } = await at.run('import', file, '--detach', '--priority', priority);
  expect(code).toBe(0);
  return stdout.trim();
}

type Seen = Report & { rate?: RateInForce };
const status = async (job: string): Promise<Seen> => (await place.report('status', job)).report;

async function reach(job: string, calls: number): Promise<number> {
  for (;;) {
    const { made } = (await status(job)).calls;
    if (made >= calls) return made;
  }
}

/** When each call of a job was answered, as its results say. */
const callTimes = (job: string): number[] =>
  outcomesIn(`${place.home}/jobs/${job}/results.jsonl`).map((outcome) => Date.parse(outcome.at));

const textOf = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await place.run(...args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
};

test('an import is not stuck behind a night job that has filled window and hands, nor the night job behind it', async () => {
  const night = await submit('night', 3000, 'low');
  place.start('worker');
  await reach(night, 100);
  const mine = await submit('mine', 800, 'normal');
  await reach(mine, 1);

  // At once: it takes some seconds only, and so do commands on a busy machine.
  const [ofNight, ofMine, text, table, json] = await Promise.all([
    status(night),
    status(mine),
    textOf('status', mine),
    textOf('jobs'),
    textOf('jobs', '--json'),
  ]);
  expect(ofNight.rate).toMatchObject({ ceiling: 100, limit: 100, share: 0.2, beside: 1 });
  expect(ofMine.rate).toEqual({
    ceiling: 100,
    limit: 100,
    allowed: { callsPerSecond: null, inFlight: null },
    throttled: null,
    share: 0.8,
    beside: 1,
    heldBack: null,
  });
  expect(ofMine.priority).toBe('normal');
  expect(text).toContain(
    "  limit    100 of 100 calls/s\n  share    80 % of its command's calls, beside 1 running job; priority normal\n",
  );
  expect(table).toMatch(new RegExp(`^${mine} .* rows, normal priority: 80 % of the calls`, 'm'));
  expect(table).toMatch(new RegExp(`^${night} .* rows, low priority: 20 % of the calls`, 'm'));
  const listed = JSON.parse(json) as (JobStatus & { share: number | null })[];
  expect(new Map(listed.map(({ id, share }) => [id, share?.toFixed(2)]))).toEqual(
    new Map([
      [mine, '0.80'],
      [night, '0.20'],
    ]),
  );

  await place.run('status', mine, '--watch');
  const at = callTimes(mine);
  const [from, to] = [Math.min(...at), Math.max(...at)];
  const beside = callTimes(night).filter((time) => time >= from && time <= to).length;
  // A quarter of the import's calls, those ready when it came, and as many again for feeds that come late on a busy
  // machine. Equal parts would be 800.
  expect(beside).toBeGreaterThanOrEqual(800 / 4 / 2);
  expect(beside).toBeLessThanOrEqual(800 / 4 + 2 * WINDOW);
  expect((await status(night)).rate).toMatchObject({ share: 1, beside: 0 });
}, 90_000);

test('a job of another home has its share while that home has a worker, and none before', async () => {
  const away = workplace(simulator, settings);
  onTestFinished(() => away.remove());
  const night = await submit('night', 3000, 'low');
  const mine = await submit('mine', 3000, 'normal', away);
  // No worker runs: so they will share.
  expect((await status(night)).rate).toMatchObject({ share: 0.2, beside: 1 });
  place.start('worker');
  await reach(night, 1);
  expect((await status(night)).rate).toMatchObject({ share: 1, beside: 0 });
  expect((await status(mine)).rate).toMatchObject({ share: 0, beside: 1 });
  expect(await textOf('status', mine)).toContain('  share    none while no worker feeds it; priority normal\n');
  const listed = JSON.parse(await textOf('jobs', '--json')) as { id: string; fed: boolean; share: number | null }[];
  expect(listed.find(({ id }) => id === mine)).toMatchObject({ fed: false, share: null });

  away.start('worker');
  await reach(mine, WINDOW);
  const before = [(await status(night)).calls.made, (await status(mine)).calls.made] as const;
  expect((await status(night)).rate).toMatchObject({ share: 0.2, beside: 1 });
  await reach(mine, before[1] + 3 * WINDOW);
  const made = [(await status(night)).calls.made - before[0], (await status(mine)).calls.made - before[1]] as const;
  expect(made[0] / (made[0] + made[1])).toBeGreaterThan(0.1);
  expect(made[0] / (made[0] + made[1])).toBeLessThan(0.27);
}, 90_000);

test('priority is changed while jobs run, and counts when the window has passed; the low job goes on', async () => {
  const [one, two] = [await submit('one', 1500, 'normal'), await submit('two', 1500, 'normal')];
  place.start('worker');
  await reach(one, 100);
  const { code, stderr } = await place.run('priority', one, 'low');
  expect({ code, stderr }).toEqual({ code: 0, stderr: `job ${one}: low priority\n` });
  const changedAt = Date.now();
  expect(await status(one)).toMatchObject({ priority: 'low', rate: { share: 0.2 } });
  await place.run('status', two, '--watch');
  await place.run('pause', one);

  const made = [one, two].flatMap((job) => outcomesIn(`${place.home}/jobs/${job}/results.jsonl`));
  const order = made.map(({ job, at }) => ({ job, at: Date.parse(at) })).toSorted((a, b) => a.at - b.at);
  const shareOfOne = (calls: typeof order) => calls.filter(({ job }) => job === one).length / calls.length;
  const before = order.findIndex(({ at }) => at > changedAt);
  const after = order.slice(before + WINDOW + 2 * FEED, before + WINDOW + 2 * FEED + 600);
  expect(after).toHaveLength(600);
  expect(shareOfOne(after)).toBeGreaterThan(0.1);
  expect(shareOfOne(after)).toBeLessThan(0.3);
}, 90_000);

test('a job that is over has no priority to change, and a word that is none is refused', async () => {
  const job = await submit('one', 5, 'normal');
  const wrong = await place.run('priority', job, 'urgent');
  expect(wrong.code).toBe(2);
  expect(wrong.stderr).toContain('Allowed choices are high, normal, low');
  expect(await place.report('priority', job, 'high')).toMatchObject({ code: 0, report: { priority: 'high' } });
  await place.run('pause', job);
  expect(await place.report('priority', job, 'low')).toMatchObject({ code: 0, report: { priority: 'low' } });
  expect(await textOf('status', job)).toContain('  share    none while it is paused; priority low\n');
  await place.run('cancel', job);
  const late = await place.run('priority', job, 'high');
  expect(late.code).toBe(2);
  expect(late.stderr).toContain('is cancelled: it makes no calls that a priority could share.');
});

test('the rate in force stands in status with its reason: the code, how long ago, that it recovers', async () => {
  const job = await submit('one', 2000, 'normal');
  place.start('worker');
  await reach(job, 50);
  expect((await status(job)).rate!.throttled).toBeNull();
  await simulator.setLimits({ friend_import: 5 });
  for (;;) {
    const { rate, calls } = await status(job);
    if (!rate!.throttled) continue;
    expect(calls.throttled).toBeGreaterThan(0);
    expect(rate!.limit).toBeLessThan(100);
    expect(rate!.throttled).toMatchObject({ whose: 'command', code: 60007 });
    expect(rate!.throttled.secondsAgo).toBeLessThan(10);
    break;
  }
  expect(await textOf('status', job)).toMatch(
    /^ {2}limit {4}\d+ of 100 calls\/s:\n {6}the service said "too fast" \(60007\) \d+ s ago, recovering$/m,
  );
  await simulator.setLimits({ friend_import: 1000 });
  while ((await status(job)).rate?.throttled) await new Promise((next) => setTimeout(next, 200));
}, 90_000);
