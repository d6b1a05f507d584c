import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { findRedisBinary } from '../../src/redis/binary.ts';
import { freePort } from './redis.ts';

export interface Sentinel {
  url: string;
  close(): Promise<void>;
}

/** A real Sentinel that watches the master at this loopback port. */
export async function sentinelOf(masterPort: number): Promise<Sentinel> {
  const binary = findRedisBinary(process.env);
  if (!binary) throw new Error('no redis-server: run node scripts/setup.mjs');
  const dir = mkdtempSync(join(tmpdir(), 'befriend-sentinel-'));
  const port = await freePort();
  const config = join(dir, 'sentinel.conf');
  writeFileSync(
    config,
    `port ${port}\nbind 127.0.0.1\ndir ${dir}\nsentinel monitor befriend 127.0.0.1 ${masterPort} 1\n`,
  );
  const server = spawn(binary.path, [config, '--sentinel'], {
    env: { ...process.env, ...binary.env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(server, 'exit');
  const lines: string[] = [];
  for await (const line of createInterface(server.stdout)) {
    lines.push(line);
    if (line.includes('+monitor')) break;
  }
  if (!lines.at(-1)?.includes('+monitor')) throw new Error(`the Sentinel ended:\n${lines.join('\n')}`);
  return {
    url: `redis://127.0.0.1:${port}`,
    async close() {
      server.kill('SIGKILL');
      await exited;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
