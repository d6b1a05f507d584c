import { createHash } from 'node:crypto';
import { fstatSync, ftruncateSync, lstatSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { PRIVATE_FILE, PRIVATE_FOLDER } from '../private.ts';
import { RedisError } from './connection.ts';
import { isFull, makeFolder } from './folder.ts';

/** Where the embedded Redis of one home lives. */
export interface Place {
  /** `<home>/redis`: AOF, lock and log. Mode 700. */
  folder: string;
  socket: string;
  /** Held (flock) by the running server, so that no two servers ever write one AOF. */
  lock: string;
  log: string;
}

/** sockaddr_un holds 108 bytes on Linux and 104 on macOS, a NUL among them. */
const LONGEST_SOCKET_PATH = 100;
const LARGEST_LOG_BYTES = 1_048_576;

export function placeOf(home: string): Place {
  const folder = resolve(home, 'redis');
  const socket = join(folder, 'redis.sock');
  const fits = Buffer.byteLength(socket) <= LONGEST_SOCKET_PATH;
  return {
    folder,
    socket: fits ? socket : join(shortFolder(folder), 'redis.sock'),
    lock: join(folder, 'lock'),
    log: join(folder, 'redis.log'),
  };
}

/** In /tmp and not in TMPDIR: every process of a home must come to the same path, whatever its environment. */
function shortFolder(folder: string): string {
  const digest = createHash('sha256').update(folder).digest('hex').slice(0, 16);
  return `/tmp/befriend-${process.getuid?.() ?? 0}-${digest}`;
}

/**
 * Makes the folders, and opens the log for appending.
 * @throws RedisError when the home cannot be written, or the short socket folder is not ours alone
 */
export function openPlace(place: Place): number {
  try {
    makeFolder(place.folder);
    const socketFolder = resolve(place.socket, '..');
    if (socketFolder !== place.folder) ownFolder(socketFolder);
    const log = openSync(place.log, 'a', PRIVATE_FILE);
    if (fstatSync(log).size > LARGEST_LOG_BYTES) ftruncateSync(log);
    return log;
  } catch (error) {
    if (error instanceof RedisError) throw error;
    if (isFull(resolve(place.folder, '..'))) throw new RedisError(diskFull(place));
    throw new RedisError(
      `The embedded Redis cannot use ${place.folder}: ${(error as Error).message}. Make it writable, or set ` +
        'BEFRIEND_HOME to a folder that is, or REDIS_URL to a Redis of your own.',
    );
  }
}

/** Others can write to /tmp: a folder that somebody else put there could hand us somebody else's server. */
function ownFolder(folder: string): void {
  try {
    mkdirSync(folder, { mode: PRIVATE_FOLDER });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const stats = lstatSync(folder);
  if (stats.isDirectory() && stats.uid === process.getuid?.() && (stats.mode & 0o077) === 0) return;
  throw new RedisError(
    `${folder} is there already and is not a folder of this user alone (mode 700). Remove it, or set BEFRIEND_HOME ` +
      'to a shorter path: the unix socket then lies in the home itself.',
  );
}

/** Why the server cannot start, or write, and what to do. */
export function diskFull({ folder }: Place): string {
  return (
    `The private Redis in ${folder} cannot write: the disk is full. Free some space there, and run the same command ` +
    'again: it goes on where it was. Or set BEFRIEND_HOME to a folder on another disk for new jobs.'
  );
}

/** The last lines of the server's log, for an error that says why it did not start. */
export function lastLogLines(place: Place, lines = 6): string {
  try {
    const text = readFileSync(place.log, 'utf8').trimEnd();
    return text === '' ? '(nothing: is the disk full?)' : text.split('\n').slice(-lines).join('\n');
  } catch {
    return '(no log)';
  }
}
