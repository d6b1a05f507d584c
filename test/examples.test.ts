/** The examples of the three kinds of users and README's few lines run as they stand, against the simulator. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { codeBlocks } from './docs/markdown.ts';
import { COMPRESSED_LIMIT, outcomesIn, type Workplace, workplace } from './support/command.ts';
import { testRedis } from './support/redis.ts';
import { type TestSimulator, testSimulator } from './support/simulator.ts';
import { expectLimitHeld, expectTotals } from './support/truth.ts';

let simulator: TestSimulator;
let place: Workplace;

beforeAll(async () => {
  simulator = await testSimulator({ ...COMPRESSED_LIMIT });
  place = workplace(simulator);
});
afterAll(async () => {
  await place.remove();
  await simulator.close();
});

const root = fileURLToPath(new URL('..', import.meta.url));

const example = (name: string, ...args: string[]) => node(place, place.dir, join(root, 'examples', name), ...args);

async function node({ env }: Workplace, cwd: string, ...args: string[]) {
  const child = spawn(process.execPath, args, { cwd, env });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (data) => (stdout += String(data)));
  child.stderr.on('data', (data) => (stderr += String(data)));
  const [code] = (await once(child, 'close')) as [number];
  return { code, stdout, stderr };
}

test('a migration imports a file', async () => {
  const file = place.csv('friends.csv', [
    ['u0', 'v0'],
    ['u0', 'v50'],
    ['v0', 'u0'],
    ['u0', 'u0'],
  ]);
  const { code, stdout, stderr } = await example('migrate-file.mjs', file);
  // One row is no friendship: a person must look.
  expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
  expect(stdout).toContain('4 rows, 1 invalid, 0 duplicate');
  expect(stdout).toContain('"ok":3');
  expect((await simulator.relations([['u0', 'v50']]))[0]).toMatchObject({ forward: true, reverse: false });
});

test('a nightly check tells what is not mutual', async () => {
  const { code, stdout, stderr } = await example('nightly-check.mjs');
  expect(code).toBe(0);
  expect(stderr).toContain('completed: 1000 rows, 1 mutual, 0 failed');
  const lines = stdout.trimEnd().split('\n');
  expect(lines).toHaveLength(999);
  expect(lines).toContain('u0 v50 CheckResult_Type_AWithB');
});

test('an admin backend adds a list', async () => {
  await simulator.setAccounts({ profiles: [{ account: 'shy', allowType: 'need-confirm' }], missing: ['ghost'] });
  const { code, stdout } = await example('admin-add.mjs', 'alice', 'shy', 'ghost');
  expect(code).toBe(0);
  expect(stdout.trimEnd().split('\n').toSorted()[1]).toBe('shy: ok');
  expect(stdout).toContain('ghost: failed with 30003');
});

test('a support tool reads beside a job, and together they stay within the limit', async () => {
  const redis = await testRedis();
  const own = await testSimulator({ ...COMPRESSED_LIMIT });
  const shared = workplace(own, { REDIS_URL: await redis.listen() });
  try {
    await own.seedFriends([
      ['ann', 'bob'],
      ['ann', 'cem'],
    ]);
    const accounts = Array.from({ length: 1200 }, (_, n) => `u${n}`);
    const file = join(shared.dir, 'accounts.csv');
    writeFileSync(file, `account\n${accounts.join('\n')}\n`);
    let over = false;
    const job = shared.report('get', file).finally(() => (over = true));
    const calls = async () => (await own.meter('friend_get')).calls;
    // The job is at full speed, and has most of its calls still before it.
    while ((await calls()) < 200) await new Promise((resolve) => setTimeout(resolve, 10));
    const asked = ['ann', ...Array.from({ length: 199 }, (_, n) => `v${n}`)];
    const { code, stdout, stderr } = await node(shared, shared.dir, join(root, 'examples/beside-a-job.mjs'), ...asked);
    expect(over).toBe(false);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '200 calls of at most 300 a second; all processes agree\n' });
    const lines = stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(200);
    expect(lines).toContain('ann: 2 friends');
    expect(lines).toContain('v7: 0 friends');
    const { report } = await job;
    expectTotals(report, outcomesIn(report.results as string));
    expect(report.totals).toMatchObject({ accepted: 1200, ok: 1200 });
    expect(await calls()).toBe(report.calls.made + 200);
    await expectLimitHeld(own, 'friend_get', COMPRESSED_LIMIT);
    expect(report.calls.throttled).toBe(0);
  } finally {
    await shared.remove();
    await own.close();
    await redis.close();
  }
});

test('the lines of README add a friend, tell the outcome and end', async () => {
  const blocks = codeBlocks(readFileSync(join(root, 'README.md'), 'utf8')).filter(({ language }) => language === 'js');
  const [program] = blocks.map(({ lines }) => lines.join('\n'));
  if (program === undefined) throw new Error('README has no lines of js');
  // From the checkout, where the package finds itself by its name.
  const { code, stdout } = await node(place, root, '--input-type=module', '--eval', program);
  expect({ code, first: stdout.split('\n')[0] }).toEqual({ code: 0, first: 'ann bob ok 0' });
  expect(stdout).toContain('accepted: 1');
});
