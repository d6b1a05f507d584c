import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { findRedisBinary } from '../../src/redis/binary.ts';
import { freePort } from './redis.ts';

/** A redis-server of its own on a loopback port, with an AOF that every answered write is in. */
export interface Node {
  port: number;
  redis: Redis;
  /** SIGKILL, and its end. */
  kill(): Promise<void>;
  start(): Promise<void>;
  close(): Promise<void>;
}

export async function redisNode(...settings: string[]): Promise<Node> {
  const binary = findRedisBinary(process.env);
  if (!binary) throw new Error('no redis-server: run node scripts/setup.mjs');
  const dir = mkdtempSync(join(tmpdir(), 'befriend-node-'));
  const port = await freePort();
  const fixed = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--save', '', '--daemonize', 'no'];
  const data = ['--appendonly', 'yes', '--appendfsync', 'always', '--maxmemory-policy', 'noeviction'];
  let server: ChildProcess;
  const start = async (): Promise<void> => {
    server = spawn(binary.path, [...fixed, ...data, ...settings], {
      env: { ...process.env, ...binary.env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let log = '';
    await new Promise<void>((resolve, reject) => {
      server.stdout?.on('data', (piece) => {
        log += String(piece);
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
  await start();
  const redis = new Redis({ port, host: '127.0.0.1', maxRetriesPerRequest: null });
  redis.on('error', () => {});
  return {
    port,
    redis,
    kill,
    start,
    async close() {
      redis.disconnect();
      await kill();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

export interface Cluster {
  nodes: readonly Node[];
  url: string;
  /** The number of the node that has a key. */
  nodeOf(key: string): Promise<number>;
  /** Moves the slot of a key to another node, as an operator does: MIGRATE while clients work. */
  move(key: string, to: number): Promise<void>;
  close(): Promise<void>;
}

const SLOTS = 16_384;

/**
 * A cluster of so many masters without replicas; each has an equal part of the slots. One that is away for less than a
 * minute is waited for, and not taken for failed: that would last for half a minute more.
 */
export async function redisCluster(masters: number): Promise<Cluster> {
  const nodes = await Promise.all(
    Array.from({ length: masters }, () => redisNode('--cluster-enabled', 'yes', '--cluster-node-timeout', '60000')),
  );
  const [first] = nodes as [Node];
  const ends = nodes.map((_, n) => Math.floor((SLOTS * (n + 1)) / masters));
  await Promise.all(
    nodes.map((node, n) => node.redis.call('CLUSTER', 'ADDSLOTSRANGE', n === 0 ? 0 : ends[n - 1]!, ends[n]! - 1)),
  );
  for (const [n, node] of nodes.entries()) await node.redis.call('CLUSTER', 'SET-CONFIG-EPOCH', n + 1);
  for (const { port } of nodes.slice(1)) await first.redis.call('CLUSTER', 'MEET', '127.0.0.1', port);
  for (const node of nodes) {
    while (!String(await node.redis.call('CLUSTER', 'INFO')).includes('cluster_state:ok')) await sleep(20);
  }
  return {
    nodes,
    url: `redis+cluster://${nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}`,
    async nodeOf(key) {
      const slot = Number(await first.redis.call('CLUSTER', 'KEYSLOT', key));
      return ends.findIndex((end) => slot < end);
    },
    async move(key, to) {
      const slot = Number(await first.redis.call('CLUSTER', 'KEYSLOT', key));
      const ids = (await Promise.all(nodes.map(({ redis }) => redis.call('CLUSTER', 'MYID')))) as string[];
      const from = ends.findIndex((end) => slot < end);
      const [source, target] = [nodes[from]!, nodes[to]!];
      await target.redis.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', ids[from]!);
      await source.redis.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', ids[to]!);
      for (;;) {
        const keys = (await source.redis.call('CLUSTER', 'GETKEYSINSLOT', slot, 1000)) as string[];
        if (keys.length === 0) break;
        await source.redis.call('MIGRATE', '127.0.0.1', target.port, '', 0, 5000, 'KEYS', ...keys);
      }
      for (const node of [target, source]) await node.redis.call('CLUSTER', 'SETSLOT', slot, 'NODE', ids[to]!);
    },
    close: async () => void (await Promise.all(nodes.map((node) => node.close()))),
  };
}
