/** The examples of the three kinds of users and README's few lines run as they stand, against the simulator. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { codeBlocks } from './docs/markdown.ts';
import { COMPRESSED_LIMIT, type Workplace, workplace } from './support/command.ts';
import { type TestSimulator, testSimulator } from './support/simulator.ts';

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

const example = (name: string, ...args: string[]) => node(place.dir, join(root, 'examples', name), ...args);

async function node(cwd: string, ...args: string[]) {
  const child = spawn(process.execPath, args, { cwd, env: place.env });
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

test('the lines of README add a friend, tell the outcome and end', async () => {
  const blocks = codeBlocks(readFileSync(join(root, 'README.md'), 'utf8')).filter(({ language }) => language === 'js');
  expect(blocks).toHaveLength(1);
  const program = (blocks[0] as { lines: string[] }).lines.join('\n');
  // From the checkout, where the package finds itself by its name.
  const { code, stdout } = await node(root, '--input-type=module', '--eval', program);
  expect({ code, first: stdout.split('\n')[0] }).toEqual({ code: 0, first: 'ann bob ok 0' });
  expect(stdout).toContain('accepted: 1');
});
