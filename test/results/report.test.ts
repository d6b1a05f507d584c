import { describe, expect, test } from 'vitest';
import type { JobState, JobStatus } from '../../src/domain/job.ts';
import { totalsOf } from '../../src/domain/totals.ts';
import { exitCodeOf, isBraked, reportOf } from '../../src/results/report.ts';
import { jobWith } from '../jobs/support.ts';

const FILES = { results: '/home/results.jsonl', rejects: null };
const START = Date.parse('2026-11-21T10:00:00.000Z');

/** A job of ten accepted rows that are all ok, but for what is given. */
function statusOf({ settled = { ok: 10 }, invalid = 0, duplicate = 0, ...given }: Given = {}): JobStatus {
  const intake = { rows: 10 + invalid + duplicate, invalid, duplicate, accepted: 10 };
  return {
    ...jobWith({ ...intake, createdAt: new Date(START).toISOString() }),
    state: 'completed',
    reason: '',
    totals: totalsOf(intake, settled),
    codes: { 30003: 1 },
    relations: { BothWay: 2 },
    accounts: {},
    calls: { planned: 4, made: 5, throttled: 0, retried: 1, lookups: 0 },
    closed: 0,
    fed: true,
    delivered: true,
    finishedAt: new Date(START + 2000).toISOString(),
    ...given,
  };
}

interface Given extends Partial<Pick<JobStatus, 'state' | 'reason' | 'finishedAt'>> {
  settled?: Partial<Record<'ok' | 'satisfied' | 'pending' | 'failed' | 'unknown' | 'skipped', number>>;
  invalid?: number;
  duplicate?: number;
}

const codeOf = (given: Given, allowRejects = false) =>
  exitCodeOf(reportOf(statusOf(given), FILES, START), allowRejects);

test('the report of a finished job counts its time to the end, and has what the ledger has', () => {
  const job = statusOf({ reason: 'a reason' });
  expect(reportOf(job, FILES, START + 60_000)).toEqual({
    job: job.id,
    operation: 'import',
    options: {},
    priority: 'normal',
    state: 'completed',
    reason: 'a reason',
    totals: job.totals,
    codes: job.codes,
    relations: job.relations,
    calls: job.calls,
    seconds: 2,
    callsPerSecond: 2.5,
    ...FILES,
  });
});

test('a check of accounts is reported with both of its counts; other operations have none', () => {
  const job = { ...statusOf(), operation: 'accounts-check' as const, accounts: { NotImported: 3 } };
  expect(reportOf(job, FILES, START)).toMatchObject({ accounts: { Imported: 0, NotImported: 3 } });
  expect(reportOf(statusOf(), FILES, START)).not.toHaveProperty('accounts');
});

test('of a job that is not over, time counts to now; without time there is no rate', () => {
  const job = statusOf({ state: 'running', finishedAt: '', settled: { ok: 1 } });
  expect(reportOf(job, FILES, START + 10_000)).toMatchObject({ seconds: 10, callsPerSecond: 0.5 });
  expect(reportOf(job, FILES, START)).toMatchObject({ seconds: 0, callsPerSecond: 0 });
  // A submitter whose clock is ahead.
  expect(reportOf(job, FILES, START - 5000)).toMatchObject({ seconds: 0, callsPerSecond: 0 });
  expect(reportOf(job, FILES, START)).not.toHaveProperty('reason');
});

test.each([
  ['stopped', 'failure brake: 600 of the first 1000 outcomes failed', true],
  ['stopped', 'code 70001', false],
  ['stopped', '', false],
  ['running', 'failure brake: before', false],
] as const)('%s by "%s": braked %s', (state, reason, braked) => {
  expect(isBraked(reportOf(statusOf({ state, reason }), FILES, START))).toBe(braked);
});

describe('exit code', () => {
  test('0: all rows hold or wait for their peer, none invalid; duplicates don’t count', () => {
    expect(codeOf({})).toBe(0);
    expect(codeOf({ settled: { ok: 5, satisfied: 3, pending: 2 }, duplicate: 4 })).toBe(0);
  });

  test.each(['failed', 'unknown', 'skipped'] as const)('1: a row is %s', (status) => {
    expect(codeOf({ settled: { ok: 9, [status]: 1 } })).toBe(1);
    expect(codeOf({ settled: { ok: 9, [status]: 1 } }, true)).toBe(1);
  });

  test('1: a row is invalid, unless rejects are allowed', () => {
    expect(codeOf({ invalid: 1 })).toBe(1);
    expect(codeOf({ invalid: 1 }, true)).toBe(0);
  });

  test('1: a relation is not as expected', () => {
    const report = reportOf(statusOf(), FILES, START);
    expect([0, 1].map((unexpected) => exitCodeOf({ ...report, unexpected }, false))).toEqual([0, 1]);
  });

  test.each<JobState>(['running', 'paused', 'stopped', 'cancelled'])('3: the job is %s', (state) => {
    expect(codeOf({ state })).toBe(3);
  });
});
