/**
 * G6: within a job permanent codes are never sent again; a transient item is tried up to the configured attempts; a
 * credentials fault stops the job with its state kept. The simulator counts how often it was sent each row, and tells what
 * its plan has for it.
 */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Outcome } from '../../src/domain/outcome.ts';
import { Dice } from '../../src/simulator/dice.ts';
import { type FaultPlanInput, readFaultPlan } from '../../src/simulator/faults.ts';
import { friendGraph, seededRandom } from '../../src/simulator/graph.ts';
import type { PairTruth } from '../../src/simulator/truth.ts';
import { COMPRESSED_LIMIT, outcomesIn, type Workplace, workplace } from '../support/command.ts';
import { type TestSimulator, testSimulator } from '../support/simulator.ts';
import { expectLimitsHeld, expectOneOutcomeEach, expectTotals, type Row } from '../support/truth.ts';

const ATTEMPTS = 4;
const SEED = 3;
const graph: Row[] = [...friendGraph({ accounts: 250, friendsPerAccount: 20, random: seededRandom(5) })];

/** Codes that never pass, by pair, by To and by From; others that pass at the second try, at the last, or never. */
const FAULTS = {
  missing: 0.02,
  permanent: [
    { code: 30010, fraction: 0.02, of: 'from' },
    { code: 30516, fraction: 0.03, of: 'to' },
    { code: 30525, fraction: 0.03 },
    { code: 30005, fraction: 0.02 },
    { code: 38123, fraction: 0.02 },
  ],
  transient: [
    { code: 30006, fraction: 0.1, passesAt: 2 },
    { code: 30008, fraction: 0.05, passesAt: ATTEMPTS },
    { code: 70500, fraction: 0.05, passesAt: ATTEMPTS + 1 },
    { code: 30007, fraction: 0.05, passesAt: 3 },
    { code: 60014, fraction: 0.02, passesAt: 50 },
    { code: 31999, fraction: 0.03, passesAt: 2 },
    { code: 31998, fraction: 0.03, passesAt: 3 },
  ],
} as const satisfies FaultPlanInput;

/** On no page: a friend code is tried twice, whatever the configured attempts. */
const UNLISTED = new Map([
  [31999, 2],
  [31998, 2],
]);

let simulator: TestSimulator;
let place: Workplace;

beforeEach(async () => {
  simulator = await testSimulator({ ...COMPRESSED_LIMIT, countSent: true, seed: SEED });
  place = workplace(simulator, {
    BEFRIEND_ATTEMPTS: String(ATTEMPTS),
    BEFRIEND_BACKOFF_SCALE: '0.02',
    BEFRIEND_BRAKE_AFTER: '0',
  });
});
afterEach(async () => {
  await expectLimitsHeld(simulator, COMPRESSED_LIMIT);
  await place.remove();
  await simulator.close();
});

/** What must become of one row whose calls always arrive and are answered. */
interface Must {
  status: Outcome['status'];
  code: number | null;
  sends: number;
}

function mustOf({ fromExists, toExists, fault }: PairTruth): Must {
  if (!fromExists || !toExists) return { status: 'failed', code: 30003, sends: 1 };
  if (fault === null) return { status: 'ok', code: 0, sends: 1 };
  if (fault.kind === 'permanent') return { status: 'failed', code: fault.code, sends: 1 };
  const most = UNLISTED.get(fault.code) ?? ATTEMPTS;
  return fault.passesAt <= most
    ? { status: 'ok', code: 0, sends: fault.passesAt }
    : { status: 'failed', code: fault.code, sends: most };
}

interface Found extends Must {
  row: string;
  attempts: number;
}

/** Every row's last word, in the rows' order, with how often it was sent. */
async function foundOf(rows: readonly Row[], outcomes: readonly Outcome[]): Promise<Found[]> {
  expectOneOutcomeEach(rows, outcomes);
  const sends = await simulator.sent('friend_import', rows);
  const byRow = new Map(outcomes.map((outcome) => [`${outcome.from}→${outcome.to}`, outcome]));
  return rows.map(([from, to], n) => {
    const row = `${from}→${to}`;
    const { status, code, attempts } = byRow.get(row) as Outcome;
    return { row, status, code, attempts, sends: sends[n] as number };
  });
}

async function wantedOf(rows: readonly Row[]): Promise<Found[]> {
  const truths = await simulator.relations(rows, 'friend_import');
  return rows.map(([from, to], n) => {
    const must = mustOf(truths[n] as PairTruth);
    return { row: `${from}→${to}`, ...must, attempts: must.sends };
  });
}

const differences = (found: readonly Found[], wanted: readonly Found[]) =>
  found.flatMap((one, n) => {
    const must = wanted[n] as Found;
    return JSON.stringify(one) === JSON.stringify({ ...one, ...must }) ? [] : [{ one, must }];
  });

test('each row is sent exactly as often as its codes ask for, and ends with the last of them', async () => {
  await simulator.setFaults(FAULTS);
  const { code, report } = await place.report('import', place.csv('rows.csv', graph));
  expect({ code, state: report.state }).toEqual({ code: 1, state: 'completed' });
  const outcomes = outcomesIn(report.results as string);
  expectTotals(report, outcomes);
  const [found, wanted] = [await foundOf(graph, outcomes), await wantedOf(graph)];
  expect(differences(found, wanted).slice(0, 5)).toEqual([]);
  // All of the plan came up: once, twice, thrice, to the last attempt; passing and failing.
  const came = new Set(found.map(({ code: last, sends }) => `${last} after ${sends}`));
  for (const kind of ['30003', '30010', '30516', '30525', '30005', '38123']) expect(came).toContain(`${kind} after 1`);
  for (const kind of ['70500', '60014']) expect(came).toContain(`${kind} after ${ATTEMPTS}`);
  for (const sends of [1, 2, 3, ATTEMPTS]) expect(came).toContain(`0 after ${sends}`);
  expect(came).toContain('31998 after 2');
}, 60_000);

test('whole calls that fail spend attempts too: none is sent more often, and no permanent code is heard twice', async () => {
  await simulator.setFaults({ ...FAULTS, calls: { codes: { 70500: 0.15, 30006: 0.1 } } });
  const { report } = await place.report('import', place.csv('rows.csv', graph));
  expect(report.state).toBe('completed');
  const found = await foundOf(graph, outcomesIn(report.results as string));
  expect(found.filter(({ sends, attempts }) => sends > ATTEMPTS || sends !== attempts).slice(0, 5)).toEqual([]);
  const heard = (await simulator.ledger()).friend_import?.items ?? {};
  for (const { code } of FAULTS.permanent) {
    const ended = found.filter((one) => one.code === code).length;
    expect({ code, heard: heard[code] }).toEqual({ code, heard: ended });
    expect(ended).toBeGreaterThan(0);
  }
}, 60_000);

test('an account that can take no more friends: what was not sent when the service said so never is', async () => {
  const dice = new Dice(SEED, readFaultPlan(FAULTS));
  let n = 0;
  while (dice.items('friend_import', `hub${n}`)?.('anybody')?.code !== 30010) n += 1;
  const rows = Array.from({ length: 2500 }, (_, to): Row => [`hub${n}`, `friend${to}`]);
  await simulator.setFaults({ permanent: FAULTS.permanent });
  const { code, report } = await place.report('import', place.csv('rows.csv', rows));
  expect({ code, calls: report.calls.made, codes: report.codes }).toEqual({
    code: 1,
    calls: 1,
    codes: { 30010: 2500 },
  });
  const sends = await simulator.sent('friend_import', rows);
  expect([0, 1].map((times) => sends.filter((one) => one === times).length)).toEqual([1500, 1000]);
});

test('rows for whose missing account the whole call was refused are not sent again; the others are, once', async () => {
  await simulator.reset({ faults: { missing: 0.03 }, switches: { 'missing-to': 'envelope-only' } });
  const { report } = await place.report('import', place.csv('rows.csv', graph));
  expect(report.state).toBe('completed');
  const found = await foundOf(graph, outcomesIn(report.results as string));
  const refused = found.filter(({ code }) => code === 30003);
  expect(refused.length).toBeGreaterThan(50);
  expect(refused.filter(({ sends }) => sends !== 1).slice(0, 5)).toEqual([]);
  const others = found.filter(({ code }) => code !== 30003);
  expect(others.filter(({ status, sends }) => status !== 'ok' || sends > 2).slice(0, 5)).toEqual([]);
}, 60_000);

test('the plan runs out in the middle: the job stops, keeps what it has, and the same command ends it', async () => {
  const permanent = [{ code: 30525, fraction: 0.03 }] as const;
  await simulator.setFaults({ permanent: [...permanent], latency: { baseMs: 10 } });
  const file = place.csv('rows.csv', graph);
  const first = place.start('import', file, '--json');
  while ((await simulator.meter('friend_import')).calls < 60) await new Promise((resolve) => setTimeout(resolve, 10));
  const unpaid: FaultPlanInput = { permanent: [...permanent], calls: { codes: { 60020: 1 } } };
  await simulator.setFaults(unpaid);
  const stopped = await first.done;
  expect(stopped.code).toBe(3);

  // What was settled is told, truly; the rest is open.
  const half = JSON.parse(stopped.stdout) as Awaited<ReturnType<Workplace['report']>>['report'];
  expect(half).toMatchObject({ state: 'stopped', reason: expect.stringContaining('code 60020') as string });
  const settled = outcomesIn(half.results as string);
  expectTotals(half, settled);
  expect(half.totals.ok).toBeGreaterThan(0);
  expect(half.totals.open).toBeGreaterThan(0);
  const truths = await simulator.relations(graph);
  expect(truths.filter(({ forward }) => forward)).toHaveLength(half.totals.ok);

  // As long as nothing was mended it stops again, with nothing lost.
  const still = await place.report('import', file);
  expect({ code: still.code, job: still.report.job, totals: still.report.totals }).toEqual({
    code: 3,
    job: half.job,
    totals: half.totals,
  });

  await simulator.setFaults({ permanent: [...permanent] });
  const { code, report } = await place.report('import', file);
  expect({ code, job: report.job, state: report.state, open: report.totals.open }).toEqual({
    code: 1,
    job: half.job,
    state: 'completed',
    open: 0,
  });
  const outcomes = outcomesIn(report.results as string);
  expectTotals(report, outcomes);
  const [found, wanted] = [await foundOf(graph, outcomes), await wantedOf(graph)];
  // Refused credentials spend no attempt.
  expect(found.map(({ row, status, code: last, attempts }) => ({ row, status, code: last, attempts }))).toEqual(
    wanted.map(({ row, status, code: last }) => ({ row, status, code: last, attempts: 1 })),
  );
  // Rows that were settled at the stop were never sent again; no call was made but for chunks and refused calls.
  const before = new Set(settled.map(({ from, to }) => `${from}→${to}`));
  expect(found.filter(({ row, sends }) => before.has(row) && sends !== 1)).toEqual([]);
  const { calls, codes } = (await simulator.ledger()).friend_import as { calls: number; codes: Record<string, number> };
  expect(codes['60020']).toBeGreaterThan(1);
  expect(calls).toBe(report.calls.planned + (codes['60020'] ?? 0));
  expect(report.calls.made).toBe(calls);
}, 60_000);
