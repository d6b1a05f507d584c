// A consumer of results streams, as a program has it: prints a line a delivery, and lives until it is killed. Options as
// JSON in the first argument: redisUrl, app, home, and the settings of `consume`.
import { createGroups } from '../../dist/src/jobs/groups.js';
import { consume } from '../../dist/src/jobs/consume.js';
import { keysOf } from '../../dist/src/jobs/keys.js';
import { createLedger } from '../../dist/src/jobs/ledger.js';
import { connectRedis } from '../../dist/src/redis/connection.js';

const { redisUrl, app, home, settings } = JSON.parse(process.argv[2]);
process.on('disconnect', () => process.exit());
const redis = await connectRedis({ url: redisUrl });
const keys = keysOf(app);
const parts = {
  home,
  ledger: createLedger(redis, keys),
  groups: createGroups(redis, keys),
  notFound: async (job) => new Error(`no job ${job}`),
  random: Math.random,
};
for await (const { outcomes } of consume(settings, parts)) {
  process.send(outcomes.map(({ from, to }) => `${from}>${to}`));
}
process.disconnect();
