// Does in a folder what the Dockerfile does in an image, for machines without an engine: its COPY steps from what
// .dockerignore lets in, and its npm and node steps. Then runs the last stage as a user that is not root: the version,
// and the demo with a private Redis. Steps that change the system (apt-get, ln, install) are named and left out.
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { contextOf, copyOf, instructionsOf } from './dockerfile.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const work = mkdtempSync(join(tmpdir(), 'befriend-image-'));

/** The stages in order, each with its root folder and the place where its next step runs. */
const stages = [];
const folderOf = (name) => (name === null ? join(work, 'context') : stages.find((stage) => stage.name === name).root);

function step({ name, text }) {
  const stage = stages.at(-1);
  if (name === 'FROM') {
    const [, named] = / AS (\w+)$/i.exec(text) ?? [];
    stages.push({ name: named, root: join(work, `stage-${stages.length}`), cwd: '/', env: {} });
  } else if (name === 'WORKDIR') {
    stage.cwd = resolve(stage.cwd, text);
    mkdirSync(join(stage.root, stage.cwd), { recursive: true });
  } else if (name === 'COPY') copy(stage, copyOf(text));
  else if (name === 'RUN') run(stage, text);
}

/** A folder's contents go to the target; several sources, or a target that ends with /, make it a folder. */
function copy(stage, { from, sources, target }) {
  const to = join(stage.root, resolve(stage.cwd, target));
  const isFolder = target.endsWith('/') || sources.length > 1;
  for (const source of sources) {
    const path = join(folderOf(from), source);
    if (!existsSync(path)) throw new Error(`COPY ${source}: not there. Does .dockerignore let it in?`);
    const name = isFolder ? join(to, source.split('/').at(-1)) : to;
    cpSync(path, name, { recursive: true, verbatimSymlinks: true });
  }
}

function run(stage, text) {
  if (!/^(npm|node) /.test(text)) {
    console.log(`not run here: ${text}`);
    return;
  }
  console.log(text);
  execFileSync('sh', ['-c', text], { cwd: join(stage.root, stage.cwd), stdio: ['ignore', 'ignore', 'inherit'] });
}

/** Runs befriend of the last stage, as uid 1000 where that is possible. */
function befriend(home, ...args) {
  const command = join(stages.at(-1).root, 'opt/befriend/dist/src/cli/befriend.js');
  const env = { PATH: process.env.PATH, BEFRIEND_HOME: home };
  const drop = process.getuid() === 0 ? ['setpriv', '--reuid=1000', '--regid=1000', '--clear-groups'] : ['env'];
  const [first, ...rest] = [...drop, process.execPath, command, ...args];
  const { status, stdout, stderr } = spawnSync(first, rest, { cwd: home, env, encoding: 'utf8', timeout: 120_000 });
  if (status !== 0) throw new Error(`befriend ${args.join(' ')}: exit code ${status}\n${stdout}${stderr}`);
  return stdout;
}

try {
  chmodSync(work, 0o755);
  for (const path of contextOf(root, readFileSync(join(root, '.dockerignore'), 'utf8'))) {
    cpSync(join(root, path), join(work, 'context', path));
  }
  for (const instruction of instructionsOf(readFileSync(join(root, 'Dockerfile'), 'utf8'))) step(instruction);
  const modules = readdirSync(join(stages.at(-1).root, 'opt/befriend/node_modules'));
  const odd = ['typescript', 'vitest', 'oxlint', 'prettier', 'fast-check'].filter((name) => modules.includes(name));
  if (odd.length > 0) throw new Error(`for development only, but in the image: ${odd.join(', ')}`);
  // For the redis-server that the image installs.
  const redis = join(root, '.tools/redis');
  if (existsSync(redis)) {
    const target = join(stages.at(-1).root, 'opt/befriend/.tools/redis');
    cpSync(redis, target, { recursive: true, verbatimSymlinks: true });
  }
  const home = join(work, 'home');
  mkdirSync(home);
  chmodSync(home, 0o1777);
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const printed = befriend(home, '--version');
  if (printed !== `${version}\n`) throw new Error(`befriend --version prints ${printed}`);
  const demo = befriend(home, 'demo', '--accounts', '60');
  const compared = demo.split('\n').filter((line) => line.startsWith('Compared'));
  if (compared.length !== 2) throw new Error(`the demo says:\n${demo}`);
  console.log(`${printed.trim()}\n${compared.join('\n')}`);
} finally {
  rmSync(work, { recursive: true, force: true });
}
