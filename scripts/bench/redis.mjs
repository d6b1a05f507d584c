// A private Redis as befriend runs it, on a unix socket, for one run.
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dist } from './stage.mjs';

const { ensureEmbeddedRedis } = await import(dist('redis/embedded.js'));
const { connectRedis } = await import(dist('redis/connection.js'));

/** @param ends functions that end what was started, called last first */
export async function startRedis(ends) {
  const home = mkdtempSync(join(tmpdir(), 'befriend-bench-'));
  ends.push(() => rmSync(home, { recursive: true, force: true, maxRetries: 3 }));
  const { socket } = await ensureEmbeddedRedis(home, { env: process.env, log: { debug() {}, warn: console.error } });
  const redis = await connectRedis({ socket });
  ends.push(async () => {
    const gone = once(redis, 'close');
    redis.call('SHUTDOWN', 'NOSAVE').catch(() => {});
    await gone;
    redis.disconnect();
  });
  const figure = async (section, name) =>
    Number(new RegExp(`^${name}:(\\S+)`, 'm').exec(await redis.info(section))?.[1]);
  return {
    /** It is the private Redis of this home. */
    home,
    socket,
    redis,
    usedBytes: () => figure('memory', 'used_memory'),
    /** Commands, those inside scripts too, and CPU, so far. */
    costs: async () => ({
      commands: await figure('stats', 'total_commands_processed'),
      cpuMs: ((await figure('cpu', 'used_cpu_user')) + (await figure('cpu', 'used_cpu_sys'))) * 1000,
    }),
  };
}
