import { spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Redis } from 'ioredis';
import type { Log } from '../log.ts';
import { findRedisBinary, type RedisBinary } from './binary.ts';
import { connectRedis, RedisError, type RedisAddress } from './connection.ts';
import { isFull } from './folder.ts';
import { diskFull, lastLogLines, openPlace, placeOf, type Place } from './place.ts';
import { probe } from './probe.ts';

/**
 * The embedded Redis: one private redis-server a home, on a unix socket, shared by all befriend processes of that
 * home. The first one starts it, under a guardian (guardian.ts) that ends it some seconds after the last one left.
 *
 * 1. Somebody answers at the socket: share it.
 * 2. It is loading its AOF: wait, however long that takes.
 * 3. Nobody answers: start a guardian. If another process was faster, or a server of before is still writing its AOF
 *    to the end, the lock refuses ours and we look again.
 */
export interface EmbeddedOptions {
  env: NodeJS.ProcessEnv;
  log: Pick<Log, 'debug' | 'warn'>;
}

/** Between two looks at the socket. A server is there 10–25 ms after its start. */
const LOOK_MS = 20;
/** Between two guardians, first and most, while the lock is held by a server that does not answer yet, or no more. */
const AGAIN_MS = 100;
const MOST_AGAIN_MS = 2000;
const START_TIMEOUT_MS = 30_000;
const MOST_FAILED_STARTS = 3;
/** Between two tries of `keepEmbeddedRedis` after one that failed. */
const KEEP_MS = 1000;
/** The launcher's exit code when the lock is taken. */
const LOST = 75;

const starting = new Map<string, Promise<RedisAddress>>();

/**
 * Makes sure that the embedded Redis of `home` answers. It stays for about 2 s without a client, so connect at once.
 * Calls of one process share one start.
 * @throws RedisError when there is no redis-server, the home cannot be written, or the server does not start
 */
export function ensureEmbeddedRedis(home: string, options: EmbeddedOptions): Promise<RedisAddress> {
  const key = resolve(home);
  const running = starting.get(key);
  if (running) return running;
  const start = startOrShare(key, options).finally(() => starting.delete(key));
  starting.set(key, start);
  return start;
}

/** A connected client of the embedded Redis of `home`, which is started again whenever it is lost. */
export async function connectEmbeddedRedis(home: string, options: EmbeddedOptions): Promise<Redis> {
  const address = await ensureEmbeddedRedis(home, options);
  const redis = await connectRedis(address).catch(async () => {
    // Its guardian may have ended it in the instant we came.
    return connectRedis(await ensureEmbeddedRedis(home, options));
  });
  keepEmbeddedRedis(home, redis, options);
  return redis;
}

/**
 * Starts the embedded Redis again whenever `redis`, one of its clients, lost it (killed, or ended by its guardian in
 * the instant the client came). One kept client a process is enough: the others reconnect by themselves. Ends with
 * the client.
 */
export function keepEmbeddedRedis(home: string, redis: Redis, options: EmbeddedOptions): void {
  let busy = false;
  // 'reconnecting' comes after each lost connection and each failed try, but not after a wanted disconnect.
  redis.on('reconnecting', () => {
    if (busy) return;
    busy = true;
    ensureEmbeddedRedis(home, options)
      .catch(async (error: Error) => {
        options.log.warn({ err: error }, 'the embedded Redis is gone and could not be started again');
        await sleep(KEEP_MS, undefined, { ref: false });
      })
      .finally(() => {
        busy = false;
      });
  });
}

async function startOrShare(home: string, { env, log }: EmbeddedOptions): Promise<RedisAddress> {
  const place = placeOf(home);
  let deadline = performance.now() + START_TIMEOUT_MS;
  let guardian: Guardian | null = null;
  let failed = 0;
  let againMs = AGAIN_MS;
  for (;;) {
    const state = await look(place);
    if (state === 'ready') return { socket: place.socket };
    if (state === 'loading') deadline = performance.now() + START_TIMEOUT_MS;
    if (performance.now() > deadline) throw new RedisError(noAnswer(place, state));
    if (state === 'gone' && guardian !== null && guardian.exitCode !== null) {
      if (guardian.exitCode !== LOST) failed += 1;
      if (failed >= MOST_FAILED_STARTS) throw new RedisError(notStarted(place, guardian.exitCode));
      await sleep(againMs);
      againMs = Math.min(2 * againMs, MOST_AGAIN_MS);
      guardian = null;
    } else if (state === 'gone' && guardian === null) {
      guardian = startGuardian(home, place, findServer(env), env);
      log.debug({ home, guardian: guardian.pid }, 'starting the embedded Redis');
    }
    await sleep(LOOK_MS);
  }
}

async function look(place: Place): ReturnType<typeof probe> {
  try {
    return await probe(place.socket);
  } catch (error) {
    throw new RedisError(
      `The embedded Redis at ${place.socket} cannot be used: ${(error as Error).message}. Set BEFRIEND_HOME to a ` +
        'folder of this user, or REDIS_URL to a Redis of your own.',
    );
  }
}

interface Guardian {
  pid: number | undefined;
  /** Null while it runs. */
  exitCode: number | null;
}

/** A guardian outlives this process. It gets no environment but what it needs: ours may hold secrets. */
function startGuardian(home: string, place: Place, server: RedisBinary, env: NodeJS.ProcessEnv): Guardian {
  const log = openPlace(place);
  try {
    const child = spawn(process.execPath, [guardianPath(), home, server.path], {
      cwd: place.folder,
      detached: true,
      stdio: ['ignore', log, log],
      env: { PATH: env.PATH, ...server.env },
    });
    const guardian: Guardian = { pid: child.pid, exitCode: null };
    child.once('exit', (code) => (guardian.exitCode = code ?? 1));
    child.once('error', () => (guardian.exitCode = 1));
    child.unref();
    return guardian;
  } finally {
    closeSync(log);
  }
}

/** The guardian runs from dist, also when this file runs as TypeScript. */
function guardianPath(): string {
  const path = import.meta.url.endsWith('.ts') ? '../../dist/src/redis/guardian.js' : './guardian.js';
  return fileURLToPath(new URL(path, import.meta.url));
}

function findServer(env: NodeJS.ProcessEnv): RedisBinary {
  const tried: string[] = [];
  const binary = findRedisBinary(env, tried);
  if (binary) return binary;
  throw new RedisError(
    'befriend found no redis-server or valkey-server of version 6.2 or later to start. Install one (apt-get install ' +
      'redis-server, brew install redis; in a checkout: npm run setup), or set REDIS_URL to a Redis of your own.' +
      tried.map((line) => `\n  tried ${line}`).join(''),
  );
}

function notStarted(place: Place, exitCode: number): string {
  if (isFull(place.folder)) return diskFull(place);
  return (
    `The embedded Redis in ${place.folder} did not start (exit code ${exitCode}). Its log ends with:\n` +
    `${lastLogLines(place)}\nFree the disk or repair what it names, or set BEFRIEND_HOME to another folder, or ` +
    'REDIS_URL to a Redis of your own.'
  );
}

function noAnswer(place: Place, state: string): string {
  const why =
    state === 'silent'
      ? 'a server is there but does not answer'
      : 'another server holds its lock and does not answer at the socket (on another machine that shares the folder? ' +
        'Several machines need REDIS_URL)';
  return (
    `The embedded Redis in ${place.folder} gave no answer for ${START_TIMEOUT_MS / 1000} s: ${why}. ` +
    `See ${place.log}, and whether a redis-server of that folder hangs (ps).`
  );
}
