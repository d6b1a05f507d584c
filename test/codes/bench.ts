import { type Befriend, openBefriend, type SubmittedJob } from '../../src/befriend.ts';
import { readConfig } from '../../src/config.ts';
import { type OperationName, type OperationOptions, OPERATIONS } from '../../src/domain/operation.ts';
import type { Outcome, Status } from '../../src/domain/outcome.ts';
import { createLog } from '../../src/log.ts';
import { exitCodeOf } from '../../src/results/report.ts';
import { Dice } from '../../src/simulator/dice.ts';
import { type FaultPlan, type FaultPlanInput, readFaultPlan } from '../../src/simulator/faults.ts';
import { type Workplace, workplace } from '../support/command.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { type Pair, type TestSimulator, testSimulator } from '../support/simulator.ts';

export type Level = 'envelope' | 'item';

/** What must become of a row that is answered a code. */
export interface Must {
  /** Calls that carry it in all, until its end or the job's stop. */
  sends: number;
  /** `stopped`: the job is, and keeps the row open. */
  end: Status | 'stopped';
  /** Of these, calls that spend an attempt. Default: all, or none where the job stops. */
  attempts?: number;
  /** Reads of other commands that it takes. Default 0. */
  lookups?: number;
}

/** One code at one level in one job. */
export interface Trial extends Must {
  code: number;
  level: Level;
  operation?: OperationName;
  options?: OperationOptions;
  /** ResultInfo or ErrorInfo. */
  info?: string;
  /** Rows of the call that is hit as a whole. Default 1. */
  rows?: number;
  /** The n-th try passes. Absent: none does. */
  passesAt?: number;
  /** A write is applied all the same, at every try. */
  applied?: true;
  /** Directions of the friendship that were there before. Default none. */
  friends?: 'both';
}

/** Beyond every configured attempt. */
const NEVER = 1000;
/** Share of the pairs or accounts that one rule hits: so few that names can be found which only one of all rules hits. */
const FRACTION = 0.004;
const SEED = 1;

/** Time is compressed two-thousandfold: 0.5 s of backoff are nothing, the two minutes of a security policy 60 ms. */
const TIME = {
  CHAT_CALLS_PER_SECOND: '400',
  BEFRIEND_WINDOW_MS: '100',
  BEFRIEND_MARGIN_MS: '20',
  BEFRIEND_BACKOFF_SCALE: '0.0005',
  BEFRIEND_SERVICE_LIMIT_MS: '20',
  BEFRIEND_BRAKE_AFTER: '0',
};

/** A befriend in this process with a Redis and a simulator of its own. */
export interface Bench {
  simulator: TestSimulator;
  /**
   * Runs one job a trial, all at once; then the faults go away, and the jobs that stopped go on to their end. Returns what
   * became of each and what must, in the same order.
   */
  run(trials: readonly Trial[]): Promise<{ became: Became[]; must: Became[] }>;
  close(): Promise<void>;
}

export async function openBench(): Promise<Bench> {
  const [redis, simulator]: [TestRedis, TestSimulator] = await Promise.all([
    testRedis(),
    // The rate is not the matter here: the simulator's limit is far away.
    testSimulator({ limit: 100_000, windowMs: 100, serviceTimeMs: { read: 0, write: 1 }, seed: SEED, countSent: true }),
  ]);
  const place: Workplace = workplace(simulator, { ...TIME, REDIS_URL: await redis.listen() });
  const config = readConfig(place.env, { need: 'chat' });
  const befriend = await openBefriend({ config, log: createLog({ level: 'silent' }), env: place.env });
  befriend.work();
  return {
    simulator,
    run: (trials) => runTrials(trials, befriend, simulator),
    async close() {
      await befriend.close();
      await place.remove();
      await Promise.all([redis.close(), simulator.close()]);
    },
  };
}

/** A trial with the rows of its job. */
interface Cast {
  trial: Trial;
  /** Answered the code. */
  hit: Pair[];
  /** In the same call, answered 0: only of items. */
  healthy: Pair[];
}

async function runTrials(
  trials: readonly Trial[],
  befriend: Befriend,
  simulator: TestSimulator,
): Promise<{ became: Became[]; must: Became[] }> {
  const plan = planOf(trials);
  await simulator.reset({ faults: plan });
  const casts = castAll(trials, readFaultPlan(plan));
  await simulator.seedFriends(casts.flatMap(({ trial, hit }) => (trial.friends ? hit.flatMap(bothWays) : [])));
  const run = casts.map(async (cast) => ({ cast, job: await start(cast, befriend) }));
  const jobs = await Promise.all(run);
  const found = await Promise.all(jobs.map(({ cast, job }) => lookAt(cast, job, simulator)));

  await simulator.setFaults({});
  const stopped = jobs.filter(({ cast }) => cast.trial.end === 'stopped');
  const again = await Promise.all(stopped.map(({ cast, job }) => goOn(cast, job, simulator)));
  return {
    became: [...found, ...again],
    must: [...casts.map(wanted), ...stopped.map(({ cast }) => wantedAgain(cast))],
  };
}

const bothWays = ([a, b]: Pair): Pair[] => [
  [a, b],
  [b, a],
];

const operationOf = ({ operation = 'import' }: Trial): OperationName => operation;
const commandOf = (trial: Trial): string => OPERATIONS[operationOf(trial)].command;

/** One rule a trial; the reads that verify are never hit. */
function planOf(trials: readonly Trial[]): FaultPlanInput {
  const rules = trials.map((trial) => {
    const { code, info, level, passesAt, applied } = trial;
    const rule = { commands: [commandOf(trial)], code, level, fraction: FRACTION, ...(info !== undefined && { info }) };
    const transient = passesAt !== undefined || applied;
    return transient ? { ...rule, passesAt: passesAt ?? NEVER, applied: applied ?? false } : rule;
  });
  return {
    permanent: rules.filter((rule) => !('passesAt' in rule)),
    transient: rules.filter((rule) => 'passesAt' in rule) as FaultPlanInput['transient'],
  };
}

/** Finds accounts for every trial that its rule hits and no other: the simulator draws by hashing the names. */
function castAll(trials: readonly Trial[], plan: FaultPlan): Cast[] {
  const dice = new Dice(SEED, plan);
  let names = 0;
  const name = (): string => `u${(names += 1)}`;
  const wants = ({ code, info }: Trial, drawn: { code: number; info?: string | undefined } | null): boolean =>
    drawn?.code === code && drawn.info === info;
  return trials.map((trial) => {
    const command = commandOf(trial);
    const { rows = 1, level } = trial;
    const whole = level === 'envelope';
    let from = name();
    while (whole ? !wants(trial, dice.whole(command, from, level)) : dice.whole(command, from, 'envelope') !== null) {
      from = name();
    }
    const drawn = dice.items(command, from) ?? (() => null);
    const findTo = (fits: (fault: ReturnType<typeof drawn>) => boolean): string => {
      let to = name();
      while (!fits(drawn(to))) to = name();
      return to;
    };
    const unhit = (fault: ReturnType<typeof drawn>): boolean => fault === null;
    const hit = Array.from({ length: rows }, (): Pair => [
      from,
      findTo(whole ? unhit : (fault) => wants(trial, fault)),
    ]);
    const healthy: Pair[] = whole || operationOf(trial) !== 'import' ? [] : [[from, findTo(unhit)]];
    return { trial, hit, healthy };
  });
}

function start({ trial, hit, healthy }: Cast, befriend: Befriend): Promise<SubmittedJob> {
  const rows = [...hit, ...healthy].map(([from, to]) => ({
    from,
    to,
    ...(trial.operation === 'update' && { remark: 'changed' }),
  }));
  const { options } = trial;
  return befriend.submit({ kind: 'rows', rows }, { operation: operationOf(trial), ...(options && { options }) });
}

/** What became of one trial's job, in a shape that compares whole and says in a failure which trial it was. */
export interface Became {
  trial: string;
  state: string;
  exit: number;
  sends: number[];
  healthySends: number[];
  open: number;
  outcomes: { status: Status; code: number | null; attempts: number }[];
  lookups: number;
  /** Of a stopped job: whether the reason names the code. */
  saysWhy: boolean;
}

const titleOf = ({ code, level, operation = 'import', options = {}, info = '' }: Trial): string =>
  `${code} ${level} ${operation} ${JSON.stringify(options)} ${info}`;

async function lookAt({ trial, hit, healthy }: Cast, job: SubmittedJob, simulator: TestSimulator): Promise<Became> {
  await job.done();
  // The call that stopped the job is recorded right behind the stop.
  while ((await job.status()).totals.ok < healthy.length) await new Promise((resolve) => setTimeout(resolve, 10));
  const command = commandOf(trial);
  const [report, sends, healthySends] = await Promise.all([
    job.report(),
    simulator.sent(command, hit),
    simulator.sent(command, healthy),
  ]);
  return {
    trial: titleOf(trial),
    state: report.state,
    exit: exitCodeOf(report, false),
    sends,
    healthySends,
    open: report.totals.open,
    outcomes: (await outcomesOf(job, hit)).map(({ status, code, attempts }) => ({ status, code, attempts })),
    lookups: report.calls.lookups,
    saysWhy: report.reason?.startsWith(`code ${trial.code}, `) ?? false,
  };
}

async function outcomesOf(job: SubmittedJob, pairs: readonly Pair[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for await (const outcome of job.outcomes()) if (pairs.some(([, to]) => to === outcome.to)) outcomes.push(outcome);
  return outcomes;
}

/** Statuses with which a row is as it should be, or will be when the peer consents. */
const GOOD: ReadonlySet<Status> = new Set(['ok', 'satisfied', 'pending']);

function wanted({ trial, hit, healthy }: Cast): Became {
  const { end, sends, lookups = 0 } = trial;
  const stops = end === 'stopped';
  const code = trial.applied && end === 'satisfied' ? null : end === 'ok' ? 0 : trial.code;
  return {
    trial: titleOf(trial),
    state: stops ? 'stopped' : 'completed',
    exit: stops ? 3 : GOOD.has(end) ? 0 : 1,
    sends: hit.map(() => sends),
    healthySends: healthy.map(() => 1),
    open: stops ? hit.length : 0,
    outcomes: stops ? [] : hit.map(() => ({ status: end, code, attempts: trial.attempts ?? sends })),
    lookups,
    saysWhy: stops,
  };
}

/** A job that stopped, after the fault was taken away. */
async function goOn(cast: Cast, job: SubmittedJob, simulator: TestSimulator): Promise<Became> {
  await job.resume();
  return lookAt(cast, job, simulator);
}

function wantedAgain({ trial, ...rows }: Cast): Became {
  const { sends, attempts = 0 } = trial;
  return wanted({ trial: { ...trial, end: 'ok', sends: sends + 1, attempts: attempts + 1 }, ...rows });
}
