import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { findRedisBinary } from '../../src/redis/binary.ts';

interface Lock {
  packages: Record<string, { version?: string; optional?: boolean }>;
}
const root = fileURLToPath(new URL('../..', import.meta.url));
const { isInstalled, nodeProblem } = (await import(new URL('../../scripts/setup.mjs', import.meta.url).href)) as {
  isInstalled(lockfile: Lock, installed: Lock): boolean;
  nodeProblem(version: string): string | null;
};

describe('nodeProblem', () => {
  it('lets Node 20.19 and later pass, and tells an older one what to do', () => {
    for (const version of ['20.19.0', '20.20.2', '22.0.0', '24.1.0']) expect(nodeProblem(version)).toBeNull();
    for (const version of ['20.18.3', '18.20.0', '16.0.0']) {
      expect(nodeProblem(version)).toMatch(
        new RegExp(`needs Node 20.19 or later; this is Node ${version}.*install`, 's'),
      );
    }
  });
});

describe('isInstalled', () => {
  const lockfile: Lock = { packages: { '': {}, a: { version: '1.0.0' }, b: { version: '2.0.0', optional: true } } };

  it('holds when every package is there in its version, optional ones perhaps not', () => {
    expect(isInstalled(lockfile, { packages: { a: { version: '1.0.0' }, b: { version: '2.0.0' } } })).toBe(true);
    expect(isInstalled(lockfile, { packages: { a: { version: '1.0.0' } } })).toBe(true);
  });

  it('does not hold when one lacks, is of another version, or is too many', () => {
    expect(isInstalled(lockfile, { packages: { b: { version: '2.0.0' } } })).toBe(false);
    expect(isInstalled(lockfile, { packages: { a: { version: '1.0.1' } } })).toBe(false);
    expect(isInstalled(lockfile, { packages: { a: { version: '1.0.0' }, b: { version: '2.0.1' } } })).toBe(false);
    expect(isInstalled(lockfile, { packages: { a: { version: '1.0.0' }, c: { version: '1.0.0' } } })).toBe(false);
  });
});

/** The set-up of a small tree of its own, with the scripts and the packages of this one. */
describe('a set-up', () => {
  let tree: string;
  const source = (): string => join(tree, 'src/cli/befriend.ts');
  const stamp = (): string => join(tree, 'dist/.sources');

  beforeAll(() => {
    tree = mkdtempSync(join(tmpdir(), 'befriend-setup-'));
    for (const name of ['package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json']) {
      cpSync(join(root, name), join(tree, name));
    }
    for (const name of readdirSync(join(root, 'scripts')).filter((file) => file.endsWith('.mjs'))) {
      cpSync(join(root, 'scripts', name), join(tree, 'scripts', name));
    }
    cpSync(join(root, 'src/redis/binary.ts'), join(tree, 'src/redis/binary.ts'));
    mkdirSync(dirname(source()));
    symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'));
  });
  beforeEach(() => writeFileSync(source(), "console.log('befriend runs');\n"));
  afterAll(() => rmSync(tree, { recursive: true, force: true }));

  function setUp(env: Record<string, string> = {}): { status: number | null; said: string } {
    const server = findRedisBinary(process.env);
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(tree, 'scripts/setup.mjs')], {
      encoding: 'utf8',
      env: { PATH: process.env.PATH, ...server?.env, BEFRIEND_REDIS_SERVER: server?.path, ...env },
    });
    return { status, said: stdout + stderr };
  }

  it('builds what is new, then does nothing and says nothing until a source changes', () => {
    expect(setUp()).toEqual({ status: 0, said: expect.stringMatching(/^setup: built in [\d.]+ s\n$/) });
    const built = statSync(stamp()).mtimeMs;
    expect(setUp()).toEqual({ status: 0, said: '' });
    expect(statSync(stamp()).mtimeMs).toBe(built);
    writeFileSync(source(), "console.log('befriend runs on');\n");
    expect(setUp().said).toMatch(/^setup: built/);
    expect(setUp()).toEqual({ status: 0, said: '' });
  });

  it('makes the command runnable where npx looks for it', () => {
    setUp();
    const { bin } = JSON.parse(readFileSync(join(tree, 'package.json'), 'utf8')) as { bin: { befriend: string } };
    const command = realpathSync(join(tree, 'dist', 'src', 'cli', 'befriend.js'));
    expect(realpathSync(join(tree, bin.befriend))).toBe(command);
    expect(statSync(command).mode & 0o111).toBe(0o111);
    expect(resolve(root, 'node_modules/.bin', readlinkSync(join(root, 'node_modules/.bin/befriend')))).toBe(
      join(root, bin.befriend),
    );
  });

  it('fails when the build fails, and builds again the next time', () => {
    writeFileSync(source(), 'const wrong: number = "text";\nconsole.log(wrong);\n');
    const failed = setUp();
    expect(failed.status).toBe(1);
    expect(failed.said).toMatch(/befriend\.ts.*The build did not succeed/s);
    // The last good build stays, and says of which sources it is.
    expect(existsSync(join(tree, 'dist/src/cli/befriend.js'))).toBe(true);
    writeFileSync(source(), "console.log('mended');\n");
    expect(setUp()).toEqual({ status: 0, said: expect.stringMatching(/^setup: built/) });
  });

  it('takes over the lock of a set-up that was killed, and leaves none', () => {
    const lock = join(tree, '.tools/setup.lock');
    const ended = spawnSync(process.execPath, ['-e', '']);
    mkdirSync(dirname(lock), { recursive: true });
    writeFileSync(lock, String(ended.pid));
    writeFileSync(source(), "console.log('again');\n");
    expect(setUp().status).toBe(0);
    expect(existsSync(lock)).toBe(false);
  });

  it('without a redis-server and a way to get one: lists what it tried and what to run', () => {
    const none = { PATH: '/nowhere', BEFRIEND_REDIS_SERVER: '/nowhere/redis-server' };
    setUp();
    const { status, said } = setUp(none);
    expect(status).toBe(1);
    expect(said).toMatch(
      /apt-get download into \.tools\/redis: no apt-get.*sudo apt-get install redis-server.*docker/s,
    );
    expect(said).not.toContain('    at '); // no stack
  });

  it('leaves a user with a Redis of their own alone, but for the tests', () => {
    const own = { PATH: '/nowhere', BEFRIEND_REDIS_SERVER: '/nowhere', REDIS_URL: 'redis://127.0.0.1:1' };
    setUp();
    expect(setUp(own)).toEqual({ status: 0, said: '' });
    expect(setUp({ ...own, npm_lifecycle_event: 'test' }).status).toBe(1);
  });
});
