/** How long a dry run says it will take, alone and beside the jobs that really run. */
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { PlannedReport } from '../../src/cli/planned.ts';
import { COMPRESSED_LIMIT, type Workplace, workplace } from '../support/command.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { type TestSimulator, testSimulator } from '../support/simulator.ts';

/** Ten calls a second. */
const SLOW = { CHAT_CALLS_PER_SECOND: '2' };
const MINE = 30;

let simulator: TestSimulator;
beforeAll(async () => {
  simulator = await testSimulator({ ...COMPRESSED_LIMIT });
});
afterAll(() => simulator.close());

function place(settings: Record<string, string> = {}): Workplace {
  const made = workplace(simulator, { ...SLOW, ...settings });
  onTestFinished(() => made.remove());
  mine(made);
  return made;
}

/** A file of so many accounts, a friend each: as many calls. */
const accounts = (at: Workplace, name: string, calls: number): string =>
  at.csv(
    `${name}.csv`,
    // No account is in two rows: no plan makes them fewer calls.
    Array.from({ length: calls }, (_, n) => [`${name}${n}`, `bob${n}`] as const),
  );
const mine = (at: Workplace): string => accounts(at, 'mine', MINE);

async function planned(at: Workplace, command = 'import', priority = 'normal'): Promise<PlannedReport> {
  const { code, stdout, stderr } = await at.run(command, 'mine.csv', '--dry-run', '--json', '--priority', priority);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as PlannedReport;
}

async function timeLine(at: Workplace): Promise<string | undefined> {
  const { stdout, stderr } = await at.run('import', 'mine.csv', '--dry-run');
  expect(stderr).toBe('');
  return stdout.split('\n').find((line) => line.startsWith('  time '));
}

const ALONE = { calls: { planned: MINE }, seconds: MINE / 10, callsPerSecond: 10 };

describe('a private Redis', () => {
  test('which does not run is not started: the time is that of this job alone', async () => {
    const at = place();
    expect(await planned(at)).toMatchObject({ ...ALONE, beside: null });
    expect(await timeLine(at)).toBe('  time       3 s at 10 calls/s');
    expect(existsSync(`${at.home}/redis`)).toBe(false);
    expect(await simulator.ledger()).toEqual({});
  });

  test('of a job that runs tells how many calls that has left', async () => {
    const at = place();
    const planOfOther = 300;
    accounts(at, 'other', planOfOther);
    const other = at.start('import', 'other.csv');
    const job = await jobIn(other.child.stderr!);
    await firstCalls();
    const open = async () => (await at.report('status', job)).report.totals.open;

    const before = await open();
    const { beside, ...alone } = await planned(at);
    const arrived = (await simulator.arrivals('friend_import')).length;
    expect(alone).toMatchObject(ALONE);
    expect(beside).toMatchObject({ jobs: 1, seconds: 2 * (MINE / 10) });
    expect(before).toBeLessThan(planOfOther);
    expect(beside!.calls).toBeLessThanOrEqual(before);
    expect(beside!.calls).toBeGreaterThanOrEqual(planOfOther - arrived);

    expect(await timeLine(at)).toBe('  time       3 s at 10 calls/s; 6 s beside 1 running job');
    // A dry run changes nothing for the job that runs.
    expect((await at.report('status', job)).report.state).toBe('running');
    expect((await at.run('pause', job)).code).toBe(0);
    expect(await planned(at)).toMatchObject({ ...ALONE, beside: { jobs: 0, calls: 0, seconds: MINE / 10 } });
  });
});

/** The id, which a command says when its rows are accepted. */
function jobIn(stderr: NodeJS.ReadableStream): Promise<string> {
  return new Promise((found, failed) => {
    let text = '';
    stderr.on('data', (data) => {
      text += String(data);
      const job = /^job (\S+):/m.exec(text)?.[1];
      if (job !== undefined) found(job);
    });
    stderr.once('close', () => failed(new Error(`no job: ${text}`)));
  });
}

/** Some calls of the job that runs have arrived. */
async function firstCalls(): Promise<void> {
  while ((await simulator.arrivals('friend_import')).length < 5) await new Promise((next) => setTimeout(next, 50));
}

describe('a shared Redis, on which jobs wait for a worker', () => {
  let redis: TestRedis;
  let url: string;
  beforeAll(async () => {
    redis = await testRedis();
    url = await redis.listen();
  });
  afterAll(() => redis.close());

  test('each running job of the command counts, as long as this one is not done; others do not', async () => {
    const at = place({ REDIS_URL: url });
    const nobody = { jobs: 0, calls: 0, seconds: MINE / 10 };
    expect(await planned(at)).toMatchObject({ ...ALONE, beside: nobody });
    expect(await timeLine(at)).toBe('  time       3 s at 10 calls/s');

    const detach = async (command: string, name: string, calls: number) => {
      const { code, stdout, stderr } = await at.run(command, accounts(at, name, calls), '--detach');
      expect({ code, stderr: stderr.includes(`${calls} rows`) }).toEqual({ code: 0, stderr: true });
      return stdout.trim();
    };
    const [paused] = await Promise.all([detach('import', 'paused', 50), detach('check', 'checked', 60)]);
    await at.run('pause', paused);
    const beside = await Promise.all([planned(at), planned(at, 'check')]);
    expect(beside.map((report) => report.beside)).toEqual([nobody, { jobs: 1, calls: 60, seconds: 6 }]);

    await Promise.all([detach('import', 'small', 5), detach('import', 'large', 400)]);
    const [two, line] = await Promise.all([planned(at), timeLine(at)]);
    expect(two.beside).toEqual({ jobs: 2, calls: 405, seconds: 6.5 });
    expect(line).toBe('  time       3 s at 10 calls/s; 7 s beside 2 running jobs');
    // Beside the large one a quarter as many calls as mine, or four times as many; all of the small one.
    expect((await planned(at, 'import', 'high')).beside!.seconds).toBe((MINE + 5 + MINE / 4) / 10);
    expect((await planned(at, 'import', 'low')).beside!.seconds).toBe((MINE + 5 + 4 * MINE) / 10);
    await at.run('resume', paused);
    expect((await planned(at)).beside).toEqual({ jobs: 3, calls: 455, seconds: 9.5 });
  });

  test('that cannot be reached, or no app to ask for, leaves the time of this job alone', async () => {
    const away = place({ REDIS_URL: 'redis://127.0.0.1:1' });
    expect(await planned(away)).toMatchObject({ ...ALONE, beside: null });
    const noApp = place({ REDIS_URL: url, CHAT_SDKAPPID: '', CHAT_SECRET_KEY: '', CHAT_BASE_URL: '' });
    expect(await planned(noApp)).toMatchObject({ ...ALONE, beside: null });
  });
});
