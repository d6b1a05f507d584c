// Debian's packages without root and without touching the system: downloaded with lists of their own and unpacked into
// .tools/<name>.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Whether PATH leads to a command. */
export function has(command) {
  return (process.env.PATH ?? '').split(':').some((folder) => folder !== '' && existsSync(join(folder, command)));
}

/** `problem`: null, or why the command did not succeed. */
export function run(command, args, cwd) {
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

/**
 * Unpacks the first of `packages` and what it needs. The others are what it usually needs beyond a minimal system: used
 * when apt cannot work it out, e.g. because the system's own packages are in disorder.
 * @returns null when .tools/<name> is in place, else why not. All is done beside it and moved there whole at the end
 */
export function unpackPrivately(root, name, packages) {
  const tools = join(root, '.tools');
  mkdirSync(tools, { recursive: true });
  const work = mkdtempSync(join(tools, 'unpack-'));
  try {
    const apt = privateApt(work);
    // One source of many may fail and do no harm: whether it does, the download tells.
    const update = apt(['update']);
    const download = apt(['download', ...missingPackages(apt, packages)], join(work, 'packages'));
    if (download.problem !== null) return update.problem ?? download.problem;
    const unpacked = join(work, name);
    for (const file of readdirSync(join(work, 'packages'))) {
      const { problem } = run('dpkg-deb', ['-x', join(work, 'packages', file), unpacked]);
      if (problem !== null) return problem;
    }
    rmSync(join(tools, name), { recursive: true, force: true });
    renameSync(unpacked, join(tools, name));
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

/** What apt would install anew: the package itself and what of its needs the system lacks, for this machine. */
function missingPackages(apt, packages) {
  const { stdout, problem } = apt(['-s', 'install', '--no-install-recommends', packages[0]]);
  // A line `Inst name [old version] (new …)` is an upgrade of what is there already, and not needed.
  const names = [...stdout.matchAll(/^Inst (\S+) \(/gm)].map(([, name]) => name);
  return problem === null && names.includes(packages[0]) ? names : packages;
}
