import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RedisError } from '../../src/redis/connection.ts';
import { connectEmbeddedRedis, ensureEmbeddedRedis } from '../../src/redis/embedded.ts';
import { placeOf } from '../../src/redis/place.ts';
import { probe } from '../../src/redis/probe.ts';

let home: string;
let clients: Redis[];
let children: ChildProcess[];
/** Process ids of what was started for this test. */
let started: Set<number>;

const options = {
  env: process.env,
  log: {
    debug: (fields: unknown) => started.add((fields as { guardian: number }).guardian),
    warn: () => {},
  },
};

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'befriend home '));
  clients = [];
  children = [];
  started = new Set();
});

afterEach(async () => {
  for (const client of clients) client.disconnect();
  for (const child of children) child.kill('SIGKILL');
  for (const pid of started) end(pid, 'SIGTERM');
  await until(() => [...started].every((pid) => !runs(pid)));
  rmSync(home, { recursive: true, force: true });
});

async function connect(folder = home): Promise<Redis> {
  const redis = await connectEmbeddedRedis(folder, options);
  redis.on('error', () => {});
  clients.push(redis);
  started.add(await serverOf(redis));
  return redis;
}

async function serverOf(redis: Redis): Promise<number> {
  return Number(/^process_id:(\d+)/m.exec(await redis.info('server'))?.[1]);
}

async function settingOf(redis: Redis, name: string): Promise<unknown> {
  return Object.values((await redis.config('GET', name)) as unknown as Record<string, string>).at(-1);
}

/** A process of its own that connects to the home's Redis and stays. */
async function startClient(): Promise<{ child: ChildProcess; guardian: number | null; server: number }> {
  const path = fileURLToPath(new URL('./embedded-client.mjs', import.meta.url));
  const child = fork(path, [home], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  children.push(child);
  const [told] = (await once(child, 'message')) as [{ guardian: number | null; server: number }];
  for (const pid of [told.guardian, told.server]) if (pid !== null) started.add(pid);
  return { child, ...told };
}

async function killed(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

function end(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // gone already
  }
}

/** Whether a process that need not be our child is running; one that waits to be reaped (Z) is not. */
function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    if (!existsSync('/proc/self/stat')) return true;
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

/** Looks again and again: the end of a process that is not our child is no event. */
async function until(holds: () => boolean, limitMs = 15_000): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`not so after ${limitMs} ms: ${holds}`);
    await sleep(20);
  }
}

/** A server at the home's socket that gives `answers` in turn, an undefined one never. */
async function answering(answers: (string | undefined)[], use: (socket: string) => Promise<void>): Promise<void> {
  const { folder, socket } = placeOf(home);
  mkdirSync(folder, { recursive: true });
  let asked = 0;
  const server = createServer((connection) => {
    connection.on('error', () => {});
    connection.on('data', () => {
      const answer = answers[Math.min(asked++, answers.length - 1)];
      if (answer !== undefined) connection.write(answer);
    });
  });
  server.listen(socket);
  await once(server, 'listening');
  try {
    await use(socket);
  } finally {
    server.close();
  }
}

describe('the embedded Redis', () => {
  it('is durable, refuses instead of evicting, and is for this user alone', async () => {
    const redis = await connect();
    expect(await settingOf(redis, 'appendonly')).toBe('yes');
    expect(await settingOf(redis, 'appendfsync')).toBe('everysec');
    expect(await settingOf(redis, 'maxmemory-policy')).toBe('noeviction');
    expect(await settingOf(redis, 'save')).toBe('');
    expect(await settingOf(redis, 'port')).toBe('0');
    const { folder, socket } = placeOf(home);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(socket).mode & 0o077).toBe(0);
  });

  it('is one server for all processes that start it at once', async () => {
    const all = await Promise.all([startClient(), startClient(), startClient()]);
    expect(new Set(all.map(({ server }) => server)).size).toBe(1);
    const redis = await connect();
    expect(await redis.dbsize()).toBe(3);
  });

  it('ends by itself after every client was killed, and keeps the data', async () => {
    const [one, two] = await Promise.all([startClient(), startClient()]);
    await Promise.all([killed(one.child), killed(two.child)]);
    await until(() => [...started].every((pid) => !runs(pid)));
    const redis = await connect();
    expect(await serverOf(redis)).not.toBe(one.server);
    expect(await redis.dbsize()).toBe(2);
  });

  it('stays while a client is there, even an idle one', async () => {
    const kept = await startClient();
    const other = await startClient();
    await killed(other.child);
    await sleep(3500); // longer than the guardian waits: the absence of an event
    expect(runs(kept.server)).toBe(true);
  });

  it('is shared by a command that comes while it is still running without clients', async () => {
    const first = await startClient();
    await killed(first.child);
    const redis = await connect();
    expect(await serverOf(redis)).toBe(first.server);
  });

  it('leaves no server behind when the guardian is killed together with the clients', async () => {
    const { child, guardian, server } = await startClient();
    end(guardian as number, 'SIGKILL');
    await killed(child);
    await until(() => !runs(server));
    expect(await probe(placeOf(home).socket)).toBe('gone');
  });

  it('is started again by a client that keeps it, with all data, after a kill -9', async () => {
    const redis = await connect();
    const before = await serverOf(redis);
    await redis.set('written', 'before');
    end(before, 'SIGKILL');
    await until(() => !runs(before));
    expect(await redis.get('written')).toBe('before'); // waits for the next server
    const after = await serverOf(redis);
    started.add(after);
    expect(after).not.toBe(before);
  });

  it('starts from an AOF whose last command was torn off', async () => {
    const redis = await connect();
    const server = await serverOf(redis);
    await redis.set('whole', '1');
    redis.disconnect();
    end(server, 'SIGKILL');
    await until(() => [...started].every((pid) => !runs(pid)));
    const folder = join(placeOf(home).folder, 'appendonlydir');
    const aof = readdirSync(folder).find((name) => name.endsWith('.incr.aof')) as string;
    appendFileSync(join(folder, aof), '*3\r\n$3\r\nSET\r\n$4\r\nto');
    expect(await (await connect()).keys('*')).toEqual(['whole']);
  });

  it('lies in a short folder of its own when the path of the home is too long for a socket', async () => {
    const long = join(home, 'x'.repeat(120));
    const { socket } = placeOf(long);
    const folder = dirname(socket);
    try {
      const redis = await connect(long);
      expect(await redis.ping()).toBe('PONG');
      expect(Buffer.byteLength(socket)).toBeLessThan(100);
      expect(statSync(folder).mode & 0o777).toBe(0o700);
      expect(await settingOf(redis, 'dir')).toBe(placeOf(long).folder);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('refuses a short folder that others can write to', async () => {
    const long = join(home, 'y'.repeat(120));
    const folder = dirname(placeOf(long).socket);
    mkdirSync(folder);
    chmodSync(folder, 0o777);
    try {
      await expect(ensureEmbeddedRedis(long, options)).rejects.toThrow(/not a folder of this user alone/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it.skipIf(!existsSync('/proc/self/environ'))(
    'hands no secret of the environment on to the processes it leaves behind',
    async () => {
      process.env.CHAT_SECRET_KEY = 'kept-to-ourselves';
      try {
        await connect();
        expect(started.size).toBe(2);
        for (const pid of started)
          expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).not.toContain('kept-to-ourselves');
      } finally {
        delete process.env.CHAT_SECRET_KEY;
      }
    },
  );
});

describe('an embedded Redis that cannot start', () => {
  it('names the folder that cannot be written and what to set', async () => {
    const file = join(home, 'a file');
    writeFileSync(file, '');
    const start = ensureEmbeddedRedis(file, options);
    await expect(start).rejects.toThrow(RedisError);
    await expect(start).rejects.toThrow(/a file\/redis.*BEFRIEND_HOME.*REDIS_URL/s);
  });

  it('shows what the server said', async () => {
    const aof = join(placeOf(home).folder, 'appendonlydir');
    mkdirSync(aof, { recursive: true });
    writeFileSync(join(aof, 'appendonly.aof.manifest'), 'no manifest\n');
    await expect(ensureEmbeddedRedis(home, options)).rejects.toThrow(/did not start.*manifest/s);
  });

  it('lists where it looked for a redis-server', async () => {
    const env = { BEFRIEND_REDIS_SERVER: '/nowhere/redis-server' };
    await expect(ensureEmbeddedRedis(home, { ...options, env })).rejects.toThrow(/tried \/nowhere\/redis-server/);
  });
});

describe('probe', () => {
  it('tells a server that serves from one that loads, one that hangs and none', async () => {
    await answering(['+PO', '-LOADING Redis is loading the dataset in memory\r\n'], async (socket) => {
      expect(await probe(socket, 50)).toBe('silent'); // half a line is no answer
      expect(await probe(socket)).toBe('loading');
    });
    await answering(['+PONG\r\n'], async (socket) => expect(await probe(socket)).toBe('ready'));
    await answering([undefined], async (socket) => expect(await probe(socket, 50)).toBe('silent'));
    expect(await probe(join(home, 'nothing.sock'))).toBe('gone');
  });

  it('makes a start wait until an AOF is loaded', async () => {
    const loading = '-LOADING Redis is loading the dataset in memory\r\n';
    await answering([loading, loading, loading, '+PONG\r\n'], async (socket) => {
      expect(await ensureEmbeddedRedis(home, options)).toEqual({ socket });
      expect(started.size).toBe(0);
    });
  });
});
