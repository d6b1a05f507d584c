// The whole system at the limit of the service: jobs of full calls and of small ones, without a limit, after kill -9, and
// what people use instead beside it.
//
//   npm run bench:ceiling -- [--only full,small,slow,uncapped,takeover,peers] [--sizes 1000,10000] [--quick]
//     [--profile FOLDER] [--write]
//
// `--sizes`: calls of the jobs of `full`, 1000 rows each; `--large` adds one of 100 k (9 minutes, some GB of memory for
// the simulator). `--quick`: small sizes, about 90 s. `--write` puts the tables into docs/benchmarks.md, else they are
// printed. Takes about 6 minutes. Exit code 1: a window had more calls than the limit.
// `--profile`: a CPU profile of each worker is put there, for Chrome's DevTools. Settings of befriend in the environment
// (BEFRIEND_CONCURRENCY=32 npm run …) are the workers'.
// Expect on two quiet cores: use ≥ 0.985, the caller at ≤ 0.45 of a core and 160 MB; makespan ≤ 1.02 at 10 k calls.
import { parseArgs } from 'node:util';
import { runJob } from './ceiling/job.mjs';
import { runPeer } from './ceiling/peers.mjs';
import { APART, redisVersion, withSystem } from './ceiling/system.mjs';
import {
  jobsTableOf,
  ledgerText,
  peersTableOf,
  rolesTableOf,
  takeoverText,
  uncappedTableOf,
} from './ceiling/report.mjs';
import { measureTakeover } from './ceiling/takeover.mjs';
import { circumstances, commandTyped, writeTables } from './document.mjs';

const LIMIT = 200;
/** As good as none: more than the machine can do. */
const NO_LIMIT = 10_000;
/** A second of calls as the machine makes them, not as the limit would have them. */
const UNCAPPED_ENV = { BEFRIEND_READY_SECONDS: '0.2' };
/** The service itself gives up after 3 s. */
const SLOW_MS = 2000;
const LARGE = 100_000;
const PACKAGES = ['bullmq', 'axios', 'ioredis', 'p-limit'];

const args = process.argv.slice(2);
const { values } = parseArgs({
  args,
  options: {
    only: { type: 'string', default: 'full,small,slow,uncapped,takeover,peers' },
    sizes: { type: 'string' },
    large: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    profile: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
});
const execArgv = values.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${values.profile}`];
const size = (quick, full) => (values.quick ? quick : full);
const sizes = [
  ...(values.sizes ?? size('1000', '1000,10000')).split(',').map(Number),
  ...(values.large ? [LARGE] : []),
];
const wanted = (part) => values.only.split(',').includes(part);

const about = circumstances(redisVersion, commandTyped('bench:ceiling', args), PACKAGES);
const jobs = [];
if (wanted('full')) {
  for (const calls of sizes) {
    for (const operation of size(['check'], ['import', 'check'])) await atLimit({ operation, calls, items: 1000 });
  }
  if (!values.quick) await atLimit({ operation: 'check', calls: sizes[0], items: 1000 }, ['feed,call,record']);
}
if (wanted('small')) await atLimit({ operation: 'check', calls: size(1000, 3000), items: 1 });
if (wanted('slow')) await atLimit({ operation: 'check', calls: size(2000, 4000), items: 1000, latencyMs: SLOW_MS });
const uncapped = wanted('uncapped') ? await measureUncapped(size(2000, 10_000)) : [];
const takeover = wanted('takeover') ? await takeovers(size(1, 3)) : [];
const peers = wanted('peers') ? await runPeers(size(1000, 3000)) : [];

const parts = [
  about,
  jobsTableOf(jobs),
  rolesTableOf(jobs),
  ledgerText(jobs),
  uncappedTableOf(uncapped),
  takeoverText(takeover),
  peersTableOf(peers),
];
const text = parts.filter((part) => part !== '').join('\n\n');
if (values.write) writeTables('ceiling', text);
else console.log(text);
if (jobs.some(({ certainMax, limit }) => certainMax > limit)) process.exitCode = 1;

async function atLimit({ latencyMs = 0, ...asked }, workers = APART) {
  const simulator = { limit: LIMIT, ...(latencyMs > 0 && { faults: { latency: { baseMs: latencyMs, jitterMs: 0 } } }) };
  const run = await withSystem({ workers, simulator, execArgv }, (system) =>
    runJob(system, { ...asked, limit: LIMIT }),
  );
  console.error(
    `${run.operation} ${run.calls} × ${run.items}: use ${run.use?.toFixed(4)}, makespan ${run.makespan.toFixed(3)}`,
  );
  jobs.push({ ...run, latencyMs });
}

/** befriend's caller and a bare axios loop, in turn, so that a machine that slows down slows both. */
async function measureUncapped(calls) {
  const system = { workers: APART, simulator: { limit: NO_LIMIT }, env: UNCAPPED_ENV, execArgv };
  const own = await withSystem(system, (running) =>
    runJob(running, { operation: 'check', calls, items: 1000, limit: NO_LIMIT }),
  );
  const loop = await runPeer({ kind: 'axios', calls, items: 1000, limit: NO_LIMIT });
  console.error(`uncapped: ${own.perSecond.toFixed(0)} calls/s, a bare axios loop ${loop.perSecond.toFixed(0)}`);
  return [own, loop];
}

async function takeovers(times) {
  const system = { workers: ['call', 'call', 'feed', 'record'], simulator: { limit: LIMIT } };
  const runs = [];
  while (runs.length < times)
    runs.push(await withSystem(system, (running) => measureTakeover(running, { calls: 4000 })));
  console.error(`after kill -9: ${runs.map(({ seconds }) => seconds.toFixed(1)).join(', ')} s`);
  return runs;
}

async function runPeers(calls) {
  const runs = [];
  for (const kind of ['script', 'bullmq']) {
    runs.push(await runPeer({ kind, calls, items: 1000, limit: LIMIT }));
    console.error(`${kind}: makespan ${runs.at(-1).makespan.toFixed(3)}, certain max ${runs.at(-1).certainMax}`);
  }
  return runs;
}
