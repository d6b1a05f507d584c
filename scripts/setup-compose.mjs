// `node scripts/setup-compose.mjs`: gets a docker-compose to check docker-compose.yml with where none is found: Debian's,
// unpacked into .tools/compose (1 MB, needs no engine). It is older than what people use, so what it takes, all take.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { unpackPrivately } from './private-packages.mjs';

const DEBIAN = (
  'docker-compose python3-attr python3-certifi python3-chardet python3-charset-normalizer python3-distro python3-docker ' +
  'python3-dockerpty python3-docopt python3-dotenv python3-idna python3-jsonschema python3-pyrsistent python3-requests ' +
  'python3-texttable python3-urllib3 python3-websocket python3-yaml'
).split(' ');

/** How to run Docker Compose here: the command, its first arguments and environment; null when there is none. */
export function findCompose(root) {
  const modules = join(root, '.tools/compose/usr/lib/python3/dist-packages');
  const ways = [
    { command: 'docker', args: ['compose'], env: {} },
    { command: 'docker-compose', args: [], env: {} },
    {
      command: '/usr/bin/python3',
      args: ['-c', 'from compose.cli.main import main; main()'],
      env: { PYTHONPATH: modules, PYTHONDONTWRITEBYTECODE: '1' },
    },
  ];
  return ways.find(({ command, args, env }) => runs(command, [...args, 'version'], env)) ?? null;
}

function runs(command, args, env) {
  return spawnSync(command, args, { stdio: 'ignore', env: { ...process.env, ...env } }).status === 0;
}

/** Null when a docker-compose is there now, else why not. */
export function obtainCompose(root) {
  if (findCompose(root) !== null) return null;
  if (!existsSync('/usr/bin/python3')) return 'the docker-compose of Debian needs /usr/bin/python3';
  return unpackPrivately(root, 'compose', DEBIAN) ?? (findCompose(root) === null ? 'it does not run' : null);
}

const self = fileURLToPath(import.meta.url);
if (process.argv[1] === self) {
  const problem = obtainCompose(dirname(dirname(self)));
  if (problem !== null) {
    console.error(`setup: no docker-compose was found, and none could be unpacked into .tools/compose: ${problem}.`);
    console.error('Install Docker Compose, e.g. `sudo apt-get install docker-compose`.');
    process.exitCode = 1;
  }
}
