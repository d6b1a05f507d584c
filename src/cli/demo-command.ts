import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { SETTING_NAMES } from '../config.ts';
import type { Outcome } from '../domain/outcome.ts';
import { friendGraph, seededRandom } from '../simulator/graph.ts';
import type { MeterReading, SimulatorSettings } from '../simulator/index.ts';
import { EXIT, UsageError } from './context.ts';
import { count } from './figures.ts';
import { runOperation } from './run-operation.ts';

const ACCOUNTS = 2000;
const FRIENDS = 54;
const SEED = 20_240_501;
/** Rows of one question to the simulator's control plane. */
const ASK = 10_000;

/** `befriend demo`: import and check a generated graph on a simulator with faults, and compare with the truth. */
export function demoCommand(exit: (code: number) => void): Command {
  return new Command('demo')
    .description('import and check a generated friend graph on a simulator with faults, and print the reports')
    .option('--accounts <n>', 'accounts of the graph', Number, ACCOUNTS)
    .option('--faults <preset>', 'of the simulator', 'mild')
    .addHelpText('after', '\nExample:\n  befriend demo --accounts 500')
    .action(async (flags: { accounts: number; faults: string }) => exit(await demo(flags)));
}

async function demo({ accounts, faults }: { accounts: number; faults: string }): Promise<number> {
  if (!(accounts >= 2)) throw new UsageError('--accounts: expected a number of 2 or more.');
  const folder = resolve(process.env.BEFRIEND_HOME ?? './.befriend', 'demo');
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const graph = join(folder, 'friends.csv');
  const rows = await writeGraph(graph, accounts);
  process.stdout.write(`A graph of ${count(accounts)} accounts and ${count(rows)} rows: ${graph}\n`);
  const simulator = await startSimulator(faults);
  process.stdout.write(`A simulated Chat API with ${faults} faults and 200 calls/s: ${simulator.baseUrl}\n\n`);
  useSimulator(simulator, join(folder, 'home'));
  try {
    for (const operation of ['import', 'check'] as const) {
      const out = join(folder, `${operation}.results.jsonl`);
      const code = await runOperation(operation, [graph], { out, priority: 'normal', steps: false });
      if (code !== EXIT.ok && code !== EXIT.rowsFailed) return code;
      const verified = await compare(simulator.baseUrl, operation, out);
      process.stdout.write(`${verified.text}\n\n`);
      if (verified.wrong > 0 || verified.rows !== rows) return EXIT.rowsFailed;
    }
    return EXIT.ok;
  } finally {
    simulator.stop();
  }
}

async function writeGraph(path: string, accounts: number): Promise<number> {
  const lines = ['from,to'];
  const options = { accounts, friendsPerAccount: FRIENDS, random: seededRandom(SEED) };
  for (const [from, to] of friendGraph(options)) lines.push(`${from},${to}`);
  await writeFile(path, `${lines.join('\n')}\n`);
  return lines.length - 1;
}

/** A process of its own, as the real service is; it ends with ours. */
async function startSimulator(faults: string): Promise<SimulatorSettings & { stop(): void }> {
  const child = spawn(
    process.execPath,
    [fileURLToPath(new URL('../simulator/child.js', import.meta.url)), JSON.stringify({ port: 0, faults })],
    // Nothing of our settings is its business, least of all a real key.
    { stdio: ['pipe', 'pipe', 'inherit'], env: { PATH: process.env.PATH } },
  );
  for await (const line of createInterface({ input: child.stdout })) {
    return { ...(JSON.parse(line) as SimulatorSettings), stop: () => child.kill() };
  }
  throw new UsageError('the simulator did not start');
}

/** The demo is a first run on the simulator: whatever else is set in the environment stays out of it. */
function useSimulator({ baseUrl, sdkappid, admin, key }: SimulatorSettings, home: string): void {
  for (const name of SETTING_NAMES) if (name !== 'LOG_LEVEL') process.env[name] = '';
  const settings = { CHAT_BASE_URL: baseUrl, CHAT_SDKAPPID: String(sdkappid), CHAT_ADMIN: admin, CHAT_SECRET_KEY: key };
  Object.assign(process.env, settings, { BEFRIEND_HOME: home });
}

interface PairTruth {
  forward: boolean;
  reverse: boolean;
}

/** Asks the simulator what really holds, row by row, and how hard it was called. */
async function compare(baseUrl: string, operation: 'import' | 'check', path: string) {
  let rows = 0;
  let wrong = 0;
  let batch: Outcome[] = [];
  const ask = async (): Promise<void> => {
    const truths = await post<PairTruth[]>(`${baseUrl}/_simulator/relations`, {
      pairs: batch.map(({ from, to }) => [from, to]),
    });
    wrong += batch.filter((outcome, i) => !agrees(outcome, truths[i] as PairTruth)).length;
    rows += batch.length;
    batch = [];
  };
  for await (const line of createInterface({ input: createReadStream(path) })) {
    batch.push(JSON.parse(line) as Outcome);
    if (batch.length === ASK) await ask();
  }
  await ask();
  const meter = (await (await fetch(`${baseUrl}/_simulator/meter?command=friend_${operation}`)).json()) as MeterReading;
  const text =
    `Compared with the simulator: ${count(rows)} outcomes, ${wrong} wrong.\n` +
    `Most calls in any 1000 ms: ${meter.certainMax} of 200; use of the limit ${(meter.use * 100).toFixed(1)} %.`;
  return { rows, wrong, text };
}

/** Whether an outcome is true. What nobody can know (`unknown`) is never wrong. */
function agrees({ status, relation }: Outcome, { forward, reverse }: PairTruth): boolean {
  if (relation !== undefined) {
    const held = { BothWay: [true, true], AWithB: [true, false], BWithA: [false, true], NoRelation: [false, false] };
    const [a, b] = held[relation.replace('CheckResult_Type_', '') as keyof typeof held];
    return a === forward && b === reverse;
  }
  return status !== 'ok' && status !== 'satisfied' ? true : forward;
}

async function post<T>(url: string, body: unknown): Promise<T> {
  const response = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}
