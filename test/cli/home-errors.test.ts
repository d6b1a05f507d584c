/** Everything that can be wrong with BEFRIEND_HOME and its disk, and what is said; and that it is private. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { COMPRESSED_LIMIT, type Finished, outcomesIn, type Workplace, workplace } from '../support/command.ts';
import { type TestSimulator, testSimulator } from '../support/simulator.ts';
import { noSmallDisk, type SmallDisk, smallDisk } from '../support/small-disk.ts';

const BEFRIEND = fileURLToPath(new URL('../../dist/src/cli/befriend.js', import.meta.url));
const ROWS = [
  ['a', 'b'],
  ['b', 'a'],
] as const;

let simulator: TestSimulator;
const places: Workplace[] = [];

function place(settings: Record<string, string> = {}): Workplace {
  const made = workplace(simulator, settings);
  places.push(made);
  return made;
}

function expectClean({ stdout, stderr }: Finished): void {
  expect(stdout).toBe('');
  expect(stderr).not.toMatch(/\n\s+at /);
}

beforeAll(async () => {
  simulator = await testSimulator({ ...COMPRESSED_LIMIT });
});
afterAll(async () => {
  await Promise.all(places.map((made) => made.remove()));
  await simulator.close();
});

describe('a home that cannot be used ends the command before anything is read or sent', () => {
  const linux = process.platform === 'linux';
  const cases: [wrong: string, home: (dir: string) => string, says: RegExp][] = [
    [
      'a file',
      (dir) => write(join(dir, 'file')),
      /it is a file, or a file is in its way\. Set BEFRIEND_HOME to a folder/,
    ],
    ['under a file', (dir) => join(write(join(dir, 'file')), 'home'), /a file is in its way/],
    ['under a device', () => '/dev/null/x', /a file is in its way/],
    ['a link that leads nowhere', (dir) => link('/nowhere/at/all', join(dir, 'link')), /link that leads nowhere/],
    ['a link to itself', (dir) => link(join(dir, 'loop'), join(dir, 'loop')), /lead in a circle/],
    ['too long a path', (dir) => join(dir, ...Array.from({ length: 30 }, () => 'x'.repeat(200))), /path is too long/],
    ['too long a name', (dir) => join(dir, 'x'.repeat(300)), /path is too long/],
    ...(linux ? [['/proc', () => '/proc/x', /no folder can be made there/] as [string, () => string, RegExp]] : []),
  ];

  /** What is said, once the rest is as it should be. */
  async function refusal(made: Workplace, ...args: string[]): Promise<string> {
    const finished = await made.run(...args);
    expect(finished.stderr).toMatch(/^befriend: The home .* cannot be used: .*Nothing was read or sent\.\n$/);
    expect(finished.code).toBe(2);
    expectClean(finished);
    return finished.stderr;
  }

  test.concurrent.each(cases)('%s', async (_wrong, homeIn, says) => {
    const made = place();
    made.env.BEFRIEND_HOME = homeIn(made.dir);
    expect(await refusal(made, 'jobs')).toMatch(says);
  });

  test.each([[[]], [['--dry-run']]])('import %j', async (flags) => {
    const made = place();
    const file = made.csv('rows.csv', ROWS);
    made.env.BEFRIEND_HOME = file;
    expect(await refusal(made, 'import', file, ...flags)).toMatch(/it is a file/);
    expect((await simulator.meter('friend_import')).calls).toBe(0);
  });

  test.skipIf(process.getuid?.() !== 0)("another user's", async () => {
    const made = place();
    mkdirSync(made.home, { mode: 0o700 });
    chownSync(made.home, 65_534, 65_534);
    // Root without the right to pass over permissions: the checkout may be readable by root alone.
    const mortal = ['--bounding-set=-dac_override,-dac_read_search', process.execPath];
    const child = spawn('setpriv', [...mortal, BEFRIEND, 'jobs'], { cwd: '/', env: made.env });
    const finished = await ended(child);
    expect(finished.stderr).toMatch(/this user may not write there\. Let this user write there \(chown, chmod\)/);
    expect(finished.code).toBe(2);
    expectClean(finished);
  });

  function write(path: string): string {
    writeFileSync(path, '');
    return path;
  }

  function link(target: string, path: string): string {
    symlinkSync(target, path);
    return path;
  }
});

test('what is in the home is for its user alone; what is copied out of it follows the umask', async () => {
  const made = place();
  const { code } = await made.run('import', made.csv('rows.csv', [...ROWS, ['', 'x']]), '--out', 'out.jsonl');
  expect(code).toBe(1);
  const open = readdirSync(made.home, { recursive: true, encoding: 'utf8' })
    .map((path) => ({ path, stats: statSync(join(made.home, path)) }))
    .filter(({ stats }) => (stats.mode & 0o077) !== 0)
    .map(({ path, stats }) => `${path} ${(stats.mode & 0o777).toString(8)}`);
  expect(open.filter((entry) => !entry.startsWith('redis/'))).toEqual([]);
  expect(statSync(made.home).mode & 0o777).toBe(0o700);
  expect(statSync(join(made.home, 'redis')).mode & 0o777).toBe(0o700);
  const fresh = join(made.dir, 'fresh');
  writeFileSync(fresh, '');
  expect(statSync(join(made.dir, 'out.jsonl')).mode).toBe(statSync(fresh).mode);
});

const reason = noSmallDisk();
describe.skipIf(reason !== null)(`a home on a small disk${reason === null ? '' : ` (skipped: ${reason})`}`, () => {
  let disk: SmallDisk;
  let made: Workplace;

  async function mounted(size: string, settings: Record<string, string> = {}): Promise<void> {
    made = place(settings);
    disk = await smallDisk(made.home, size);
  }

  function start(...args: string[]) {
    const [command, ...before] = disk.through;
    const child = spawn(command!, [...before, process.execPath, BEFRIEND, ...args], {
      cwd: made.dir,
      env: made.env,
    });
    return { child, done: ended(child) };
  }

  afterEach(async () => {
    await made.killAll();
    await disk.close();
  });

  test('read-only', async () => {
    await mounted('4m');
    disk.remount('ro');
    const finished = await start('jobs').done;
    expect(finished.stderr).toMatch(/^befriend: The home .* cannot be used: it is on a read-only file system\. Set/);
    expect(finished.code).toBe(2);
    expectClean(finished);
  });

  test('full before its Redis can start', async () => {
    await mounted('4m');
    disk.fill();
    const finished = await start('import', made.csv('rows.csv', ROWS)).done;
    expect(finished.stderr).toMatch(/disk is full\. Free some space there/);
    expect([2, 4]).toContain(finished.code);
    expectClean(finished);
    disk.free();
    expect((await start('import', made.csv('rows.csv', ROWS)).done).code).toBe(0);
  });

  test('too small for the work: that is said at its beginning, nothing is left over, and the same command works with more room', async () => {
    await mounted('20m');
    const rows = Array.from({ length: 400_000 }, (_, n) => [`somebody${n % 100}`, `another${n}`] as const);
    const file = made.csv('rows.csv', rows);
    const full = await start('check', file).done;
    expect(full.stderr).toMatch(
      /the work on this input takes about \d+ MB of disk, and \d+ MB are free there\. .* Nothing was accepted/,
    );
    expect(full.code).toBe(2);
    expectClean(full);
    expect(readdirSync(join(disk.seen, 'jobs'))).toEqual([]);
    expect(readdirSync(join(disk.seen, 'intake'))).toEqual([]);
    disk.remount('size=200m');
    expect((await start('check', file, '--dry-run').done).code).toBe(0);
  });

  test('full during intake: nothing is accepted or left over, and the same command works with more room', async () => {
    await mounted('2m');
    const rows = Array.from({ length: 40_000 }, (_, n) => [`somebody${n % 100}`, `another${n}`] as const);
    const file = made.csv('rows.csv', rows);
    const full = await start('check', file).done;
    expect(full.stderr).toMatch(/the disk is full\. Intake needs two/);
    expect(full.code).toBe(2);
    expectClean(full);
    expect(readdirSync(join(disk.seen, 'jobs'))).toEqual([]);
    expect(readdirSync(join(disk.seen, 'intake'))).toEqual([]);
    disk.remount('size=100m');
    expect((await start('check', file).done).code).toBe(0);
  });

  test('full during the job: it says so and waits; the job is kept, and the same command ends it', async () => {
    await mounted('24m', { CHAT_CALLS_PER_SECOND: '8' });
    const rows = Array.from({ length: 400 }, (_, n) => [`from${n}`, `to${n}`] as const);
    const file = made.csv('rows.csv', rows);
    // Absolute: nsenter leaves the working directory.
    const out = join(made.dir, 'out.jsonl');
    const command = start('check', file, '--out', out);
    await heard(command.child.stderr, /rows accepted/);
    disk.fill();
    await heard(command.child.stderr, /the disk of .* is full: free some space there; all goes on by itself then/);
    command.child.kill('SIGINT');
    const stopped = await command.done;
    expect(stopped.stderr).toMatch(/befriend: (interrupted|Redis cannot write its data to disk).*same command/);
    expect([4, 130]).toContain(stopped.code);
    expect(stopped.stderr.split('befriend: ')[1]).not.toMatch(/\n\s+at /);
    disk.free();
    const { code, stderr } = await start('check', file, '--out', out).done;
    expect(stderr).toMatch(/going on with its \d+ open rows of 400 accepted/);
    expect(code).toBe(0);
    const from = outcomesIn(out).map((outcome) => outcome.from);
    expect({ rows: from.length, accounts: new Set(from).size }).toEqual({ rows: 400, accounts: 400 });
  });
});

async function ended(child: ReturnType<typeof spawn>): Promise<Finished> {
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (data) => (stdout += String(data)));
  child.stderr?.on('data', (data) => (stderr += String(data)));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

/** Resolves when the stream has said it. */
async function heard(stream: NodeJS.ReadableStream | null, words: RegExp): Promise<void> {
  let text = '';
  await new Promise<void>((resolve, reject) => {
    stream?.on('data', (data) => {
      text += String(data);
      if (words.test(text)) resolve();
    });
    stream?.once('close', () => reject(new Error(`ended without ${words}:\n${text}`)));
  });
}
