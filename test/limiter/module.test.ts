/** The module as another program gets it: out of the packed package, with its types. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { codeBlocks } from '../docs/markdown.ts';
import { httpServer } from '../chat/support/servers.ts';
import { testRedis, type TestRedis } from '../support/redis.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** A program's folder with befriend and what it depends on, and nothing of the checkout's sources. */
const program = mkdtempSync(join(tmpdir(), 'befriend-program-'));
let redis: TestRedis;

beforeAll(async () => {
  redis = await testRedis();
  const modules = join(program, 'node_modules');
  mkdirSync(join(modules, 'befriend'), { recursive: true });
  const packed = execFileSync('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', program], {
    cwd: root,
  });
  const [{ filename }] = JSON.parse(packed.toString()) as [{ filename: string }];
  execFileSync('tar', ['-xzf', join(program, filename), '-C', join(modules, 'befriend'), '--strip-components=1']);
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (!name.startsWith('.')) symlinkSync(join(root, 'node_modules', name), join(modules, name));
  }
  writeFileSync(join(program, 'package.json'), JSON.stringify({ type: 'module' }));
});
afterAll(async () => {
  await redis.close();
  rmSync(program, { recursive: true, force: true });
});

const docs = readFileSync(join(root, 'docs/limiter-module.md'), 'utf8');
const blocks = codeBlocks(docs)
  .filter(({ language }) => language === 'ts')
  .map(({ lines }) => lines.join('\n'));

test('the programs of docs/limiter-module.md are of the types that the package has', () => {
  expect(blocks.length).toBeGreaterThanOrEqual(2);
  for (const [n, text] of blocks.entries()) writeFileSync(join(program, `block-${n}.ts`), text);
  const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022', '--types', 'node'];
  const files = blocks.map((_, n) => `block-${n}.ts`);
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const check = (names: string[]): string => {
    try {
      execFileSync(process.execPath, [tsc, ...options, '--skipLibCheck', ...names], { cwd: program });
      return '';
    } catch (error) {
      return String((error as { stdout: Buffer }).stdout);
    }
  };
  expect(check(files)).toBe('');
  // The types are there at all: a wrong use is found.
  writeFileSync(join(program, 'wrong.ts'), "import { rateOf } from 'befriend/limiter';\nrateOf(7);\n");
  expect(check(['wrong.ts'])).toContain('Expected 2 arguments, but got 1');
});

test('the first program of docs/limiter-module.md runs as it stands', async () => {
  const { url, seen } = await httpServer(({ query }, response) => {
    // The service wants a random number in each URL (60025).
    const random = /^\d+$/.test(query.get('random') ?? '');
    response.end(random ? '{"ErrorCode":0,"FriendNum":3}' : '{"ErrorCode":60025,"ErrorInfo":"random is missing"}');
  });
  const text = (blocks[0] as string).replace('https://console.tim.qq.com', url);
  writeFileSync(join(program, 'first.mjs'), text);
  const env = { PATH: process.env.PATH, REDIS_URL: await redis.listen(), CHAT_USERSIG: 'sig' };
  const child = spawn(process.execPath, ['first.mjs'], { cwd: program, env });
  let output = '';
  child.stdout.on('data', (data) => (output += String(data)));
  child.stderr.on('data', (data) => (output += String(data)));
  const [code] = (await once(child, 'close')) as [number];
  expect({ code, output }).toEqual({ code: 0, output: '3 friends\n' });
  expect(seen.map(({ path }) => path)).toEqual(['/v4/sns/friend_get']);
  expect(seen[0]?.query.get('usersig')).toBe('sig');
});

test('every name in the signatures of the module is exported by it', () => {
  const read = (name: string): string => readFileSync(join(root, 'dist/src/limiter', name), 'utf8');
  const exported = read('index.d.ts');
  const files = ['limiter.d.ts', 'slot.d.ts', 'axios-adapter.d.ts'];
  const mentioned = files.flatMap((file) =>
    [...read(file).matchAll(/import (?:type )?\{([^}]*)\} from '\.[^']*'/g)].flatMap(([, names = '']) =>
      names.split(','),
    ),
  );
  const names = mentioned.map((name) => name.trim().replace(/^type /, '')).filter((name) => name !== '');
  expect(names).toContain('Tuning');
  expect(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(exported))).toEqual([]);
});
