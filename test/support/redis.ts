import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { findRedisBinary } from '../../src/redis/binary.ts';
import { connectRedis, type RedisAddress } from '../../src/redis/connection.ts';

export interface TestRedis {
  address: RedisAddress;
  redis: Redis;
  dir: string;
  pid(): number;
  /** Another connection, closed with the server. */
  connect(): Promise<Redis>;
  /** Lets other processes in by TCP, on a loopback port; the URL. */
  listen(): Promise<string>;
  /** SIGKILL, then the same server again from its AOF. */
  restart(): Promise<void>;
  /** SIGKILL without a successor. */
  kill(): Promise<void>;
  start(): Promise<void>;
  close(): Promise<void>;
}

/** A private redis-server of this test file on a unix socket, with an AOF in a folder of its own. */
export async function testRedis(): Promise<TestRedis> {
  const binary = findRedisBinary(process.env);
  if (!binary) throw new Error('no redis-server: run node scripts/setup.mjs');
  const dir = mkdtempSync(join(tmpdir(), 'befriend-redis-'));
  const socket = join(dir, 'redis.sock');
  const clients: Redis[] = [];
  let server: ChildProcess;
  let port = 0;

  const start = async (): Promise<void> => {
    server = spawn(
      binary.path,
      [
        '--port',
        String(port),
        '--bind',
        '127.0.0.1',
        '--unixsocket',
        socket,
        '--dir',
        dir,
        '--save',
        '',
        '--appendonly',
        'yes',
      ].concat(['--appendfsync', 'everysec', '--maxmemory-policy', 'noeviction', '--daemonize', 'no']),
      { env: { ...process.env, ...binary.env }, stdio: ['ignore', 'pipe', 'inherit'] },
    );
    let log = '';
    await new Promise<void>((resolve, reject) => {
      server.stdout?.on('data', (data) => {
        log += String(data);
        if (log.includes('eady to accept connections')) resolve();
      });
      server.once('exit', () => reject(new Error(`redis-server ended:\n${log}`)));
    });
  };
  const kill = async (): Promise<void> => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const gone = once(server, 'exit');
    server.kill('SIGKILL');
    await gone;
  };
  const connect = async (): Promise<Redis> => {
    const redis = await connectRedis({ socket });
    clients.push(redis);
    return redis;
  };

  await start();
  const redis = await connect();
  return {
    address: { socket },
    redis,
    dir,
    connect,
    pid: () => server.pid as number,
    kill,
    start,
    listen: async () => {
      port = await freePort();
      await redis.config('SET', 'port', String(port));
      return `redis://127.0.0.1:${port}`;
    },
    restart: async () => {
      await kill();
      await start();
    },
    close: async () => {
      for (const client of clients) client.disconnect();
      await kill();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** A loopback port that is free now. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
