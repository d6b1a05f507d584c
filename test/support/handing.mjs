// One side of a handover as it ships, in a process of its own that dies by SIGKILL right before the n-th call of
// a name, or right after it. Options as JSON in the first argument: side (producer, worker), redisUrl, app, home, call, nth,
// after, and rows (how many) of the producer.
import { keysOf } from '../../dist/src/jobs/keys.js';
import { runAdopter } from '../../dist/src/jobs/adopt.js';
import { submitThroughRedis } from '../../dist/src/jobs/hand-over.js';
import { createHandovers } from '../../dist/src/jobs/handovers.js';
import { openHome } from '../../dist/src/jobs/home.js';
import { createLedger } from '../../dist/src/jobs/ledger.js';
import { connectRedis } from '../../dist/src/redis/connection.js';

const { side, redisUrl, app, home, call, nth, after, rows } = JSON.parse(process.argv[2]);
const redis = await connectRedis({ url: redisUrl });
const keys = keysOf(app);
const die = () => process.kill(process.pid, 'SIGKILL');
let calls = 0;
const mortal = (part) =>
  part[call] === undefined
    ? part
    : {
        ...part,
        async [call](...args) {
          calls += 1;
          if (calls === nth && !after) die();
          const answer = await part[call](...args);
          if (calls === nth) die();
          return answer;
        },
      };
openHome(home);
const ledger = mortal(createLedger(redis, keys));
const handovers = mortal(createHandovers(redis, keys));
const never = new AbortController().signal;
const log = { info() {}, warn() {}, error() {} };
const parts = { home, redis: { sdkAppId: app, redis: 'shared' }, wallClock: Date.now, random: Math.random, log };

if (side === 'producer') {
  const given = Array.from({ length: rows }, (_, n) => ({ from: `a${n % 7}`, to: `b${n}` }));
  const producing = { ...parts, ledger, handovers, mostBytes: 400, pieceBytes: 100, patienceMs: 60_000, tell() {} };
  const now = () => performance.now();
  await submitThroughRedis({ kind: 'rows', rows: given }, { operation: 'import' }, null, { ...producing, now });
} else {
  await runAdopter({ ...parts, ledger, handovers }, never);
}
redis.disconnect();
