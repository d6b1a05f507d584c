// Makes a fresh clone ready to run: dependencies, dist/, the `befriend` command and a redis-server. Needs nothing but
// Node and npm. Every step looks first whether it is done, so a second run takes a fraction of a second and says
// nothing. What it does is told on stderr, one line a step, with seconds.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, readlinkSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, dirname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { builtDigest, sourceDigest } from './digest.mjs';
import { obtainRedis } from './setup-redis.mjs';

const OLDEST_NODE = [20, 19];

/** What stops a set-up, in words for the user: shown without a stack. */
class SetupError extends Error {}

/** The complaint about a Node that is too old, or null. */
export function nodeProblem(version) {
  const [major, minor] = version.split('.').map(Number);
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return null;
  return (
    `befriend needs Node ${OLDEST_NODE.join('.')} or later; this is Node ${version}. Install a newer one ` +
    '(https://nodejs.org, or: nvm install 22) and run the command again.'
  );
}

/**
 * Whether what npm put into node_modules (its own record, written when an install is complete) is what the lockfile
 * asks for. Packages for other platforms may be absent.
 */
export function isInstalled(lockfile, installed) {
  const wanted = Object.entries(lockfile.packages).filter(([path]) => path !== '');
  const there = installed.packages;
  return (
    wanted.every(([path, { version, optional, devOptional, link }]) =>
      there[path] === undefined ? Boolean(optional || devOptional || link) : there[path].version === version,
    ) && Object.keys(there).every((path) => lockfile.packages[path] !== undefined)
  );
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return null;
  }
}

function dependenciesReady(root) {
  const installed = readJson(join(root, 'node_modules/.package-lock.json'));
  const lockfile = readJson(join(root, 'package-lock.json'));
  return installed !== null && lockfile !== null && isInstalled(lockfile, installed);
}

/** The user's own registry, proxy and npm settings hold: the environment and .npmrc files are npm's to read. */
function installDependencies(root) {
  const npm = process.env.npm_execpath;
  const [command, first] = npm && /npm-cli\.c?js$/.test(npm) ? [process.execPath, [npm]] : ['npm', []];
  // The build needs devDependencies, also where NODE_ENV=production is set.
  const { status, error, stdout, stderr } = spawnSync(command, [...first, 'ci', '--include=dev'], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (status === 0) return;
  const said = error ? error.message : `${stdout}${stderr}`.trim().split('\n').slice(-20).join('\n');
  throw new SetupError(
    `npm ci did not succeed:\n${said}\nIs the registry reachable (npm config get registry), and a proxy set where one ` +
      'is needed (npm config set https-proxy …)? Then run the command again.',
  );
}

function buildReady(root) {
  return builtDigest(root) === sourceDigest(root);
}

function build(root) {
  const { status } = spawnSync(process.execPath, [join(root, 'scripts/build.mjs')], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (status !== 0) throw new SetupError('The build did not succeed; see above.');
}

const BIN_TARGET = '../../dist/src/cli/befriend.js';

function commandReady(root) {
  try {
    return readlinkSync(join(root, 'node_modules/.bin/befriend')) === BIN_TARGET;
  } catch {
    return false;
  }
}

/** npm does not link a package's own command; with the link, `npx befriend` runs this checkout. */
function linkCommand(root) {
  const link = join(root, 'node_modules/.bin/befriend');
  rmSync(link, { force: true });
  symlinkSync(BIN_TARGET, link);
}

/** One set-up of a tree at a time: two `npm ci` at once would pull the files from under each other. */
async function exclusively(root, work) {
  const lock = join(root, '.tools/setup.lock');
  mkdirSync(dirname(lock), { recursive: true });
  for (let told = false; ;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' });
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    if (!ownerLives(lock)) rmSync(lock, { force: true });
    else if (!told) {
      told = true;
      console.error(`setup: another set-up of this folder is running, waiting for it (${lock})`);
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  try {
    return await work();
  } finally {
    rmSync(lock, { force: true });
  }
}

function ownerLives(lock) {
  try {
    // An empty file was made this instant; its owner is about to write its id.
    const pid = Number(readFileSync(lock, 'utf8'));
    if (pid > 0) process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code !== 'ESRCH'; // also when the file is gone: then look again
  }
}

/** Runs a step where it is not done yet, and tells how long it took. */
async function step(ready, what, work) {
  if (await ready()) return;
  const start = performance.now();
  const detail = (await work()) ?? '';
  console.error(`setup: ${what}${detail && ` (${detail})`} in ${((performance.now() - start) / 1000).toFixed(1)} s`);
}

/** A server of the user's own makes ours unnecessary, but for the tests, which kill theirs. */
async function redisReady(root) {
  const { findRedisBinary } = await import(pathToFileURL(join(root, 'dist/src/redis/binary.js')).href);
  if (findRedisBinary(process.env) !== null) return true;
  return Boolean(process.env.REDIS_URL) && process.env.npm_lifecycle_event !== 'test';
}

async function steps(root) {
  await step(
    () => dependenciesReady(root),
    'dependencies installed',
    () => installDependencies(root),
  );
  await step(
    () => buildReady(root),
    'built',
    () => build(root),
  );
  if (!commandReady(root)) linkCommand(root);
  await step(
    () => redisReady(root),
    'redis-server ready',
    async () => {
      const tried = [];
      const how = await obtainRedis(root, tried, () => redisReady(root));
      if (how !== null) return how;
      throw new SetupError(
        'No redis-server was found, and none could be installed:\n' +
          tried.map((line) => `  ${line}`).join('\n') +
          '\nInstall one, e.g. `sudo apt-get install redis-server`, `sudo dnf install redis`, `apk add redis`, `brew ' +
          'install redis`; or run `docker compose up -d redis` and set REDIS_URL=redis://127.0.0.1:6379. Then run the ' +
          'command again.',
      );
    },
  );
}

/** Makes `root` ready. Takes the lock only when there is something to do. */
export async function setUp(root) {
  const problem = nodeProblem(process.versions.node);
  if (problem !== null) throw new SetupError(problem);
  if (dependenciesReady(root) && buildReady(root) && commandReady(root) && (await redisReady(root))) return;
  await exclusively(root, () => steps(root));
}

async function main(root) {
  try {
    await setUp(root);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(`setup: ${error.message}`);
    process.exitCode = 1;
  }
}

const self = fileURLToPath(import.meta.url);
if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === self) await main(dirname(dirname(self)));
