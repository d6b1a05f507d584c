/* oxlint-disable vitest/no-standalone-expect, vitest/expect-expect, vitest/no-conditional-expect -- the steps of the model look */
/**
 * G4 and G8: jobs steered at random, with callers that die and a Redis that is killed, against a model of the table of
 * states. After every step each job has the model's state and counts, and its totals add up. The scripts are the real
 * ones. BEFRIEND_TEST_RUNS: how many histories, 50 by default.
 */
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type JobDescriptor, type JobState, TRANSITIONS } from '../../src/domain/job.ts';
import { createLedger, type Ledger, SETTLED } from '../../src/jobs/ledger.ts';
import { aofWritten, AT, chunkOf, commandOf, fedChunk, jobWith, KEYS, recordOf } from '../jobs/support.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';

let server: TestRedis;
let ledger: Ledger;

beforeAll(async () => {
  server = await testRedis();
  ledger = createLedger(server.redis, KEYS);
  await aofWritten(server.redis);
});
afterAll(() => server.close());

interface ModelChunk {
  fed: boolean;
  /** A row each: its outcome, or null while it is open. */
  rows: ('ok' | 'skipped' | null)[];
}
interface ModelJob {
  job: JobDescriptor;
  state: JobState;
  delivered: boolean;
  chunks: ModelChunk[];
  retried: boolean;
}
interface Model {
  jobs: ModelJob[];
}

const rowsOf = ({ chunks }: ModelJob) => chunks.flatMap(({ rows }) => rows);
const isClosed = ({ rows }: ModelChunk): boolean => !rows.includes(null);
const targets = (rows: number): string[] => Array.from({ length: rows }, (_, n) => `to${n}`);

/** One step; `pick` chooses the job, and it does nothing while there is none. */
abstract class Step implements fc.AsyncCommand<Model, Ledger> {
  readonly pick: number;
  constructor(pick: number) {
    this.pick = pick;
  }
  check = ({ jobs }: Model): boolean => jobs.length > 0;
  async run(model: Model): Promise<void> {
    await this.act(model.jobs[this.pick % model.jobs.length]!, model);
    await expectAlike(model);
  }
  toString = (): string => `${this.constructor.name} ${JSON.stringify(this)}`;
  abstract act(mine: ModelJob, model: Model): Promise<void>;
}

async function expectAlike({ jobs }: Model): Promise<void> {
  for (const mine of jobs) {
    const found = await ledger.status(mine.job.id);
    const rows = rowsOf(mine);
    const count = (outcome: string | null) => rows.filter((row) => row === outcome).length;
    const [ok, skipped, open] = [count('ok'), count('skipped'), count(null)];
    expect(found).toMatchObject({ state: mine.state, delivered: mine.delivered, totals: { ok, skipped, open } });
    expect(ok + skipped + open).toBe(found?.totals.accepted);
    expect(found?.closed).toBe(mine.chunks.filter(isClosed).length);
  }
}

async function submit(model: Model, sizes: readonly number[], given: Partial<JobDescriptor> = {}): Promise<void> {
  const accepted = sizes.reduce((sum, size) => sum + size, 0);
  const job = jobWith({ chunks: sizes.length, rows: accepted, accepted, ...given });
  await ledger.submit(job, 'finished', Date.parse(AT));
  const chunks = sizes.map((size) => ({ fed: false, rows: Array<null>(size).fill(null) }));
  model.jobs.push({ job, state: 'running', delivered: false, chunks, retried: false });
}

class Submit extends Step {
  readonly sizes: number[];
  constructor(sizes: number[]) {
    super(0);
    this.sizes = sizes;
  }
  override check = (): boolean => true;
  override async run(model: Model): Promise<void> {
    await submit(model, this.sizes);
    await expectAlike(model);
  }
  act = async (): Promise<void> => {};
}

/** The next chunk comes into the window, whatever the job's state; a feeder that was late offers it a second time. */
class Feed extends Step {
  async act({ job, state, chunks }: ModelJob): Promise<void> {
    const next = chunks.findIndex(({ fed }) => !fed);
    if (next === -1) return;
    const chunk = fedChunk(chunkOf(`${job.id}-${next}`, ...targets(chunks[next]!.rows.length)));
    for (let n = 0; n < 2; n += 1) await ledger.feed(job, commandOf(job), next, [chunk]);
    chunks[next]!.fed = state === 'running' || state === 'cancelled';
  }
}

/** A caller takes a chunk: it records, after a call or without one, or dies before that. */
class Call extends Step {
  readonly which: number;
  readonly settles: number;
  readonly dies: boolean;
  constructor(pick: number, which: number, settles: number, dies: boolean) {
    super(pick);
    [this.which, this.settles, this.dies] = [which, settles, dies];
  }
  async act({ job, state, chunks }: ModelJob): Promise<void> {
    const number = this.which % chunks.length;
    const chunk = chunks[number]!;
    const claim = await ledger.claim(job.id, number, 60_000);
    const open = chunk.fed && !isClosed(chunk);
    const held = state === 'paused' || state === 'stopped';
    expect(claim.kind).toBe(!open ? 'gone' : held ? 'held' : state === 'running' ? 'claimed' : 'cancelled');
    if ((claim.kind !== 'claimed' && claim.kind !== 'cancelled') || this.dies) return;
    const word = claim.kind === 'claimed' ? 'ok' : 'skipped';
    const settled = chunk.rows.flatMap((row, n) =>
      row === null && (word === 'skipped' || (this.settles >> n) % 2 === 1) ? [n] : [],
    );
    for (const n of settled) chunk.rows[n] = word;
    const to = settled.map((n) => `to${n}`);
    const outcomes = [{ status: word, code: null, info: '', attempts: 1, to } as const];
    const record = recordOf(claim.epoch, {
      items: Buffer.from(chunk.rows.map((row) => (row === null ? 1 : SETTLED))),
      close: isClosed(chunk),
      entry: { from: job.id, attempt: 1, at: AT, rows: to.length, outcomes: outcomes.map((one) => ({ ...one, to })) },
      counts: { [`status:${word}`]: to.length },
    });
    expect(await ledger.record(job.id, number, record)).toBe(true);
    // Whoever had the chunk before is not heard.
    expect(await ledger.record(job.id, number, { ...record, epoch: claim.epoch - 1 })).toBe(false);
  }
}

class Steer extends Step {
  readonly event: 'pause' | 'resume' | 'cancel' | 'stop';
  constructor(pick: number, event: Steer['event']) {
    super(pick);
    this.event = event;
  }
  async act(mine: ModelJob): Promise<void> {
    const { from, to } = TRANSITIONS[this.event];
    const changed = from.includes(mine.state);
    if (changed) mine.state = to;
    expect(await ledger.steer(mine.job.id, this.event, '')).toEqual({ changed, state: mine.state });
  }
}

/** The recorder has everything on disk. */
class Deliver extends Step {
  async act(mine: ModelJob): Promise<void> {
    const last = await ledger.lastEntry(mine.job.id);
    const closed = mine.chunks.every(isClosed);
    expect(last !== null).toBe(closed);
    const over = closed && !mine.delivered && (mine.state === 'running' || mine.state === 'cancelled');
    expect(await ledger.finish(mine.job.id, last ?? '0-0', AT)).toBe(over);
    if (!over) return;
    mine.delivered = true;
    if (mine.state === 'running') mine.state = 'completed';
  }
}

/** What did not hold, as a job of its own; the first one keeps its counts. */
class Retry extends Step {
  async act(mine: ModelJob, model: Model): Promise<void> {
    const sizes = mine.chunks.map(({ rows }) => rows.filter((row) => row === 'skipped').length).filter((n) => n > 0);
    if (!mine.delivered || mine.retried || sizes.length === 0) return;
    mine.retried = true;
    await submit(model, sizes, { retryOf: mine.job.id });
  }
}

class Restart extends Step {
  override check = (): boolean => true;
  override async run(model: Model): Promise<void> {
    await server.restart();
    await server.redis.ping();
    await aofWritten(server.redis);
    await expectAlike(model);
  }
  act = async (): Promise<void> => {};
}

const pick = fc.nat({ max: 5 });
const steps = [
  fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 3 }).map((sizes) => new Submit(sizes)),
  pick.map((n) => new Feed(n)),
  fc
    .tuple(pick, fc.nat({ max: 5 }), fc.nat({ max: 7 }))
    .map(([n, which, settles]) => new Call(n, which, settles, false)),
  fc.tuple(pick, fc.nat({ max: 5 })).map(([n, which]) => new Call(n, which, 0, true)),
  fc
    .tuple(pick, fc.constantFrom('pause', 'resume', 'resume', 'cancel', 'stop'))
    .map(([n, event]) => new Steer(n, event)),
  pick.map((n) => new Deliver(n)),
  pick.map((n) => new Retry(n)),
  fc.constantFrom(0).map((n) => new Restart(n)),
];
/** The everyday ones more often. */
const WEIGHTED = [0, 1, 1, 1, 2, 2, 2, 2, 3, 4, 4, 5, 5, 6, 7].map((n) => steps[n]!);

test('jobs that are steered at random, with deaths and restarts, do as the model, and every total adds up', async () => {
  await fc.assert(
    fc.asyncProperty(fc.commands(WEIGHTED, { maxCommands: 60, size: '+1' }), (commands) =>
      fc.asyncModelRun(() => ({ model: { jobs: [] } as Model, real: ledger }), commands),
    ),
    { numRuns: Number(process.env.BEFRIEND_TEST_RUNS ?? 50), endOnFailure: true },
  );
}, 120_000);
