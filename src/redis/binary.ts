import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A redis-server (or valkey-server) that can be started, and the environment it needs. */
export interface RedisBinary {
  path: string;
  env: Record<string, string>;
  version: string;
}

const NAMES = ['redis-server', 'valkey-server'];
const HOMEBREW = ['/opt/homebrew/bin', '/usr/local/bin'];
const OLDEST = [6, 2];

/**
 * Finds a server of version 6.2 or later: BEFRIEND_REDIS_SERVER, PATH, Homebrew's folders, then the private copy that
 * `scripts/setup.mjs` unpacks under `.tools`. Null when there is none; `tried` then says where it looked.
 */
export function findRedisBinary(env: NodeJS.ProcessEnv, tried: string[] = []): RedisBinary | null {
  const explicit = env.BEFRIEND_REDIS_SERVER;
  if (explicit) return probe(explicit, {}, tried);
  for (const folder of [...(env.PATH ?? '').split(delimiter), ...HOMEBREW]) {
    for (const name of NAMES) {
      const path = join(folder, name);
      const found = folder !== '' && existsSync(path) ? probe(path, {}, tried) : null;
      if (found) return found;
    }
  }
  for (const tools of toolsFolders()) {
    const path = join(tools, 'redis/usr/bin/redis-server');
    if (!existsSync(path)) {
      tried.push(`${path}: not there`);
      continue;
    }
    const libraries = ['redis/usr/lib', 'redis/lib'].flatMap((folder) => libraryFolders(join(tools, folder)));
    const found = probe(path, { LD_LIBRARY_PATH: libraries.join(delimiter) }, tried);
    if (found) return found;
  }
  return null;
}

/** `.tools` beside the package, whether this file runs from `src` or from `dist/src`. */
function toolsFolders(): string[] {
  return ['../../.tools', '../../../.tools'].map((path) => fileURLToPath(new URL(path, import.meta.url)));
}

/** Debian puts libraries in a folder named after the machine, e.g. x86_64-linux-gnu. */
function libraryFolders(lib: string): string[] {
  if (!existsSync(lib)) return [];
  return [lib, ...readdirSync(lib).map((name) => join(lib, name))];
}

function probe(path: string, env: Record<string, string>, tried: string[]): RedisBinary | null {
  try {
    const text = execFileSync(path, ['--version'], {
      // No more of our environment than it takes to run: it may hold secrets.
      env: { PATH: process.env.PATH, LD_LIBRARY_PATH: process.env.LD_LIBRARY_PATH, ...env },
      encoding: 'utf8',
      stdio: 'pipe',
    });
    const version = /v=(\d+\.\d+\.\d+)/.exec(text)?.[1];
    if (version === undefined) throw new Error(`no version in: ${text.slice(0, 80)}`);
    const [major = 0, minor = 0] = version.split('.').map(Number);
    if (major < OLDEST[0]! || (major === OLDEST[0] && minor < OLDEST[1]!))
      throw new Error(`${version} is older than 6.2`);
    return { path, env, version };
  } catch (error) {
    tried.push(`${path}: ${(error as Error).message.split('\n')[0]}`);
    return null;
  }
}
