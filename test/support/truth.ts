import { expect } from 'vitest';
import type { Outcome } from '../../src/domain/outcome.ts';
import type { Report } from '../../src/results/report.ts';
import { readMeter } from '../../src/simulator/meter.ts';
import type { PairTruth } from '../../src/simulator/truth.ts';
import { COMPRESSED_LIMIT, outcomesIn } from './command.ts';
import type { TestSimulator } from './simulator.ts';

export type Row = readonly [from: string, to: string];

/** Every row has exactly one outcome, and no outcome is of anything else. */
export function expectOneOutcomeEach(rows: readonly Row[], outcomes: readonly Outcome[]): void {
  const wanted = new Set(rows.map(([from, to]) => `${from}→${to}`));
  const found = outcomes.map(({ from, to }) => `${from}→${to}`);
  const seen = new Set<string>();
  const twice = found.filter((row) => seen.size === seen.add(row).size);
  expect({ twice, extra: found.filter((row) => !wanted.has(row)) }).toEqual({ twice: [], extra: [] });
  expect([...wanted].filter((row) => !seen.has(row))).toEqual([]);
}

/** Every outcome is what the service's own state says. */
export async function expectTrue(simulator: TestSimulator, outcomes: readonly Outcome[]): Promise<void> {
  const truths = await simulator.relations(outcomes.map(({ from, to }) => [from as string, to] as const));
  const untrue = outcomes.filter((outcome, i) => !isTrue(outcome, truths[i] as PairTruth));
  expect(untrue.slice(0, 5)).toEqual([]);
}

const HELD: Record<string, [forward: boolean, reverse: boolean]> = {
  CheckResult_Type_BothWay: [true, true],
  CheckResult_Type_AWithB: [true, false],
  CheckResult_Type_BWithA: [false, true],
  CheckResult_Type_NoRelation: [false, false],
};

function isTrue(outcome: Outcome, { forward, reverse, pending, toExists, fromExists }: PairTruth): boolean {
  const { status, code, operation, relation } = outcome;
  if (relation !== undefined) {
    const [a, b] = HELD[relation] as [boolean, boolean];
    return status === 'ok' && a === forward && b === reverse;
  }
  if (code === 30003) return status === 'failed' && !(toExists && fromExists);
  switch (status) {
    case 'ok':
    case 'satisfied':
      return operation !== 'check' && forward;
    case 'pending':
      return pending;
    case 'failed':
      return operation === 'check' || !forward;
    case 'skipped':
      return operation === 'check' || !forward;
    case 'unknown':
      return operation !== 'check';
  }
}

/** Report, file and sums agree. */
export function expectTotals(report: Report, outcomes: readonly Outcome[]): void {
  const { totals } = report;
  const { ok, satisfied, pending, failed, unknown, skipped, open } = totals;
  expect(totals.accepted + totals.invalid + totals.duplicate).toBe(totals.rows);
  expect(ok + satisfied + pending + failed + unknown + skipped + open).toBe(totals.accepted);
  const counted = (key: (outcome: Outcome) => string | undefined): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (const outcome of outcomes) {
      const name = key(outcome);
      if (name !== undefined) counts[name] = (counts[name] ?? 0) + 1;
    }
    return counts;
  };
  const statuses = counted(({ status }) => status);
  for (const status of ['ok', 'satisfied', 'pending', 'failed', 'unknown', 'skipped'] as const) {
    expect([status, totals[status]]).toEqual([status, statuses[status] ?? 0]);
  }
  expect(report.codes).toEqual(counted(({ code }) => (code ? String(code) : undefined)));
  expect(report.relations).toEqual(counted(({ relation }) => relation?.replace('CheckResult_Type_', '')));
}

/** No window of the service's clock saw more calls than the limit, beyond what the meter's own delay explains. */
export async function expectLimitHeld(
  simulator: TestSimulator,
  command: string,
  { limit, windowMs }: { limit: number; windowMs: number },
): Promise<void> {
  const { certainMax, calls } = await simulator.meter(command, { window: windowMs, limit });
  expect(calls).toBeGreaterThan(0);
  expect(certainMax).toBeLessThanOrEqual(limit);
}

/** An import at the compressed limit has completed: one true outcome a row, totals that add up, and the limit held. */
export async function expectWholeImport(simulator: TestSimulator, rows: readonly Row[], report: Report): Promise<void> {
  expect(report.state).toBe('completed');
  const outcomes = outcomesIn(report.results as string);
  expectOneOutcomeEach(rows, outcomes);
  await expectTrue(simulator, outcomes);
  expectTotals(report, outcomes);
  await expectLimitHeld(simulator, 'friend_import', COMPRESSED_LIMIT);
}

/** The same for all commands together, by the same rule. Returns the most calls that one window saw for certain. */
export async function expectAppLimitHeld(
  simulator: TestSimulator,
  { limit, windowMs }: { limit: number; windowMs: number },
): Promise<number> {
  const commands = Object.keys(await simulator.ledger());
  const arrivals = (await Promise.all(commands.map((command) => simulator.arrivals(command)))).flat();
  expect(arrivals.length).toBeGreaterThan(0);
  const { certainMax } = readMeter(arrivals, windowMs * 1000, limit);
  expect(certainMax).toBeLessThanOrEqual(limit);
  return certainMax;
}

/** The same for every command that was called. */
export async function expectLimitsHeld(
  simulator: TestSimulator,
  rate: { limit: number; windowMs: number },
): Promise<void> {
  for (const command of Object.keys(await simulator.ledger())) await expectLimitHeld(simulator, command, rate);
}

/** At most one write was in flight for any account's list. */
export async function expectOneWriteAtATime(simulator: TestSimulator): Promise<void> {
  const { mostConcurrent } = await simulator.conflicts();
  expect(mostConcurrent).toBeLessThanOrEqual(1);
}
