// The whole system on one machine: imports and checks a friend graph on the simulator with the command line, and reads
// the simulator's meter. Prints ratios: use of the limit while there was a backlog, makespan over the ideal.
//
//   node scripts/setup.mjs && node scripts/bench/graph.mjs [FILE] [--faults mild]
//
// FILE: CSV or TSV of from,to (.gz too); without it a graph is generated. Expect: certain max ≤ 200, use ≥ 0.98 on a
// quiet machine (answers take 30 ± 10 ms under `mild`; the more they vary, the lower the use).
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const LIMIT = 200;
const { values, positionals } = parseArgs({
  options: { faults: { type: 'string', default: 'mild' } },
  allowPositionals: true,
});
const dist = (path) => fileURLToPath(new URL(`../../dist/src/${path}`, import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'befriend-bench-'));
const simulator = spawn(
  process.execPath,
  [dist('simulator/child.js'), JSON.stringify({ port: 0, faults: values.faults })],
  {
    stdio: ['pipe', 'pipe', 'inherit'],
  },
);
try {
  const [line] = await once(createInterface({ input: simulator.stdout }), 'line');
  const { baseUrl, sdkappid, admin, key } = JSON.parse(line);
  const env = {
    PATH: process.env.PATH,
    LOG_LEVEL: 'error',
    BEFRIEND_HOME: join(dir, 'home'),
    CHAT_BASE_URL: baseUrl,
    CHAT_SDKAPPID: String(sdkappid),
    CHAT_ADMIN: admin,
    CHAT_SECRET_KEY: key,
  };
  const file = positionals[0] ? resolve(positionals[0]) : await generate(join(dir, 'friends.csv'));
  for (const operation of ['import', 'check']) {
    const report = run(operation, file, env);
    const command = `friend_${operation}`;
    const meter = await get(`${baseUrl}/_simulator/meter?command=${command}`);
    const arrivals = (await get(`${baseUrl}/_simulator/arrivals?command=${command}`)).map(([, at]) => at);
    console.log(
      `${operation}: ${report.totals.accepted} rows, ${report.calls.made} calls (${report.calls.planned} planned); ` +
        `certain max ${meter.certainMax} of ${LIMIT}; use with backlog ${useOf(arrivals, report.calls.planned).toFixed(4)}; ` +
        `makespan ÷ (calls ÷ limit) ${(report.seconds / (report.calls.made / LIMIT)).toFixed(3)}`,
    );
  }
} finally {
  simulator.kill();
  rmSync(dir, { recursive: true, force: true });
}

function run(operation, file, env) {
  const args = [dist('cli/befriend.js'), operation, file, '--json', '--out', join(dir, `${operation}.jsonl`)];
  try {
    return JSON.parse(execFileSync(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] }));
  } catch (error) {
    // Exit code 1: rows failed, as the fault plan wants.
    if (error.status === 1) return JSON.parse(error.stdout);
    throw error;
  }
}

/** From a second after the first call until the last of the planned ones: later calls are retries that wait. */
function useOf(arrivals, planned) {
  const first = arrivals.findIndex((at) => at >= arrivals[0] + 1e6);
  const last = Math.floor(planned * 0.95);
  return (last - first) / ((arrivals[last] - arrivals[first]) / 1e6) / LIMIT;
}

async function get(url) {
  return (await fetch(url)).json();
}

async function generate(path) {
  const { friendGraph, seededRandom } = await import(dist('simulator/graph.js'));
  const rows = [...friendGraph({ accounts: 4000, friendsPerAccount: 44, random: seededRandom(1) })];
  writeFileSync(path, `from,to\n${rows.map((row) => row.join(',')).join('\n')}\n`);
  return path;
}
