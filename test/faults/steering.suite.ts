/* oxlint-disable vitest/no-standalone-expect, vitest/expect-expect, vitest/no-conditional-expect -- the steps of the model look */
/**
 * G4 and G8 with real processes: jobs are submitted, paused, resumed, re-prioritised, cancelled and retried at random
 * by commands, while workers and Redis are killed. After every step the totals of each job add up, nothing that was
 * settled is open again, and its state was reached by the table of states; in the end every job has come out whole.
 * BEFRIEND_TEST_SEED repeats a history.
 */
import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { JobState, JobStatus } from '../../src/domain/job.ts';
import { keysOf } from '../../src/jobs/keys.ts';
import { createLedger } from '../../src/jobs/ledger.ts';
import { expectWhole } from './kills.ts';
import { seedOf } from './plan.ts';
import { type Input, openWorld, type World } from './world.ts';

/** Jobs of so many calls at so many a window take seconds, so that most commands find one at work. */
const ACCOUNTS = 200;
const FRIENDS = 2;
const CALLS_A_WINDOW = '8';
const HISTORIES = 4;

/** What each state can have become when it is looked at again: the table of states, and the end that comes by itself. */
const LATER: Record<JobState, readonly JobState[]> = {
  running: ['running', 'paused', 'cancelled', 'completed'],
  paused: ['paused', 'running', 'cancelled', 'completed'],
  stopped: [],
  cancelled: ['cancelled'],
  completed: ['completed'],
};

interface Known {
  id: string;
  input: Input;
  seen: JobStatus;
  /** The job that took its rows. */
  retry: Known | null;
}
interface Model {
  jobs: Known[];
  did: Record<string, number>;
}

async function look(world: World, id: string): Promise<JobStatus> {
  const status = await createLedger(world.redis.redis, keysOf(world.simulator.sdkappid)).status(id);
  if (status === null) throw new Error(`Redis does not know ${id}`);
  return status;
}
const doesNotHold = ({ failed, unknown, skipped }: JobStatus['totals']): number => failed + unknown + skipped;

/** One step; `pick` chooses the job, and it does nothing while there is none. */
abstract class Step implements fc.AsyncCommand<Model, World> {
  readonly pick: number;
  constructor(pick: number) {
    this.pick = pick;
  }
  check = ({ jobs }: Model): boolean => jobs.length > 0;
  async run(model: Model, world: World): Promise<void> {
    // Mostly a late one, which is at work.
    const done = await this.act(model.jobs.at(-1 - (this.pick % model.jobs.length))!, world, model);
    model.did[done] = (model.did[done] ?? 0) + 1;
    for (const known of model.jobs) await expectLater(known, world);
  }
  toString = (): string => `${this.constructor.name} ${JSON.stringify(this)}`;
  /** @returns what was done, for the count */
  abstract act(job: Known, world: World, model: Model): Promise<string>;
}

async function expectLater(known: Known, world: World): Promise<void> {
  const { state, totals } = await look(world, known.id);
  const { rows, invalid, duplicate, accepted, ok, satisfied, pending, failed, unknown, skipped, open } = totals;
  expect(accepted + invalid + duplicate).toBe(rows);
  expect(ok + satisfied + pending + failed + unknown + skipped + open).toBe(accepted);
  expect(accepted).toBe(known.input.rows);
  expect(LATER[known.seen.state]).toContain(state);
  for (const word of ['ok', 'satisfied', 'failed', 'unknown', 'skipped'] as const) {
    expect(totals[word]).toBeGreaterThanOrEqual(known.seen.totals[word]);
  }
  if (state !== 'cancelled') expect(skipped).toBe(0);
  known.seen = { ...known.seen, state, totals };
}

class Submit extends Step {
  override check = (): boolean => true;
  async act(_job: Known, world: World, { jobs }: Model): Promise<string> {
    const input = world.input(ACCOUNTS, FRIENDS);
    const id = await world.submit(input);
    jobs.push({ id, input, seen: await look(world, id), retry: null });
    return 'submit';
  }
}

/** What a command may have found: the state it asked for, or one in which it was refused. */
const STEERED = {
  pause: { to: ['paused'], refused: ['completed', 'cancelled'] },
  resume: { to: ['running', 'completed'], refused: ['completed', 'cancelled'] },
  cancel: { to: ['cancelled'], refused: ['completed'] },
} as const;

class Steer extends Step {
  readonly event: keyof typeof STEERED;
  constructor(pick: number, event: Steer['event']) {
    super(pick);
    this.event = event;
  }
  async act({ id }: Known, world: World): Promise<string> {
    const { code, stderr } = await world.insist(this.event, id);
    const state = await world.state(id);
    const { to, refused } = STEERED[this.event];
    expect({ code, stderr, state: (code === 0 ? to : refused).find((one) => one === state) }).toEqual({
      code,
      stderr,
      state,
    });
    expect([0, 2]).toContain(code);
    return code === 0 ? this.event : `${this.event} refused`;
  }
}

class Prioritize extends Step {
  readonly priority: string;
  constructor(pick: number, priority: string) {
    super(pick);
    this.priority = priority;
  }
  async act({ id }: Known, world: World): Promise<string> {
    const { code } = await world.insist('priority', id, this.priority);
    expect(code === 0 || ['completed', 'cancelled'].includes(await world.state(id))).toBe(true);
    return 'priority';
  }
}

/** The rows that do not hold of a job that was cancelled, rather than of another, which is refused while it runs. */
class Retry extends Step {
  async act(picked: Known, world: World, { jobs }: Model): Promise<string> {
    const cancelled = jobs.findLast(({ seen, retry }) => seen.state === 'cancelled' && retry === null);
    const job = cancelled ?? picked;
    if (cancelled !== undefined) await world.over(cancelled.id);
    const { code, stdout, stderr } = await world.insist('retry', job.id, '--detach');
    if (code !== 0) {
      expect(cancelled).toBeUndefined();
      expect({ code, stderr }).toEqual({
        code: 2,
        stderr: expect.stringMatching(/is not over|was retried already|not settled yet/),
      });
      return 'retry refused';
    }
    const id = stdout.trim();
    if (id === '') {
      expect({ stderr, left: doesNotHold((await look(world, job.id)).totals) }).toMatchObject({ left: 0 });
      return 'retry of nothing';
    }
    // The same again finds the retry that runs; that is no job more.
    if (job.retry !== null) {
      expect(id).toBe(job.retry.id);
      return 'retry again';
    }
    const lines = readFileSync(world.results(job.id), 'utf8').split('\n').slice(0, -1);
    const taken = lines
      .map((line) => JSON.parse(line) as { from: string; to: string; status: string })
      .filter(({ status }) => ['failed', 'unknown', 'skipped'].includes(status));
    const file = world.place.csv(
      `${id}.csv`,
      taken.map(({ from, to }) => [from, to] as const),
    );
    job.retry = { id, input: { file, rows: taken.length }, seen: await look(world, id), retry: null };
    jobs.push(job.retry);
    return 'retry';
  }
}

class Kill extends Step {
  readonly role: 'feed' | 'call' | 'record';
  constructor(pick: number, role: Kill['role']) {
    super(pick);
    this.role = role;
  }
  override check = (): boolean => true;
  async act(_job: Known, world: World): Promise<string> {
    await world.workers(this.role)[0]?.kill();
    return `kill ${this.role}`;
  }
}

class RestartRedis extends Step {
  override check = (): boolean => true;
  async act(_job: Known, world: World): Promise<string> {
    await world.redis.restart();
    return 'restart Redis';
  }
}

const pick = fc.nat({ max: 2 });
/** The everyday ones more often. */
const steps: fc.Arbitrary<Step>[] = [
  pick.map((n) => new Submit(n)),
  pick.map((n) => new Submit(n)),
  ...(['pause', 'resume', 'resume', 'cancel'] as const).map((event) => pick.map((n) => new Steer(n, event))),
  fc.tuple(pick, fc.constantFrom('high', 'normal', 'low')).map(([n, priority]) => new Prioritize(n, priority)),
  pick.map((n) => new Retry(n)),
  pick.map((n) => new Retry(n)),
  fc.tuple(pick, fc.constantFrom('feed', 'call', 'record')).map(([n, role]) => new Kill(n, role)),
  pick.map((n) => new RestartRedis(n)),
];

/** Whatever was left paused goes on; then every job is over, and is judged with its retries. */
async function expectAllWhole({ jobs }: Model, world: World): Promise<void> {
  for (const { id } of jobs) {
    if ((await world.state(id)) === 'paused') await world.insist('resume', id);
  }
  await world.insist('limit', 'import', 'full');
  for (const { id } of jobs) await world.over(id);
  for (const { id, input, retry } of jobs) {
    const retries: string[] = [];
    for (let next = retry; next !== null; next = next.retry) retries.push(world.results(next.id));
    const state = (await world.state(id)) as 'completed' | 'cancelled';
    expectWhole(await world.verdict(id, input, { state, retries }), { seed: world.seed, job: id });
  }
}

test('jobs steered by commands at random, while everything dies, come out whole', { timeout: 900_000 }, async () => {
  const seed = seedOf();
  const did: Record<string, number> = {};
  const world = await openWorld({ seed });
  world.work();
  try {
    await fc.assert(
      fc.asyncProperty(fc.commands(steps, { maxCommands: 30, size: 'max' }), async (commands) => {
        const model: Model = { jobs: [], did };
        await world.insist('limit', 'import', CALLS_A_WINDOW);
        await fc.asyncModelRun(() => ({ model, real: world }), [new Submit(0), ...commands]);
        await expectAllWhole(model, world);
      }),
      // A history is minutes of real time to shrink: its seed and its steps are told as they are.
      { seed, numRuns: HISTORIES, endOnFailure: true },
    );
  } finally {
    await world.close();
  }
  console.log(
    `seed ${seed}: ${HISTORIES} histories; ${Object.entries(did)
      .map(([what, n]) => `${n} × ${what}`)
      .join(', ')}`,
  );
  // Histories in which nothing was steered or retried would prove nothing.
  for (const what of ['submit', 'pause', 'resume', 'cancel', 'retry']) expect(did).toHaveProperty(what);
});
