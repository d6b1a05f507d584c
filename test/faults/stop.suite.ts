/** SIGTERM: a worker takes no more work, ends or hands back what is in hand within its grace time, and never hangs. */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, type TestContext } from 'vitest';
import type { FaultPlanInput } from '../../src/simulator/faults.ts';
import { type Command, COMPRESSED_LIMIT, outcomesIn, type Workplace, workplace } from '../support/command.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { type TestSimulator, testSimulator } from '../support/simulator.ts';
import { expectOneOutcomeEach, expectTotals } from '../support/truth.ts';

const COMMAND = 'friend_import';
const ROWS = Array.from({ length: 40 }, (_, n) => [`from${n}`, 'to'] as const);
/** The grace time, and what it takes beside it: an answer of Redis (2 s), the limiter's last words (1 s), a busy machine. */
const AT_MOST_MS = 5000 + 2000 + 1000 + 4000;

interface Bench {
  simulator: TestSimulator;
  redis: TestRedis;
  place: Workplace;
  worker: Command;
  job: string;
}

/** A worker with every call of a job in flight. */
async function callsInFlight({ onTestFinished }: TestContext, faults: FaultPlanInput): Promise<Bench> {
  const [redis, simulator] = await Promise.all([
    testRedis(),
    testSimulator({ ...COMPRESSED_LIMIT, countSent: true, faults }),
  ]);
  const settings = { REDIS_URL: await redis.listen(), BEFRIEND_CALL_TIMEOUT_MS: '60000', LOG_LEVEL: 'info' };
  const place = workplace(simulator, settings);
  onTestFinished(async () => {
    await place.remove();
    await Promise.all([redis.close(), simulator.close()]);
  });
  const { stdout } = await place.run('import', place.csv('rows.csv', ROWS), '--detach');
  const worker = place.start('worker');
  while ((await simulator.meter(COMMAND)).calls < ROWS.length) await sleep(10);
  return { simulator, redis, place, worker, job: stdout.trim() };
}

async function stop({ worker }: Bench): Promise<{ code: number | null; ms: number; stderr: string }> {
  const asked = performance.now();
  worker.child.kill('SIGTERM');
  const { code, stderr } = await worker.done;
  return { code, stderr, ms: performance.now() - asked };
}

/** Another worker ends the job. */
async function endJob({ place, simulator, job }: Bench) {
  await simulator.setFaults('none');
  place.start('worker');
  const { code, report } = await place.report('status', job, '--watch');
  const outcomes = outcomesIn(report.results as string);
  expectOneOutcomeEach(ROWS, outcomes);
  expectTotals(report, outcomes);
  const sent = await simulator.sent(COMMAND, ROWS);
  return { code, report, sent: new Set(sent) };
}

test('calls in flight are answered and recorded: none is made again', { timeout: 60_000 }, async (context) => {
  const bench = await callsInFlight(context, { latency: { baseMs: 1500 } });
  expect(await stop(bench)).toMatchObject({ code: 0, stderr: expect.stringContaining('worker stopping') });
  const { report } = await bench.place.report('status', bench.job);
  expect(report).toMatchObject({ calls: { made: ROWS.length }, totals: { ok: ROWS.length, open: 0 } });
  expect(await endJob(bench)).toMatchObject({ code: 0, sent: new Set([1]) });
});

test('calls that hang are handed back after the grace time', { timeout: 60_000 }, async (context) => {
  const bench = await callsInFlight(context, { calls: { hang: 1, hangMs: 120_000 } });
  const { code, ms } = await stop(bench);
  expect(code).toBe(0);
  expect(ms).toBeLessThan(AT_MOST_MS);
  // Recorded as unanswered, not left to be found abandoned: nobody waits for their locks.
  const { report } = await bench.place.report('status', bench.job);
  expect(report).toMatchObject({ state: 'running', calls: { made: ROWS.length }, totals: { open: ROWS.length } });
  expect(await redisActive(bench)).toBe(0);
  expect(await endJob(bench)).toMatchObject({ code: 0, report: { totals: { ok: ROWS.length } } });
});

const redisActive = ({ redis, simulator }: Bench): Promise<number> =>
  redis.redis.llen(`{befriend:${simulator.sdkappid}}:${COMMAND}:active`);

test.for(['frozen', 'killed'] as const)(
  'Redis is %s: the worker ends all the same, and others take its chunks over',
  { timeout: 60_000 },
  async (how, context) => {
    const bench = await callsInFlight(context, { latency: { baseMs: 3000 } });
    const { redis } = bench;
    if (how === 'frozen') process.kill(redis.pid(), 'SIGSTOP');
    else await redis.kill();
    const { code, ms } = await stop(bench);
    expect(code).toBe(0);
    expect(ms).toBeLessThan(AT_MOST_MS);
    if (how === 'frozen') process.kill(redis.pid(), 'SIGCONT');
    else await redis.start();
    const { report } = await endJob(bench);
    expect(report).toMatchObject({ state: 'completed', totals: { open: 0, failed: 0, skipped: 0 } });
  },
);

test('Redis freezes while the worker stops: it ends all the same', { timeout: 60_000 }, async (context) => {
  const bench = await callsInFlight(context, { calls: { hang: 1, hangMs: 120_000 } });
  const asked = performance.now();
  const stopping = once(bench.worker.child.stderr!, 'data');
  bench.worker.child.kill('SIGTERM');
  await stopping;
  // Redis has answered, and the grace time runs.
  await sleep(1000);
  process.kill(bench.redis.pid(), 'SIGSTOP');
  expect((await bench.worker.done).code).toBe(0);
  expect(performance.now() - asked).toBeLessThan(2 * AT_MOST_MS);
});

test.for(['SIGTERM', 'SIGINT'] as const)('a second %s ends it at once', { timeout: 60_000 }, async (name, context) => {
  const { worker } = await callsInFlight(context, { calls: { hang: 1, hangMs: 120_000 } });
  const stopping = once(worker.child.stderr!, 'data');
  worker.child.kill(name);
  await stopping;
  const asked = performance.now();
  worker.child.kill(name);
  expect((await worker.done).code).toBe(130);
  expect(performance.now() - asked).toBeLessThan(2000);
});
