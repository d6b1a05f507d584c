/** An intake at work is never taken away, whoever looks; what dead ones left goes. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openIntakeFolder, removeLitter } from '../../src/jobs/intake-folder.ts';

const MODULE = new URL('../../dist/src/jobs/intake-folder.js', import.meta.url).href;
const DAY_MS = 24 * 60 * 60 * 1000;

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'befriend-intake-folder-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const left = (): string[] => readdirSync(join(home, 'intake')).toSorted();
const age = (path: string, ms: number): void => utimesSync(path, (Date.now() - ms) / 1000, (Date.now() - ms) / 1000);

/** A folder of this machine's `host@space` with other parts in its place. */
async function folderOf(change: { host?: string; space?: string; pid?: string }, ms = 0): Promise<string> {
  const sample = openIntakeFolder(home, 'sample', Date.now);
  const [host, space] = sample.path.slice(join(home, 'intake').length + 1).split('@') as [string, string];
  await sample.remove();
  const { pid = '1' } = change;
  const path = join(home, 'intake', `${change.host ?? host}@${change.space ?? space}@${pid}@job`);
  mkdirSync(join(path, 'work'), { recursive: true });
  age(path, ms);
  return path;
}

/** The number of a process that was. */
async function deadPid(): Promise<string> {
  const child = spawn('true');
  await once(child, 'exit');
  return String(child.pid);
}

test('what a dead process of the same machine and container left goes at once', async () => {
  const dead = await folderOf({ pid: await deadPid() });
  await removeLitter(home, Date.now());
  expect(existsSync(dead)).toBe(false);
});

test('a living process keeps its intake, however long it was suspended', async () => {
  const alive = await folderOf({ pid: String(process.ppid) }, 2 * DAY_MS);
  await removeLitter(home, Date.now());
  expect(existsSync(alive)).toBe(true);
});

test.each([
  { of: 'another host', change: { host: 'elsewhere' } },
  { of: 'another PID namespace or boot', change: { space: '0badb007-4026532999' } },
])('an intake of $of stays while it gives signs of life, and goes a day after the last', async ({ change }) => {
  const pid = await deadPid();
  const fresh = await folderOf({ ...change, pid }, DAY_MS - 60_000);
  await removeLitter(home, Date.now());
  expect(existsSync(fresh)).toBe(true);
  age(fresh, DAY_MS + 60_000);
  await removeLitter(home, Date.now());
  expect(existsSync(fresh)).toBe(false);
});

test('the own intake stays; that of a predecessor with the same process id goes a day later', async () => {
  const mine = openIntakeFolder(home, 'mine', Date.now);
  const predecessors = await folderOf({ pid: String(process.pid) }, DAY_MS + 60_000);
  await removeLitter(home, Date.now());
  expect([existsSync(mine.path), existsSync(predecessors)]).toEqual([true, false]);
  await mine.remove();
  expect(left()).toEqual([]);
});

test('a name of another shape is judged by its age alone', async () => {
  mkdirSync(join(home, 'intake', 'host@999999999@job'), { recursive: true });
  mkdirSync(join(home, 'intake', 'notes'));
  age(join(home, 'intake', 'notes'), 2 * DAY_MS);
  await removeLitter(home, Date.now());
  expect(left()).toEqual(['host@999999999@job']);
});

test('an intake gives signs of life until it is removed, also when its folder became a job in between', async () => {
  const now = Date.now();
  const folder = openIntakeFolder(home, 'job', () => now, { beatMs: 1 });
  age(folder.path, 2 * DAY_MS);
  await vi.waitFor(() => expect(statSync(folder.path).mtimeMs).toBeCloseTo(now, -1));
  renameSync(folder.path, join(home, 'jobs', 'job'));
  await folder.remove();
  expect(left()).toEqual([]);
  expect(existsSync(join(home, 'jobs', 'job'))).toBe(true);
});

const UNSHARE = ['unshare', ...(process.getuid?.() === 0 ? [] : ['-r']), '-p', '-f', '--mount-proc'] as const;
const NO_NAMESPACES = spawnSync(UNSHARE[0], [...UNSHARE.slice(1), 'true']).status !== 0;

test.skipIf(NO_NAMESPACES)(
  'a process of another PID namespace with the same host name and home keeps off',
  async () => {
    const mine = openIntakeFolder(home, 'mine', Date.now);
    const script = `const { removeLitter } = await import(process.argv[1]); await removeLitter(process.argv[2], Date.now());`;
    const node = [process.execPath, '--input-type=module', '-e', script, MODULE, home];
    const look = (...through: readonly string[]) => {
      const [command, ...args] = [...through, ...node] as [string, ...string[]];
      const { status, stderr } = spawnSync(command, args, {
        encoding: 'utf8',
        cwd: fileURLToPath(new URL('.', MODULE)),
      });
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    };
    look(...UNSHARE);
    expect(existsSync(mine.path)).toBe(true);
    // And one that a process over there left is none of this one's business before its day is over.
    const there = `const { openIntakeFolder } = await import(process.argv[1]); openIntakeFolder(process.argv[2], 'there', Date.now);`;
    const made = spawnSync(UNSHARE[0], [...UNSHARE.slice(1), ...node.slice(0, 3), there, MODULE, home]);
    expect(made.status).toBe(0);
    look();
    expect(left()).toHaveLength(2);
    await mine.remove();
  },
);
