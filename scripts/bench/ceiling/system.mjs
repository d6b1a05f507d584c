// A whole befriend: a private Redis, the simulator and workers, each a process of its own and new.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { startRedis } from '../redis.mjs';
import { dist, startSimulator } from '../stage.mjs';
import { cpuMsOf, peakMbOf } from './process.mjs';

const { openBefriend } = await import(dist('index.js'));
const { findRedisBinary } = await import(dist('redis/binary.js'));
const { keysOf } = await import(dist('jobs/keys.js'));

export const redisVersion = findRedisBinary(process.env)?.version;

/** Each role by a process of its own. */
export const APART = ['call', 'feed', 'record'];

/**
 * workers: the roles of each, e.g. `call` or `feed,call,record`; simulator: its options; env: more settings.
 * Everything ends with `act`.
 */
export async function withSystem({ workers, simulator: options, env: more = {}, execArgv = [] }, act) {
  const ends = [];
  try {
    const redis = await startRedis(ends);
    const simulator = await startSimulator(options);
    ends.push(() => simulator.close());
    const { baseUrl, sdkappid, admin, key } = simulator.settings;
    const env = {
      PATH: process.env.PATH,
      LOG_LEVEL: 'info',
      BEFRIEND_HOME: redis.home,
      CHAT_BASE_URL: baseUrl,
      CHAT_SDKAPPID: String(sdkappid),
      CHAT_ADMIN: admin,
      CHAT_SECRET_KEY: key,
      CHAT_CALLS_PER_SECOND: String(options.limit),
      ...ownSettings(),
      ...more,
    };
    const befriend = await openBefriend({ env: { ...env, LOG_LEVEL: 'error' } });
    ends.push(() => befriend.close());
    const running = [];
    for (const roles of workers) running.push(await startWorker(roles, env, execArgv, ends));
    return await act({ redis, simulator, befriend, workers: running, keys: keysOf(sdkappid) });
  } finally {
    for (const end of ends.toReversed()) await end();
  }
}

/** Settings of befriend that whoever runs the bench wants to see at work. */
function ownSettings() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => /^BEFRIEND_(?!HOME)/.test(name)));
}

/** Resolves when it works. */
async function startWorker(roles, env, execArgv, ends) {
  const args = [...execArgv, dist('cli/befriend.js'), 'worker', '--roles', roles];
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
  const gone = once(child, 'exit');
  ends.push(async () => {
    child.kill();
    await gone;
  });
  const lines = createInterface({ input: child.stderr });
  const started = new Promise((resolve, reject) => {
    lines.on('line', (line) => {
      if (line.includes('worker started')) resolve();
      else if (/"level":(40|50|60)/.test(line)) console.error(line);
    });
    child.once('exit', (code) => reject(new Error(`worker --roles ${roles} ended with ${code}`)));
  });
  await started;
  return {
    roles,
    cpuMs: () => cpuMsOf(child.pid),
    peakMb: () => peakMbOf(child.pid),
    kill: () => child.kill('SIGKILL'),
  };
}
