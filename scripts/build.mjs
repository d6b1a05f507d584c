// Builds dist/: TypeScript by tsc, and the Lua scripts copied beside the code that loads them. Writes down from which
// sources; with --if-changed it builds only when they are others. The new dist takes the old one's place whole.
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { builtDigest, sourceDigest, STAMP } from './digest.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(root, 'dist');
const digest = sourceDigest(root);
if (process.argv.includes('--if-changed') && builtDigest(root) === digest) process.exit(0);

const next = join(root, `dist.${process.pid}`);
const last = `${next}.old`;
try {
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--outDir', next], { cwd: root, stdio: 'inherit' });
  cpSync(join(root, 'src'), join(next, 'src'), {
    recursive: true,
    filter: (path) => !/\.[a-z]+$/.test(path) || path.endsWith('.lua'),
  });
  chmodSync(join(next, 'src/cli/befriend.js'), 0o755);
  if (existsSync(dist)) renameSync(dist, last);
  renameSync(next, dist);
  writeFileSync(join(root, STAMP), digest);
} finally {
  for (const folder of [next, last]) rmSync(folder, { recursive: true, force: true });
}
