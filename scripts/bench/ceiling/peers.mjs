// Runs one peer: a Redis, a simulator and its process, all new.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { useOf } from '../limiter/use.mjs';
import { startRedis } from '../redis.mjs';
import { startSimulator } from '../stage.mjs';
import { rateOf } from './job.mjs';
import { peakMbOf } from './process.mjs';

/** simulatorLimit: what the service allows; limit: what the peer keeps to. */
export async function runPeer({ kind, calls, items, limit, simulatorLimit = limit }) {
  const ends = [];
  try {
    const { socket } = await startRedis(ends);
    const simulator = await startSimulator({ limit: simulatorLimit });
    ends.push(() => simulator.close());
    const settings = JSON.stringify({ ...simulator.settings, kind, calls, items, limit, socket });
    const child = fork(fileURLToPath(new URL('peer.mjs', import.meta.url)), [settings]);
    ends.push(() => child.kill());
    await once(child, 'message');
    child.send('go');
    const [told] = await once(child, 'message');
    const { certainMax } = await simulator.ask('meter?command=friend_check');
    const stamps = (await simulator.ask('arrivals?command=friend_check')).map(([, at]) => at);
    return {
      kind,
      calls,
      ...told,
      peakMb: peakMbOf(child.pid),
      refused: 1 - (told.codes[0] ?? 0) / calls,
      makespan: told.seconds / (calls / limit),
      use: useOf(stamps, { limit, windowMs: 1000 }),
      perSecond: rateOf(stamps),
      certainMax,
    };
  } finally {
    for (const end of ends.toReversed()) await end();
  }
}
