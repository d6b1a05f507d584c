/**
 * G3 under every reading: what the API's pages leave open is a switch of the simulator. For every operation each reading
 * of each switch that touches it runs, and each pair of readings, with faults on; every outcome is compared with the
 * service's own state. Without faults each reading runs as well, and every row must end with the one word that is right.
 * Each job runs twice, since much of what is open is about doing a thing again.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Befriend, openBefriend } from '../../src/befriend.ts';
import { readConfig } from '../../src/config.ts';
import type { Outcome } from '../../src/domain/outcome.ts';
import { type OperationName, type OperationOptions, OPERATIONS } from '../../src/domain/operation.ts';
import { createLog } from '../../src/log.ts';
import { DEFAULT_SWITCHES, readSwitches, SWITCHES } from '../../src/simulator/switches.ts';
import type { RowInput } from '../../src/intake/row.ts';
import type { PairTruth } from '../../src/simulator/truth.ts';
import { type Workplace, workplace } from '../support/command.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { type Pair, type TestSimulator, testSimulator } from '../support/simulator.ts';
import { expectOneWriteAtATime } from '../support/truth.ts';
import { diagonal, type Row } from './expected.ts';
import { type Factors, pairwise, type Run } from './pairwise.ts';
import { FAULTS, rowsFor, setScene } from './scene.ts';
import { disagreements } from './truth.ts';

/** Time is compressed twentyfold and more: the service works 2 ms on a call, and gives up after 60. */
const SERVICE_LIMIT_MS = 60;
const SIMULATOR = {
  limit: 100,
  windowMs: 100,
  serviceTimeMs: { read: 1, write: 2 },
  readDelayMs: SERVICE_LIMIT_MS / 2,
} as const;
const TIME = {
  CHAT_CALLS_PER_SECOND: '100',
  BEFRIEND_WINDOW_MS: '100',
  BEFRIEND_MARGIN_MS: '20',
  BEFRIEND_BACKOFF_SCALE: '0.02',
  BEFRIEND_SERVICE_LIMIT_MS: String(SERVICE_LIMIT_MS),
  BEFRIEND_CALL_TIMEOUT_MS: '200',
  BEFRIEND_BRAKE_AFTER: '0',
};

/** Share of the rows that the faults of this suite may leave in doubt. */
const MOST_UNKNOWN = 0.05;

/** An operation, with every choice of options that changes its calls. */
export interface Case {
  operation: OperationName;
  choices: readonly OperationOptions[];
}

interface Chosen {
  operation: OperationName;
  options: OperationOptions;
}

export function testReadings(cases: readonly Case[]): void {
  let redis: TestRedis;
  let simulator: TestSimulator;
  let place: Workplace;
  let befriend: Befriend;
  const size = { runs: 0, jobs: 0, outcomes: 0, unknown: 0, calls: 0 };

  beforeAll(async () => {
    [redis, simulator] = await Promise.all([testRedis(), testSimulator(SIMULATOR)]);
    place = workplace(simulator, { ...TIME, REDIS_URL: await redis.listen() });
    const config = readConfig(place.env, { need: 'chat' });
    befriend = await openBefriend({ config, log: createLog({ level: 'silent' }), env: place.env });
    befriend.work();
  });
  afterAll(async () => {
    console.log(
      `readings: ${cases.map(({ operation }) => operation).join(', ')}, ${size.runs} runs, ${size.jobs} jobs, ${size.calls} calls, ` +
        `${size.outcomes} outcomes compared (${size.unknown} unknown)`,
    );
    await befriend.close();
    await place.remove();
    await Promise.all([redis.close(), simulator.close()]);
  });

  async function runJob({ operation, options }: Chosen, rows: RowInput[]): Promise<Outcome[]> {
    const job = await befriend.submit({ kind: 'rows', rows }, { operation, options, looseIds: true, again: true });
    const report = await job.done();
    expect([report.state, report.reason]).toEqual(['completed', undefined]);
    const outcomes: Outcome[] = [];
    for await (const outcome of job.outcomes()) outcomes.push(outcome);
    expect(outcomes).toHaveLength(report.totals.accepted);
    size.jobs += 1;
    size.outcomes += outcomes.length;
    size.unknown += report.totals.unknown;
    size.calls += report.calls.made + report.calls.lookups;
    return outcomes;
  }

  async function expectAgreement(asked: Chosen, run: Run, seed: number, faults: boolean): Promise<void> {
    await simulator.reset({ switches: run, seed, ...(faults && { faults: FAULTS }) });
    await setScene(simulator);
    const switches = { ...DEFAULT_SWITCHES, ...readSwitches(run) };
    for (const time of ['first', 'second']) {
      const rows = rowsFor(asked.operation, time);
      const pairs = rows.map(endsOf);
      const places = new Map(pairs.map(([from, to], n) => [`${from}→${to}`, n]));
      const placeOf = ({ from, to }: Outcome) => places.get(`${from ?? to}→${to}`) as number;
      const before = await simulator.relations(pairs);
      const outcomes = await runJob(asked, rows);
      const found = await disagreements(simulator, outcomes, {
        ...asked,
        switches,
        faults,
        rowOf: (outcome) => rowOf(rows[placeOf(outcome)] as RowInput),
        before: (outcome) => before[placeOf(outcome)] as PairTruth,
      });
      expect({ time, run, faults, found: found.slice(0, 3) }).toEqual({ time, run, faults, found: [] });
    }
    // Which lists a two-way delete-all writes only the service knows.
    if (asked.operation !== 'delete-all' || !asked.options.both) await expectOneWriteAtATime(simulator);
    size.runs += 1;
  }

  test.each(cases)(
    '$operation: every word is true, whatever the pages mean',
    async ({ operation, choices }) => {
      const before = { ...size };
      const runs = pairwise(factorsOf({ operation, choices }));
      for (const [n, { options = '', ...switches }] of runs.entries()) {
        await expectAgreement({ operation, options: JSON.parse(options) as OperationOptions }, switches, n + 1, true);
      }
      expect(size.unknown - before.unknown).toBeLessThanOrEqual(MOST_UNKNOWN * (size.outcomes - before.outcomes));
    },
    180_000,
  );

  test.each(cases)(
    '$operation: the right word for every row, where nothing goes wrong',
    async ({ operation, choices }) => {
      const { options: _, ...switches } = factorsOf({ operation, choices });
      for (const options of choices) {
        for (const run of diagonal(switches)) await expectAgreement({ operation, options }, run, 1, false);
      }
    },
    180_000,
  );
}

/** An account is both ends. */
const endsOf = (row: RowInput): Pair => ('account' in row ? [row.account, row.account] : [row.from, row.to]);

function rowOf(row: RowInput): Row {
  const [from, to] = endsOf(row);
  return { ...(row as Partial<Row>), from, to };
}

/** The options, and the switches that can change what the calls of a job are answered, those of its lookups included. */
function factorsOf({ operation, choices }: Case): Factors {
  const { command, verification } = OPERATIONS[operation];
  const lookups = choices.flatMap((options) => verification(options)?.operation ?? []);
  const commands = new Set([command, 'account_check', ...lookups.map((name) => OPERATIONS[name].command)]);
  const switches = Object.entries(SWITCHES)
    .filter(([, { commands: touched }]) => touched.some((one) => commands.has(one)))
    .map(([name, { readings }]) => [name, readings] as const);
  return { options: choices.map((options) => JSON.stringify(options)), ...Object.fromEntries(switches) };
}
