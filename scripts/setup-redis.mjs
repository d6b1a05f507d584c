// Gets a redis-server where none was found. First without root and without touching the system: Debian's packages
// unpacked into .tools/redis (no service, 7 MB). Else by the system's package manager.
import { has, run, unpackPrivately } from './private-packages.mjs';

/** redis-server, and what it needs beyond a minimal Debian or Ubuntu. */
const DEBIAN = ['redis-server', 'redis-tools', 'libjemalloc2', 'liblzf1'];

/** Package managers, in order. `root`: what it asks for; brew refuses to run as root. */
const MANAGERS = [
  {
    name: 'apt-get',
    root: true,
    commands: [
      ['apt-get', 'update'],
      ['apt-get', 'install', '-y', 'redis-server'],
    ],
  },
  {
    name: 'dnf',
    root: true,
    commands: [['dnf', 'install', '-y', 'redis']],
    otherwise: [['dnf', 'install', '-y', 'valkey']],
  },
  {
    name: 'apk',
    root: true,
    commands: [['apk', 'add', '--no-cache', 'redis']],
    otherwise: [['apk', 'add', '--no-cache', 'valkey']],
  },
  { name: 'pacman', root: true, commands: [['pacman', '-Sy', '--noconfirm', 'valkey']] },
  { name: 'brew', root: false, commands: [['brew', 'install', 'redis']] },
];

/**
 * How a redis-server was got, or null; `tried` then says what was tried and what came of it. `ready` tells whether
 * befriend finds one now.
 */
export async function obtainRedis(root, tried, ready) {
  if (has('apt-get') && has('dpkg-deb')) {
    const problem = unpackPrivately(root, 'redis', DEBIAN);
    if (problem === null && (await ready())) return 'Debian packages unpacked into .tools/redis';
    tried.push(`apt-get download into .tools/redis: ${problem ?? 'the server does not run'}`);
  } else {
    tried.push('apt-get download into .tools/redis: no apt-get and dpkg-deb here');
  }
  for (const manager of MANAGERS.filter(({ name }) => has(name))) {
    if (manager.root !== (process.getuid?.() === 0)) {
      tried.push(`${manager.name}: ${manager.root ? 'needs root' : 'does not run as root'}`);
      continue;
    }
    let problem = runAll(manager.commands);
    if (problem !== null && manager.otherwise) problem = runAll(manager.otherwise);
    if (await ready()) return `installed with ${manager.name}`;
    tried.push(`${manager.name}: ${problem ?? 'installed, but no redis-server of 6.2 or later came of it'}`);
  }
  return null;
}

/** Null when every command succeeded, else what the first one that did not said last. */
function runAll(commands) {
  for (const [command, ...args] of commands) {
    const { problem } = run(command, args);
    if (problem !== null) return problem;
  }
  return null;
}
