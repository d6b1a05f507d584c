// Gets a redis-server where none was found. First without root and without touching the system: Debian's packages
// unpacked into .tools/redis (no service, 7 MB). Else by the system's package manager.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/**
 * What redis-server of Debian and Ubuntu needs beyond a minimal system. Used when apt cannot work it out, e.g. because
 * the system's own packages are in disorder.
 */
const USUAL_PACKAGES = ['redis-server', 'redis-tools', 'libjemalloc2', 'liblzf1'];

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
    const problem = unpackPrivately(root);
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

function has(command) {
  return (process.env.PATH ?? '').split(':').some((folder) => folder !== '' && existsSync(join(folder, command)));
}

/** Null when every command succeeded, else what the first one that did not said last. */
function runAll(commands) {
  for (const [command, ...args] of commands) {
    const { problem } = run(command, args);
    if (problem !== null) return problem;
  }
  return null;
}

function run(command, args, cwd) {
  const { status, error, stdout, stderr } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' },
  });
  if (error) return { stdout: '', problem: error.message };
  if (status === 0) return { stdout, problem: null };
  const said = (stderr.trim() || stdout.trim()).split('\n').slice(-3).join(' | ');
  return { stdout, problem: `exit code ${status}: ${said}` };
}

/** Null when .tools/redis is in place, else why not. All is done beside it and moved there whole at the end. */
function unpackPrivately(root) {
  const tools = join(root, '.tools');
  mkdirSync(tools, { recursive: true });
  const work = mkdtempSync(join(tools, 'unpack-'));
  try {
    const apt = privateApt(work);
    // One source of many may fail and do no harm: whether it does, the download tells.
    const update = apt(['update']);
    const download = apt(['download', ...missingPackages(apt)], join(work, 'packages'));
    if (download.problem !== null) return update.problem ?? download.problem;
    const unpacked = join(work, 'redis');
    for (const file of readdirSync(join(work, 'packages'))) {
      const { problem } = run('dpkg-deb', ['-x', join(work, 'packages', file), unpacked]);
      if (problem !== null) return problem;
    }
    rmSync(join(tools, 'redis'), { recursive: true, force: true });
    renameSync(unpacked, join(tools, 'redis'));
    return null;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** apt-get with lists and cache of its own under `work`, which any user may run. Sources and keys are the system's. */
function privateApt(work) {
  for (const folder of ['lists/partial', 'cache/archives/partial', 'packages']) {
    mkdirSync(join(work, folder), { recursive: true });
  }
  const settings = [
    `Dir::State::lists=${join(work, 'lists')}`,
    `Dir::Cache=${join(work, 'cache')}`,
    'Debug::NoLocking=1',
    // As root apt would fetch as user _apt, who cannot write here.
    `APT::Sandbox::User=${process.getuid?.() === 0 ? 'root' : ''}`,
    'APT::Update::Error-Mode=any',
    'Acquire::Languages=none',
    'Acquire::Retries=2',
    'Acquire::http::Timeout=20',
    'Acquire::https::Timeout=20',
  ].flatMap((setting) => ['-o', setting]);
  return (args, cwd) => run('apt-get', ['-q', ...settings, ...args], cwd);
}

/** What apt would install anew for redis-server: itself and its libraries that the system lacks, for this machine. */
function missingPackages(apt) {
  const { stdout, problem } = apt(['-s', 'install', '--no-install-recommends', 'redis-server']);
  // A line `Inst name [old version] (new …)` is an upgrade of what is there already, and not needed.
  const names = [...stdout.matchAll(/^Inst (\S+) \(/gm)].map(([, name]) => name);
  return problem === null && names.includes('redis-server') ? names : USUAL_PACKAGES;
}
