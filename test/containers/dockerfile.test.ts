/**
 * Dockerfile and .dockerignore as far as they can be judged by reading; .ci/image.mjs runs the Dockerfile's steps.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { root } from './support.ts';

interface Instruction {
  name: string;
  text: string;
}
const { contextFilter, copyOf, instructionsOf } = (await import(
  new URL('../../.ci/dockerfile.mjs', import.meta.url).href
)) as {
  contextFilter(dockerignore: string): (path: string) => boolean;
  copyOf(text: string): { from: string | null; sources: string[]; target: string };
  instructionsOf(text: string): Instruction[];
};

const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const instructions = instructionsOf(read('Dockerfile'));
const last = instructions.slice(instructions.findLastIndex(({ name }) => name === 'FROM'));
const textsOf = (name: string, list = instructions) => list.filter((one) => one.name === name).map(({ text }) => text);

describe('.dockerignore', () => {
  const isIn = contextFilter(read('.dockerignore'));

  test.each([
    'node_modules/axios/index.js',
    '.tools/redis/usr/bin/redis-server',
    '.git/config',
    '.env',
    'src/.env',
    '.befriend/jobs/1/results.jsonl',
    'src/cli/.befriend/redis/redis.sock',
    'dist/src/index.js',
    'test/end-to-end.test.ts',
    'friends.csv',
    'data/friends.csv',
    'scripts/setup.mjs',
    'srcs/other.ts',
  ])('leaves out %s', (path) => expect(isIn(path)).toBe(false));

  test.each(['package.json', 'package-lock.json', 'src/jobs/claim.lua', 'workers/all.ts', 'scripts/build.mjs'])(
    'lets in %s',
    (path) => expect(isIn(path)).toBe(true),
  );

  test('lets in all that the Dockerfile copies, and it is there', () => {
    const sources = textsOf('COPY')
      .map(copyOf)
      .flatMap(({ from, sources: list }) => (from === null ? list : []));
    expect(sources.length).toBeGreaterThan(5);
    expect(sources.filter((source) => !isIn(source) || !existsSync(join(root, source)))).toEqual([]);
  });

  test('the last pattern that matches decides, as for Docker', () => {
    const among = contextFilter('*\n!src\n**/*.log\n!src/keep.log\n');
    expect(['src/a.ts', 'src/deep/b.log', 'src/keep.log', 'other'].map(among)).toEqual([true, false, true, false]);
  });
});

describe('Dockerfile', () => {
  test('starts befriend without a shell, as a user that is not root, with nothing of development', () => {
    expect(textsOf('ENTRYPOINT', last)).toEqual(['["befriend"]']);
    expect(textsOf('USER', last)).toEqual(['1000:1000']);
    expect(textsOf('RUN', last).filter((text) => text.includes('npm'))).toEqual([]);
    expect(textsOf('ENV', last).join(' ')).toContain('NODE_ENV=production');
    const from = textsOf('COPY', last).map((text) => copyOf(text).from);
    expect(from).toEqual([null, 'dependencies', 'build']);
  });

  test('installs what the lockfile says and builds as scripts/build.mjs does', () => {
    expect(textsOf('RUN').filter((text) => /^(npm|node) /.test(text))).toEqual([
      'npm ci --omit=dev --ignore-scripts',
      'npm ci --include=dev --ignore-scripts',
      'node scripts/build.mjs',
    ]);
    const { engines } = JSON.parse(read('package.json')) as { engines: { node: string } };
    const [, version] = /node:(\d+)-/.exec(textsOf('ARG').join(' ')) ?? [];
    expect(Number(version)).toBeGreaterThanOrEqual(Number(/\d+/.exec(engines.node)?.[0]));
  });

  test('all stages are of one image', () => {
    const bases = textsOf('FROM').map((text) => text.split(' ')[0]);
    expect(new Set(bases)).toEqual(new Set([textsOf('ARG').map((text) => `\${${text.split('=')[0]}}`)[0]]));
  });
});
