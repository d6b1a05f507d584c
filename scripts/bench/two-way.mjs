// Two-way adds of a friend graph on the simulator, where every call writes the lists of both ends: calls a second beside
// what a greedy schedule of the same list allows that knows all lists at any time, and the share of items that met another
// write (30008).
//
//   node scripts/setup.mjs && node scripts/bench/two-way.mjs [FILE] [--service-ms 30]
//
// FILE: CSV or TSV of from,to (.gz too); without it a graph is generated. Expect: ratio ≥ 0.8, 30008 ≤ 1 % of the items.
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { createGunzip } from 'node:zlib';
import { onStage } from './stage.mjs';

const LIMIT = 200;
const ITEMS_PER_CALL = 1000;
const { values, positionals } = parseArgs({
  options: { 'service-ms': { type: 'string', default: '30' } },
  allowPositionals: true,
});
const serviceMs = Number(values['service-ms']);

await onStage({ serviceTimeMs: { read: 5, write: serviceMs } }, async ({ run, ask, graph }) => {
  const file = await graph(positionals[0]);
  const greedy = greedyRate(await callsOf(file));
  const { totals } = run('add', file);
  const { friend_add: seen } = await ask('ledger');
  const { mostConcurrent } = await ask('conflicts');
  const { certainMax } = await ask('meter?command=friend_add');
  const arrivals = (await ask('arrivals?command=friend_add')).map(([, at]) => at / 1e6);
  const rate = rateOf(arrivals);
  const items = Object.values(seen.items).reduce((sum, n) => sum + n, 0);
  const met = ((seen.items[30008] ?? 0) / items) * 100;
  console.log(
    `add, both ways: ${totals.accepted} rows (${totals.failed + totals.unknown} not held), ${seen.calls} calls; ` +
      `${rate.toFixed(1)} calls/s, greedy schedule ${greedy.toFixed(1)}: ratio ${(rate / greedy).toFixed(3)}; ` +
      `30008: ${met.toFixed(3)} % of ${items} items; most writes of one list at once ${mostConcurrent}; ` +
      `certain max ${certainMax} of ${LIMIT}`,
  );
});

/** Calls a second from the first to the last. */
function rateOf(starts) {
  const sorted = starts.toSorted((a, b) => a - b);
  return (sorted.length - 1) / (sorted.at(-1) - sorted[0]);
}

/** The lists that each call writes, in the order of their From_Accounts. */
async function callsOf(file) {
  const friends = new Map();
  const raw = createReadStream(file);
  const text = file.endsWith('.gz') ? raw.pipe(createGunzip()) : raw;
  for await (const line of createInterface({ input: text })) {
    const [from, to] = line.split(/[,\t]/);
    if (from === 'from') continue;
    if (!friends.has(from)) friends.set(from, []);
    friends.get(from).push(to);
  }
  return [...friends]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([from, to]) => {
      const calls = [];
      for (let first = 0; first < to.length; first += ITEMS_PER_CALL)
        calls.push([from, ...to.slice(first, first + ITEMS_PER_CALL)]);
      return calls;
    });
}

/** At every slot of the limit the first call whose lists are all free; it holds them for the service's time. */
function greedyRate(calls) {
  const freeAt = new Map();
  const starts = [];
  const waiting = [...calls];
  for (let slot = 0; waiting.length > 0; slot += 1) {
    const now = (slot * 1000) / LIMIT;
    const place = waiting.findIndex((lists) => lists.every((list) => (freeAt.get(list) ?? 0) <= now));
    if (place < 0) continue;
    const [lists] = waiting.splice(place, 1);
    for (const list of lists) freeAt.set(list, now + serviceMs);
    starts.push(now / 1000);
  }
  return rateOf(starts);
}
