/**
 * The process that owns the embedded redis-server of one home: `node guardian.js <home> <redis-server>`.
 *
 * It starts the server, ends it when no befriend process has been connected for IDLE_MS, and ends when the server
 * ends, with its exit code. It runs in a session of its own, so that Ctrl-C in a terminal does not reach it, and
 * writes to the server's log. A crash here ends the server too (LAUNCH); the next command starts both again.
 */
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { connectionOptions } from './connection.ts';
import { placeOf, type Place } from './place.ts';

const POLL_MS = 500;
const IDLE_MS = 2000;

/**
 * Runs a server under the lock of its home: `$1` the lock, then the command. flock (Linux) or perl (macOS) locks the
 * shell's descriptor 9, which the server inherits by exec: the lock lives exactly as long as the server, and its
 * children that still write the AOF. Exit code 75: another server has the lock.
 *
 * A second shell waits for the end of stdin, whose other end only the guardian holds, and then ends the server: thus
 * a guardian that was killed leaves nothing behind. It is started twice removed, so that the server has no child
 * it does not know.
 */
const LAUNCH = `
umask 077
exec 9>>"$1" 3<&0
if command -v flock >/dev/null; then flock -n 9 || exit 75
else perl -e 'use Fcntl ":flock"; open(my $l, ">>&=", 9) or die; exit(flock($l, LOCK_EX | LOCK_NB) ? 0 : 75)' || exit $?
fi
shift
( ( exec 9>&-; read -r line <&3; kill -TERM $$ ) & ) >/dev/null 2>&1
exec "$@" </dev/null 3<&-
`;

function serverArguments({ folder, socket }: Place): string[] {
  const settings = {
    port: '0',
    unixsocket: socket,
    unixsocketperm: '700',
    dir: folder,
    appendonly: 'yes',
    appendfsync: 'everysec',
    save: '',
    // A full Redis must refuse writes loudly; evicting would lose rows.
    'maxmemory-policy': 'noeviction',
    daemonize: 'no',
    loglevel: 'notice',
  };
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
}

/** Clients beside the guardian, and how many connections were ever made: a client may come and go between two polls. */
function clientsIn(info: string): { others: number; connections: number } {
  const figure = (name: string): number => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1]);
  return { others: figure('connected_clients') - 1, connections: figure('total_connections_received') };
}

async function untilUnused(redis: Redis): Promise<void> {
  let usedAt = performance.now();
  let last = 0;
  for (;;) {
    const { others, connections } = clientsIn(await redis.info());
    if (others > 0 || connections !== last) usedAt = performance.now();
    last = connections;
    if (performance.now() - usedAt >= IDLE_MS) return;
    await sleep(POLL_MS);
  }
}

async function guard(home: string, server: string): Promise<void> {
  const place = placeOf(home);
  const child = spawn('/bin/sh', ['-c', LAUNCH, 'sh', place.lock, server, ...serverArguments(place)], {
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  child.once('error', (error) => {
    console.log(`befriend: cannot start ${server}: ${error.message}`);
    process.exit(1);
  });
  child.once('exit', (code) => process.exit(code ?? 1));
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => child.kill('SIGTERM'));

  const redis = new Redis({ ...connectionOptions({ socket: place.socket }), connectionName: 'befriend-guardian' });
  redis.on('error', () => {}); // not up yet, or gone: then the exit of the server ends this process
  await untilUnused(redis);
  console.log(`befriend: no client for ${IDLE_MS} ms, the server ends`);
  // A client that connects in this instant loses its connection and starts the server again (keepEmbeddedRedis).
  child.kill('SIGTERM');
}

const [home, server] = process.argv.slice(2);
if (home === undefined || server === undefined) throw new Error('usage: guardian.js <home> <redis-server>');
await guard(home, server);
