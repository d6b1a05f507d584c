// Prunes a home as it ships, and dies by SIGKILL right before the n-th step that changes something on the disk or in
// Redis. Options as JSON in the first argument: redisUrl, app, home, redis (its name in the home), now, dieAt (0: never).
// Prints how many steps there were.
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

const { redisUrl, app, home, redis: name, now, dieAt } = JSON.parse(process.argv[2]);
let steps = 0;
const step = () => {
  steps += 1;
  if (steps === dieAt) process.kill(process.pid, 'SIGKILL');
};
const stepping =
  (act) =>
  (...args) => {
    step();
    return act(...args);
  };
for (const change of ['rename', 'rm', 'writeFile']) fs[change] = stepping(fs[change]);
syncBuiltinESMExports();

const { keysOf } = await import('../../dist/src/jobs/keys.js');
const { createLedger } = await import('../../dist/src/jobs/ledger.js');
const { prune } = await import('../../dist/src/jobs/prune.js');
const { connectRedis } = await import('../../dist/src/redis/connection.js');

const redis = await connectRedis({ url: redisUrl });
const ledger = createLedger(redis, keysOf(app));
const parts = {
  home,
  ledger: { ...ledger, forget: stepping(ledger.forget), withdraw: stepping(ledger.withdraw) },
  redis: { sdkAppId: app, redis: name },
  wallClock: () => now,
};
await prune({ olderThanMs: 0, leftovers: true }, parts);
redis.disconnect();
console.log(steps);
