// One side of a handover as it ships, in a process of its own that dies by SIGKILL right before or after the n-th answer
// of Redis. Options as JSON in the first argument: side (producer, worker), redisUrl, app, home, dieAt (0: never), after,
// and rows (how many) of the producer. Prints what the producer has in the end.
import { keysOf } from '../../dist/src/jobs/keys.js';
import { adopt } from '../../dist/src/jobs/adopt.js';
import { submitThroughRedis } from '../../dist/src/jobs/hand-over.js';
import { createHandovers } from '../../dist/src/jobs/handovers.js';
import { openHome } from '../../dist/src/jobs/home.js';
import { createLedger } from '../../dist/src/jobs/ledger.js';
import { connectRedis } from '../../dist/src/redis/connection.js';

const { side, redisUrl, app, home, dieAt, after, rows } = JSON.parse(process.argv[2]);
const redis = await connectRedis({ url: redisUrl });
const keys = keysOf(app);
let steps = 0;
/** What changes Redis counts, and only that: how often a side looks depends on the other one. */
const counted = (part, names) => {
  const wrapped = { ...part };
  for (const name of names) {
    wrapped[name] = async (...args) => {
      steps += 1;
      const mine = steps;
      if (mine === dieAt && !after) process.kill(process.pid, 'SIGKILL');
      const answer = await part[name](...args);
      if (mine === dieAt) process.kill(process.pid, 'SIGKILL');
      return answer;
    };
  }
  return wrapped;
};
openHome(home);
const ledger = createLedger(redis, keys);
const handovers = createHandovers(redis, keys);
const never = new AbortController().signal;
const log = { info() {}, warn() {}, error() {} };
const parts = { home, redis: { sdkAppId: app, redis: 'shared' }, wallClock: Date.now, random: Math.random, log };

if (side === 'producer') {
  const given = Array.from({ length: rows }, (_, n) => ({ from: `a${n % 7}`, to: `b${n}` }));
  const submitted = await submitThroughRedis({ kind: 'rows', rows: given }, { operation: 'import' }, null, {
    ...parts,
    ledger,
    handovers: counted(handovers, ['offer', 'handOver']),
    mostBytes: 400,
    pieceBytes: 100,
    patienceMs: 60_000,
    tell() {},
    now: () => performance.now(),
  });
  console.log(JSON.stringify({ ...submitted, steps }));
} else {
  const working = {
    ...parts,
    ledger: counted(ledger, ['submit']),
    handovers: counted(handovers, ['adopt', 'draw', 'answer']),
  };
  for (let done = false; !done;) {
    const [id] = await handovers.waiting();
    if (id !== undefined) {
      await adopt(id, working, never);
      done = (await handovers.waiting()).length === 0;
    }
  }
  console.log(JSON.stringify({ steps }));
}
redis.disconnect();
