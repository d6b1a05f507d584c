import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { arrivalsOf, type Arrival } from '../../src/simulator/arrivals.ts';
import type { ConflictCounts } from '../../src/simulator/conflicts.ts';
import type { FaultPlanInput, FaultPreset } from '../../src/simulator/faults.ts';
import type { CommandCounts } from '../../src/simulator/ledger.ts';
import type { MeterReading } from '../../src/simulator/meter.ts';
import type { SimulatorOptionsInput } from '../../src/simulator/options.ts';
import type { SimulatorSettings } from '../../src/simulator/simulate.ts';
import type { AccountTruth, FriendEntry, FriendList, PairTruth } from '../../src/simulator/truth.ts';

const CHILD = fileURLToPath(new URL('../../dist/src/simulator/child.js', import.meta.url));
/** Pairs or accounts. */
const PER_CALL = 10_000;

export type Pair = readonly [from: string, to: string];

export interface TestSimulator extends SimulatorSettings {
  url: string;
  /** The child's process id, for tests that stop (SIGSTOP) or kill it. */
  pid: number;
  /** `*`: all commands together. */
  meter(command: string, figures?: { window?: number; limit?: number }): Promise<MeterReading>;
  arrivals(command: string): Promise<Arrival[]>;
  /** The truth about any number of pairs, in their order; with `command`, also what the fault plan has for them. */
  relations(pairs: readonly Pair[], command?: string): Promise<PairTruth[]>;
  /** The entry of each pair's To in its From's list, with its fields; null where there is none. */
  entries(pairs: readonly Pair[]): Promise<(FriendEntry | null)[]>;
  friends(from: string): Promise<FriendList>;
  /** Profiles, and whether the accounts are imported, in their order. */
  profiles(accounts: readonly string[]): Promise<AccountTruth[]>;
  /**
   * How often each pair was sent in calls of a command whose body was read. From is '' for commands on accounts, To is
   * '' for calls without items. Needs the option `countSent`.
   */
  sent(command: string, pairs: readonly Pair[]): Promise<number[]>;
  conflicts(): Promise<ConflictCounts>;
  ledger(): Promise<Record<string, CommandCounts>>;
  seedFriends(pairs: readonly Pair[]): Promise<void>;
  setAccounts(accounts: {
    imported?: string[];
    missing?: string[];
    profiles?: {
      account: string;
      allowType?: string;
      forbidden?: boolean;
      nick?: string;
      faceUrl?: string;
      blocked?: string[];
    }[];
  }): Promise<void>;
  setFaults(plan: FaultPlanInput | FaultPreset): Promise<void>;
  setSwitches(switches: Record<string, string>): Promise<void>;
  /** Calls a window, by command; `*` is all commands together. */
  setLimits(limits: Record<string, number>): Promise<void>;
  /** Begins anew with the starting options, changed by `changes`. */
  reset(changes?: SimulatorOptionsInput): Promise<void>;
  close(): Promise<void>;
}

/** Starts a simulator in a process of its own, on a free port. It ends with `close`, and never outlives this process. */
export async function testSimulator(options: SimulatorOptionsInput = {}): Promise<TestSimulator> {
  const child = spawn(process.execPath, [CHILD, JSON.stringify({ port: 0, ...options })], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const settings = await Promise.race([
    once(createInterface(child.stdout), 'line').then(([line]) => JSON.parse(line as string) as SimulatorSettings),
    exited.then(([code]) => Promise.reject(new Error(`the simulator ended with ${code} before it listened`))),
  ]);
  const url = settings.baseUrl;
  const ask = async (path: string, body?: unknown): Promise<Response> => {
    const response = await fetch(
      `${url}/_simulator/${path}`,
      body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) },
    );
    if (!response.ok) throw new Error(`simulator, ${path}: ${await response.text()}`);
    return response;
  };
  const json = async <T>(path: string, body?: unknown): Promise<T> => (await ask(path, body)).json() as Promise<T>;
  return {
    ...settings,
    url,
    pid: child.pid as number,
    meter: (command, figures = {}) =>
      json(`meter?${new URLSearchParams({ command, ...mapValues(figures, String) }).toString()}`),
    async arrivals(command) {
      const bytes = await (await ask(`arrivals?format=binary&command=${command}`)).arrayBuffer();
      return arrivalsOf(new Float64Array(bytes));
    },
    relations: (pairs, command) => inBatches(pairs, (batch) => json('relations', { pairs: batch, command })),
    entries: (pairs) => inBatches(pairs, (batch) => json('entries', { pairs: batch })),
    profiles: (accounts) => inBatches(accounts, (batch) => json('profiles', { accounts: batch })),
    sent: (command, pairs) => inBatches(pairs, (batch) => json('sent', { command, pairs: batch })),
    friends: (from) => json(`friends?from=${encodeURIComponent(from)}`),
    conflicts: () => json('conflicts'),
    ledger: () => json('ledger'),
    async seedFriends(pairs) {
      await inBatches(pairs, async (batch) => [await ask('friends', { pairs: batch })]);
    },
    setAccounts: async (accounts) => void (await ask('accounts', accounts)),
    setFaults: async (plan) => void (await ask('faults', plan)),
    setSwitches: async (switches) => void (await ask('switches', switches)),
    setLimits: async (limits) => void (await ask('limits', limits)),
    reset: async (changes = {}) => void (await ask('reset', changes)),
    async close() {
      child.stdin.end();
      await exited;
    },
  };
}

/** Asks for as many at a time as a call may have, in their order. */
async function inBatches<In, Out>(all: readonly In[], ask: (batch: readonly In[]) => Promise<Out[]>): Promise<Out[]> {
  const answers: Out[] = [];
  for (let start = 0; start < all.length; start += PER_CALL) {
    for (const answer of await ask(all.slice(start, start + PER_CALL))) answers.push(answer);
  }
  return answers;
}

function mapValues<V, W>(object: Record<string, V>, map: (value: V) => W): Record<string, W> {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(value)]));
}
