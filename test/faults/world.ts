import { join } from 'node:path';
import type { FaultPlanInput } from '../../src/simulator/faults.ts';
import { type Command, COMPRESSED_LIMIT, type Finished, type Workplace, workplace } from '../support/command.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { type TestSimulator, testSimulator } from '../support/simulator.ts';
import { type Evidence, judge, type Verdict } from './check.ts';
import { type KillProxy, killProxy, type Trap } from './kill-proxy.ts';
import { type Link, link } from './link.ts';
import { PARTIES, type Party, type Point, textOf, WATCHED } from './points.ts';

/**
 * A service that fails now and then, so that chunks come back with a delay; and some calls that take so long that
 * locks are renewed.
 */
export const UNEASY: FaultPlanInput = {
  calls: { badGateway: 0.03, resetAfter: 0.02, resetBefore: 0.01, hang: 0.01, hangMs: 900 },
  latency: { baseMs: 10, jitterMs: 5 },
};

/** Traps that are laid at once: some places are rare, and others must not wait for them. */
const TRAPS = 3;
const ROLES = ['feed', 'call', 'record'] as const;
export type Role = (typeof ROLES)[number];
/** Redis or the API cannot be reached, told at the start. */
const CANNOT_REACH = 4;

/** An input on disk. */
export interface Input {
  file: string;
  rows: number;
}

/**
 * A Redis, a service, and a process of each role, all real, with a network of ours between. Whoever dies is started
 * again, as a supervisor does.
 */
export interface World {
  seed: number;
  simulator: TestSimulator;
  redis: TestRedis;
  place: Workplace;
  /** Between all processes and Redis; between callers and the service. */
  links: { redis: Link; api: Link };
  /** Places where somebody has died. */
  hit: Point[];
  /** Places where somebody shall die still. */
  left(): Point[];
  /** What was asked of Redis and answered, by party. */
  answered(party: Party): ReadonlyMap<string, number>;
  /** Starts a worker of each of these roles; without any, one of each. */
  work(roles?: readonly Role[]): void;
  /** The workers of a role that run now. */
  workers(role: Role): Command[];
  /** Runs a command; where it dies of a trap, the same again, until it ends by itself. */
  insist(...args: string[]): Promise<Finished>;
  /** The same, of a command that feeds, calls and records by itself. */
  alone(...args: string[]): Promise<Finished>;
  /** The next process of the party dies there. @returns what takes the trap away; true where nobody has died of it */
  lay(trap: Point & Trap): () => boolean;
  /** Rows of accounts of their own. */
  input(accounts: number, friends: number): Input;
  submit(input: Input): Promise<string>;
  state(job: string): Promise<string>;
  /** How many chunks of the job are closed. */
  closed(job: string): Promise<number>;
  /** Resolves when the job is over and delivered; rejects when a process ends unasked. */
  over(job: string): Promise<void>;
  /** Resolves when `done` holds; rejects when a process ends unasked. */
  until(what: string, done: () => boolean | Promise<boolean>): Promise<void>;
  /** The results file of a job. */
  results(job: string): string;
  /** What is otherwise than usual: thaws of frozen callers, each of which may have sent one call too many (G1). */
  verdict(job: string, input: Input, given?: Partial<Evidence>): Promise<Verdict>;
  close(): Promise<void>;
}

/** What is waited for comes in seconds, on a loaded machine too; a chunk that was lost never does. */
const LONGEST_MS = 90_000;

export interface WorldOptions {
  seed: number;
  faults?: FaultPlanInput;
  plan?: Partial<Record<Party, readonly (Point & Trap)[]>>;
  settings?: Record<string, string>;
}

export async function openWorld({ seed, faults = UNEASY, plan = {}, settings }: WorldOptions): Promise<World> {
  const redis = await testRedis();
  const simulator = await testSimulator({ ...COMPRESSED_LIMIT, seed, faults });
  const links = {
    redis: await link(Number(new URL(await redis.listen()).port)),
    api: await link(Number(new URL(simulator.baseUrl).port), `/${WATCHED}?`),
  };
  const place = workplace(simulator, {
    CHAT_BASE_URL: `http://127.0.0.1:${links.api.port}`,
    // Few, so that one death does not take the whole job into its hands.
    BEFRIEND_CONCURRENCY: '16',
    BEFRIEND_ATTEMPTS: '20',
    ...settings,
  });
  const proxies = Object.fromEntries(
    await Promise.all(PARTIES.map(async (party) => [party, await killProxy(links.redis.port)] as const)),
  ) as Record<Party, KillProxy>;
  const left = Object.fromEntries(PARTIES.map((party) => [party, [...(plan[party] ?? [])]])) as Record<
    Party,
    (Point & Trap)[]
  >;
  const hit: Point[] = [];
  const running = new Map<Command, Role>();
  const key = (job: string): string => `{befriend:${simulator.sdkappid}}:job:${job}`;
  const closing = new AbortController();
  let failure: Error | null = null;
  let inputs = 0;

  /** Starts a process that dies at one of the next places of its party. */
  const start = (party: Party, ...args: string[]): { command: Command; died: () => boolean } => {
    const command = place.startWith({ REDIS_URL: proxies[party].url }, ...args);
    let died = false;
    proxies[party].arm(left[party].slice(0, TRAPS), (trap) => {
      died = true;
      command.child.kill('SIGKILL');
      const n = left[party].findIndex((one) => one.name === trap.name && one.phase === trap.phase);
      hit.push(...left[party].splice(n, 1));
    });
    return { command, died: () => died };
  };

  const keep = async (role: Role): Promise<void> => {
    while (!closing.signal.aborted) {
      const { command } = start(role, 'worker', '--roles', role);
      running.set(command, role);
      const { code, stderr } = await command.done;
      running.delete(command);
      if (command.child.signalCode === 'SIGKILL' || code === CANNOT_REACH) continue;
      failure = new Error(`seed ${seed}: the ${role} worker ended with ${code}:\n${stderr}`);
      return;
    }
  };

  const insist = async (party: Party, args: string[]): Promise<Finished> => {
    for (;;) {
      const { command, died } = start(party, ...args);
      const finished = await command.done;
      if (!died()) return finished;
    }
  };

  const until = async (what: string, done: () => boolean | Promise<boolean>): Promise<void> => {
    const since = performance.now();
    while (!(await done())) {
      if (failure !== null) throw failure;
      if (performance.now() - since > LONGEST_MS) throw new Error(`seed ${seed}: not ${what}, after ${listed(hit)}`);
      if (closing.signal.aborted) throw new Error(`seed ${seed}: closed before ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };

  const world: World = {
    seed,
    simulator,
    redis,
    place,
    links,
    hit,
    left: () => PARTIES.flatMap((party) => left[party]),
    answered: (party) => proxies[party].answered,
    work(roles = ROLES) {
      for (const role of roles) void keep(role);
    },
    workers: (role) => [...running].filter(([, one]) => one === role).map(([command]) => command),
    until,
    insist: (...args) => insist('command', args),
    alone: (...args) => insist('alone', args),
    lay(trap) {
      const traps = left[trap.party];
      traps.unshift(trap);
      return () => {
        const n = traps.indexOf(trap);
        return n !== -1 && traps.splice(n, 1).length === 1;
      };
    },
    input(accounts, friends) {
      const name = `i${(inputs += 1)}`;
      const rows = Array.from({ length: accounts * friends }, (_, n): [string, string] => {
        const account = Math.floor(n / friends);
        return [`${name}a${account}`, `${name}a${(account + 1 + (n % friends)) % accounts}`];
      });
      return { file: place.csv(`${name}.csv`, rows), rows: rows.length };
    },
    async submit({ file }) {
      const { code, stdout, stderr } = await world.insist('import', file, '--detach');
      if (code !== 0) throw new Error(`seed ${seed}: import --detach ended with ${code}:\n${stderr}`);
      return stdout.trim();
    },
    state: async (job) => (await redis.redis.hget(key(job), 'state')) ?? 'none',
    closed: async (job) => Number(await redis.redis.hget(key(job), 'closed')),
    over: (job) => until(`${job} was over`, async () => (await redis.redis.hget(key(job), 'delivered')) === '1'),
    results: (job) => join(place.home, 'jobs', job, 'results.jsonl'),
    verdict: (job, { file }, given) =>
      judge({
        job,
        input: file,
        results: world.results(job),
        redis: redis.redis,
        simulator,
        command: WATCHED,
        sent: links.api.sent(),
        rate: COMPRESSED_LIMIT,
        thaws: 0,
        ...given,
      }),
    async close() {
      closing.abort();
      await place.remove();
      for (const proxy of Object.values(proxies)) await proxy.close();
      await Promise.all([links.redis.close(), links.api.close()]);
      await simulator.close();
      await redis.close();
    },
  };
  return world;
}

/** What is left to die at, for people. */
export const listed = (points: readonly Point[]): string => points.map(textOf).join(', ');
