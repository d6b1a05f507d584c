// Builds dist/: TypeScript by tsc, and the Lua scripts copied beside the code that loads them. Writes down from which
// sources; with --if-changed it builds only when they are others.
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { builtDigest, sourceDigest, STAMP } from './digest.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
const digest = sourceDigest(root);
if (process.argv.includes('--if-changed') && builtDigest(root) === digest) process.exit(0);
rmSync(dist, { recursive: true, force: true });
execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
});
cpSync(join(root, 'src'), join(dist, 'src'), {
  recursive: true,
  filter: (path) => !/\.[a-z]+$/.test(path) || path.endsWith('.lua'),
});
const bin = join(dist, 'src/cli/befriend.js');
if (existsSync(bin)) chmodSync(bin, 0o755);
writeFileSync(join(root, STAMP), digest);
