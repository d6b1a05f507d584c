// What `npm pack` would publish: all that runs, and nothing else. Prints sizes; exit code 1 with a line a problem.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const output = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
  encoding: 'utf8',
  stdio: ['ignore', 'pipe', 'ignore'],
});
const [{ files, size, unpackedSize }] = JSON.parse(output);
const paths = files.map(({ path }) => path);

const filesUnder = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));

const scripts = filesUnder('src').filter((path) => path.endsWith('.lua'));
const needed = [
  'package.json',
  'README.md',
  'LICENSE',
  'dist/src/index.js',
  'dist/src/index.d.ts',
  'dist/src/cli/befriend.js',
  ...scripts.map((path) => `dist/${path}`),
];
const unwanted = [
  [/^(test|scripts|docs|data|\.ci|\.tools|src)\//, 'is no part of the product'],
  [/(^|\/)(\.env|\.npmrc|\.befriend)/, 'may hold secrets'],
  [/\.(pem|key|rdb|aof|log)$/, 'may hold secrets'],
  [/\.map$/, 'is a source map'],
  [/\.test\./, 'is a test'],
  [/(?<!\.d)\.m?ts$/, 'is a source, not built'],
];
const secrets = /-----BEGIN [A-Z ]*PRIVATE KEY|_authToken=|\beJ[A-Za-z0-9*_-]{100,}/;

const problems = [
  ...needed.filter((path) => !paths.includes(path)).map((path) => `${path} lacks`),
  ...paths.flatMap((path) => unwanted.filter(([name]) => name.test(path)).map(([, why]) => `${path} ${why}`)),
  ...paths
    .filter((path) => secrets.test(readFileSync(path, 'utf8')))
    .map((path) => `${path} holds what looks like a secret`),
];
console.log(
  `${paths.length} files, ${Math.round(size / 1024)} KB packed, ${Math.round(unpackedSize / 1024)} KB unpacked`,
);
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
