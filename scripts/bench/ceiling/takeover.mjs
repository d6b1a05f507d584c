// How long the chunks of a killed worker are nobody's: from kill -9 until the last of them was called again and recorded.
import { setTimeout as later } from 'node:timers/promises';

const LOOK_MS = 50;
/** Both callers are warm, and have their hands full. */
const SETTLE_MS = 3000;

/** Two callers on a job that outlasts it; the first one is killed. */
export async function measureTakeover({ redis: { redis }, befriend, workers, keys }, { calls }) {
  const rows = Array.from({ length: calls }, (_, n) => ({ from: `k-${n}`, to: 'friend' }));
  const job = await befriend.submit({ kind: 'rows', rows }, { operation: 'check', options: { type: 'single' } });
  await later(SETTLE_MS);
  workers.find(({ roles }) => roles === 'call').kill();
  const killed = performance.now();
  // BullMQ's list of jobs in hand. Those of the other caller are done within a second.
  let left = (await redis.lrange(`${keys.app}:friend_check:active`, 0, -1)).map((id) => Number(id.split('.').at(-1)));
  const inHand = left.length;
  let seconds = 0;
  while (left.length > 0) {
    await later(LOOK_MS);
    const closed = await Promise.all(left.map((chunk) => redis.getbit(keys.closed(job.id), chunk)));
    left = left.filter((_, n) => closed[n] === 0);
    seconds = (performance.now() - killed) / 1000;
  }
  await job.cancel();
  await job.done();
  return { inHand, seconds };
}
