// How few calls the plan of a check takes, beside simpler plans, a lower bound, and what a slow search finds; and how long it
// takes. Graphs have degrees by a power law, as friend graphs do; a CSV of from,to may be given beside them.
//
//   npm run bench:plan -- [--edges 1000000,10000000] [--rounds 1000] [--quick] [--write] [FILE]
//
// `--rounds`: of the local search that is the slow reference, where a graph is small. Takes some minutes, and a gigabyte of
// memory at 10 M edges.
// Expect: planned ÷ best ≤ 1.05, and never more than asking every account.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { gunzipSync } from 'node:zlib';
import {
  betterConnected,
  BY_U,
  BY_V,
  callsOf,
  improved,
  loadsOf,
  lowerBound,
  plan,
} from '../../dist/src/intake/plan.js';
import { seededRandom } from '../../dist/src/simulator/graph.js';
import { redisVersion } from './ceiling/system.mjs';
import { circumstances, commandTyped, table, text, writeTables } from './document.mjs';

const CAPACITY = 1000;
/** Exponent of the power law, and edges an account, about those of public friend graphs. */
const GAMMA = 2.3;
const EDGES_AN_ACCOUNT = 20;
/** Above so many edges nobody waits for the slow reference. */
const MOST_FOR_REFERENCE = 200_000;
/** A pair of accounts as one number. */
const SHIFT = 2 ** 26;

const args = process.argv.slice(2);
const { values, positionals } = parseArgs({
  args,
  options: {
    edges: { type: 'string' },
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});
const rounds = Number(values.rounds ?? (values.quick ? 50 : 1000));
const sizes = (values.edges ?? (values.quick ? '100000' : '100000,1000000,10000000')).split(',').map(Number);

const rows = [
  ...positionals.map((path) => measured('a file', graphOfFile(path))),
  ...sizes.map((edges) => measured('power law', powerLaw(edges))),
];
const head = [
  'graph',
  'accounts',
  'pairs',
  'every account',
  'better end',
  'planned',
  'at least',
  'planned ÷ every account',
];
const about = circumstances(
  redisVersion,
  commandTyped(
    'bench:plan',
    args.filter((arg) => !positionals.includes(arg)),
  ),
  [],
);
const tables = `${about}\n\n${table([...head, 'planned ÷ best of search', 'seconds', 'RSS peak, MB'], rows)}`;
if (values.write) writeTables('plan', tables);
else console.log(tables);

function measured(name, graph) {
  const both = new Uint8Array(graph.u.length).fill(1);
  const degrees = loadsOf(graph, both);
  for (const v of graph.v) degrees[v] += 1;
  const everyAccount = callsOf(degrees, CAPACITY);
  const simple = callsOf(loadsOf(graph, betterConnected(graph)), CAPACITY);
  const began = performance.now();
  const { calls } = plan(graph, both, CAPACITY);
  const seconds = (performance.now() - began) / 1000;
  const least = lowerBound(graph, CAPACITY);
  const best = graph.u.length > MOST_FOR_REFERENCE ? null : bestOfSearch(graph);
  const peak = Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0) / 1024;
  console.error(`${name}, ${graph.u.length} pairs: ${calls} calls in ${seconds.toFixed(1)} s`);
  return [
    name,
    ...[graph.accounts, graph.u.length, everyAccount, simple, calls, least].map(String),
    text(calls / everyAccount, 3),
    text(best && calls / best, 3),
    text(seconds, 2),
    text(peak, 0),
  ];
}

/** Local search: an asking account is made to ask nothing, what that costs is mended, and the plan stays if it is no worse. */
function bestOfSearch(graph) {
  const { u, v } = graph;
  const random = seededRandom(1);
  let best = plan(graph, new Uint8Array(u.length).fill(BY_U), CAPACITY);
  for (let n = 0; n < rounds; n += 1) {
    const out = new Set(
      Array.from({ length: 1 + Math.floor(random() * 8) }, () => Math.floor(random() * graph.accounts)),
    );
    const asks = best.asks.map((by, e) => {
      const [asker, peer] = by === BY_U ? [u[e], v[e]] : [v[e], u[e]];
      return out.has(asker) && !out.has(peer) ? BY_U + BY_V - by : by;
    });
    const next = improved(graph, asks, CAPACITY);
    if (next.calls <= best.calls) best = next;
  }
  return best.calls;
}

/** Both ends of each edge are drawn with weights i^(-1 ÷ (γ - 1)) (Chung and Lu, 2002). */
function powerLaw(wanted) {
  const random = seededRandom(wanted);
  const accounts = Math.ceil(wanted / EDGES_AN_ACCOUNT);
  const power = 1 / (1 - 1 / (GAMMA - 1));
  const draw = () => Math.min(accounts - 1, Math.floor(accounts * random() ** power));
  const keys = new Float64Array(wanted);
  for (let e = 0; e < wanted; e += 1) {
    const [a, b] = [draw(), draw()];
    keys[e] = a < b ? a * SHIFT + b : b * SHIFT + a;
  }
  return graphOf(keys);
}

function graphOfFile(path) {
  const bytes = readFileSync(path);
  const lines = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString().trim().split('\n').slice(1);
  const numbers = new Map();
  const numberOf = (name) => {
    if (!numbers.has(name)) numbers.set(name, numbers.size);
    return numbers.get(name);
  };
  return graphOf(
    Float64Array.from(lines, (line) => {
      const [a, b] = line.split(',').map(numberOf);
      return a < b ? a * SHIFT + b : b * SHIFT + a;
    }),
  );
}

/** Pairs once each, without loops, of accounts that are in one. */
function graphOf(keys) {
  const pairs = keys.toSorted().filter((key, n, all) => key !== all[n - 1] && Math.floor(key / SHIFT) !== key % SHIFT);
  const numbers = new Map();
  const numberOf = (account) => {
    if (!numbers.has(account)) numbers.set(account, numbers.size);
    return numbers.get(account);
  };
  const u = Uint32Array.from(pairs, (key) => numberOf(Math.floor(key / SHIFT)));
  const v = Uint32Array.from(pairs, (key) => numberOf(key % SHIFT));
  return { accounts: numbers.size, u, v };
}
