// The limiter beside its peers: processes make calls without end on the simulator, and its meter tells what arrived.
//
//   npm run bench:limiter -- [--only befriend|peers|NAME,…] [--seconds 12] [--runs 1] [--write]
//     [--processes 1,4,16] [--bodies small,full] [--load idle,burners] [--network plain,jitter,blips]
//
// befriend runs in every setting, a peer with small bodies on an idle machine and a plain network by 1 and 4 processes.
// `--write` puts the tables into docs/benchmarks.md, else they are printed. Takes about 9 minutes at 12 s a row. Exit
// code 1: befriend let more calls into a window than the limit. Expect on two quiet cores: certain max ≤ 200 everywhere;
// use ≥ 0.99 idle with small bodies, about 0.985 with full ones; 0.1 commands a call that clients send.
import { readFileSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { BEFRIEND, CANDIDATES } from './limiter/candidates.mjs';
import { measure } from './limiter/measure.mjs';
import { circumstances, latenessTableOf, summaryOf, tableOf } from './limiter/report.mjs';
import { dist } from './stage.mjs';

const { findRedisBinary } = await import(dist('redis/binary.js'));

const RATE = { limit: 200, windowMs: 1000 };
const PEERS_RUN = { processes: ['1', '4'], bodies: ['small'], load: ['idle'], network: ['plain'] };
/** Load average before the first run, above which others take part of the CPU. */
const QUIET = 0.5;
const DOCUMENT = fileURLToPath(new URL('../../docs/benchmarks.md', import.meta.url));
const BEGIN = '<!-- limiter: begin -->';
const END = '<!-- limiter: end -->';

const args = process.argv.slice(2);
const { values } = parseArgs({
  args,
  options: {
    only: { type: 'string', default: 'befriend,peers' },
    processes: { type: 'string', default: '1,4,16' },
    bodies: { type: 'string', default: 'small,full' },
    load: { type: 'string', default: 'idle,burners' },
    network: { type: 'string', default: 'plain,jitter' },
    seconds: { type: 'string', default: '12' },
    runs: { type: 'string', default: '1' },
    write: { type: 'boolean', default: false },
  },
});

const about = circumstances(findRedisBinary(process.env)?.version, ['npm run bench:limiter', ...typed()].join(' '));
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
const text = [about, tableOf(rows), latenessTableOf(rows)].filter((part) => part !== '').join('\n\n');
if (values.write) write(text);
else console.log(text);
const broken = rows.filter(({ setting, summary }) => setting.candidate === BEFRIEND && summary.certainMax > RATE.limit);
if (broken.length > 0) process.exitCode = 1;

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
    if (name === 'peers') return peers;
    if (names.includes(name)) return [name];
    throw new Error(`--only: no "${name}" (there are: peers, ${names.join(', ')})`);
  });
}

function listed(name) {
  return values[name].split(',');
}

/** The arguments as they were given, without the one that says where the tables go. */
function typed() {
  const given = args.filter((arg) => arg !== '--write');
  return given.length === 0 ? [] : ['--', ...given];
}

function write(tables) {
  const before = readFileSync(DOCUMENT, 'utf8');
  const begin = before.indexOf(BEGIN);
  const end = before.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`${DOCUMENT} has no place for the tables: ${BEGIN} … ${END}`);
  writeFileSync(DOCUMENT, `${before.slice(0, begin)}${BEGIN}\n\n${tables}\n\n${before.slice(end)}`);
}
