// The limiter beside its peers: processes make calls without end on the simulator, and its meter tells what arrived.
//
//   npm run bench:limiter -- [--only befriend|peers|classes|jobs|NAME,…] [--seconds 12] [--runs 1] [--write]
//     [--processes 1,4,16] [--bodies small,full] [--load idle,burners] [--network plain,jitter,blips]
//
// `classes`: an interactive process beside bulk ones; `jobs`: jobs that share a command. befriend runs in every setting, a peer with small bodies on an idle machine and a plain network by 1 and 4 processes.
// `--write` puts the tables into docs/benchmarks.md, else they are printed. Takes about 9 minutes at 12 s a row. Exit
// code 1: befriend let more calls into a window than the limit. Expect on two quiet cores: certain max ≤ 200 everywhere;
// use ≥ 0.99 idle with small bodies, about 0.985 with full ones; 0.1 commands a call that clients send.
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { circumstances, commandTyped, writeTables } from './document.mjs';
import { BEFRIEND, CANDIDATES } from './limiter/candidates.mjs';
import { measureBehind, measureShares } from './limiter/jobs.mjs';
import { measure } from './limiter/measure.mjs';
import { latenessTableOf, PACKAGES, sharesTableOf, summaryOf, tableOf, waitsTableOf } from './limiter/report.mjs';
import { dist } from './stage.mjs';

const { findRedisBinary } = await import(dist('redis/binary.js'));

const RATE = { limit: 200, windowMs: 1000 };
const PEERS_RUN = { processes: ['1', '4'], bodies: ['small'], load: ['idle'], network: ['plain'] };
/** Load average before the first run, above which others take part of the CPU. */
const QUIET = 0.5;
/** Long enough for some 300 calls of an interactive process. */
const CLASSES_SECONDS = 25;
const JOBS_SECONDS = 15;

const args = process.argv.slice(2);
const { values } = parseArgs({
  args,
  options: {
    only: { type: 'string', default: 'befriend,peers,classes,jobs' },
    processes: { type: 'string', default: '1,4,16' },
    bodies: { type: 'string', default: 'small,full' },
    load: { type: 'string', default: 'idle,burners' },
    network: { type: 'string', default: 'plain,jitter' },
    seconds: { type: 'string', default: '12' },
    runs: { type: 'string', default: '1' },
    write: { type: 'boolean', default: false },
  },
});

const about = circumstances(findRedisBinary(process.env)?.version, commandTyped('bench:limiter', args), PACKAGES);
const [loadBefore] = loadavg();
if (loadBefore > QUIET) console.error(`the machine is not quiet (load ${loadBefore.toFixed(1)}): expect less use`);
const rows = [];
for (const setting of settingsOf()) {
  const runs = [];
  while (runs.length < Number(values.runs)) runs.push(await measure(setting, Number(values.seconds)));
  rows.push({ setting, summary: summaryOf(runs) });
  const { certainMax, use } = rows.at(-1).summary;
  console.error(`${Object.values(setting).slice(0, 5).join(' ')}: certain max ${certainMax}, use ${use?.toFixed(4)}`);
}
const classes = await classesRows();
const text = [about, tableOf(rows), latenessTableOf(rows), waitsTableOf(classes), await jobsText()]
  .filter((part) => part !== '')
  .join('\n\n');
if (values.write) writeTables('limiter', text);
else console.log(text);
const held = [
  ...rows.filter(({ setting }) => setting.candidate === BEFRIEND).map(({ summary }) => summary.certainMax),
  ...classes.map(({ certainMax }) => certainMax),
];
if (held.some((certainMax) => certainMax > RATE.limit)) process.exitCode = 1;

/** An interactive process beside bulk ones that take all they get. */
async function classesRows() {
  if (!values.only.split(',').includes('classes')) return [];
  const runs = [];
  for (const processes of listed('processes').map(Number)) {
    const setting = { candidate: BEFRIEND, processes, bodies: 'small', network: 'plain', interactive: true, ...RATE };
    const run = await measure(setting, CLASSES_SECONDS);
    console.error(`interactive beside ${processes}: waits ${run.waits.p99.toFixed(1)} ms at the 99th percentile`);
    runs.push({ processes, ...run });
  }
  return runs;
}

/** How jobs share a command. */
async function jobsText() {
  if (!values.only.split(',').includes('jobs')) return '';
  const shares = await measureShares(JOBS_SECONDS);
  const { alone, behind, due } = await measureBehind();
  const seconds = `${behind.toFixed(1)} s behind a night job of low priority that wants every call`;
  return [
    sharesTableOf(shares),
    `An import of 400 calls: ${alone.toFixed(1)} s alone, ${seconds} (${due.toFixed(1)} s at its share of 0.8).`,
  ].join('\n\n');
}

/** All that was asked for; of peers only what they run in. */
function settingsOf() {
  return namesOf(values.only.split(',')).flatMap((candidate) => {
    const runs = (name) => listed(name).filter((one) => candidate === BEFRIEND || PEERS_RUN[name].includes(one));
    return runs('bodies').flatMap((bodies) =>
      runs('load').flatMap((load) =>
        runs('network').flatMap((network) =>
          runs('processes').map((processes) => ({
            candidate,
            processes: Number(processes),
            bodies,
            load,
            network,
            ...RATE,
          })),
        ),
      ),
    );
  });
}

function namesOf(wanted) {
  const names = Object.keys(CANDIDATES);
  const peers = names.filter((name) => name !== BEFRIEND);
  return wanted.flatMap((name) => {
    if (name === 'classes' || name === 'jobs') return [];
    if (name === 'peers') return peers;
    if (names.includes(name)) return [name];
    throw new Error(`--only: no "${name}" (there are: peers, classes, jobs, ${names.join(', ')})`);
  });
}

function listed(name) {
  return values[name].split(',');
}
