/**
 * G3: what is reported is true. Consent, blocklists, limits of the peer and answers that never come; after the run
 * every word is compared with the simulator's own state.
 */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Outcome } from '../../src/domain/outcome.ts';
import { COMPRESSED_LIMIT, outcomesIn, type Workplace, workplace } from '../support/command.ts';
import { type TestSimulator, testSimulator } from '../support/simulator.ts';
import { expectOneOutcomeEach, expectTotals, expectTrue, type Row, expectLimitsHeld } from '../support/truth.ts';

let simulator: TestSimulator;
let place: Workplace;

beforeEach(async () => {
  simulator = await testSimulator({ ...COMPRESSED_LIMIT });
  place = workplace(simulator, { BEFRIEND_ATTEMPTS: '2', BEFRIEND_CALL_TIMEOUT_MS: '400' });
});
afterEach(async () => {
  await expectLimitsHeld(simulator, COMPRESSED_LIMIT);
  await place.remove();
  await simulator.close();
});

async function outcomes(rows: readonly Row[], ...args: string[]): Promise<{ code: number | null; found: Outcome[] }> {
  const { code, report } = await place.report(...args, place.csv('rows.csv', rows), '--new');
  const found = outcomesIn(report.results as string);
  expectOneOutcomeEach(rows, found);
  expectTotals(report, found);
  await expectTrue(simulator, found);
  return { code, found };
}

const byTo = (found: readonly Outcome[]) =>
  Object.fromEntries(found.map(({ to, status, code }) => [to, { status, code }]));

test('add: consent, refusal, blocklists and friends of before each get their own word', async () => {
  await simulator.setAccounts({
    missing: ['nobody'],
    profiles: [
      { account: 'careful', allowType: 'need-confirm' },
      { account: 'closed', allowType: 'deny-any' },
      { account: 'angry', blocked: ['me'] },
    ],
  });
  await simulator.seedFriends([
    ['me', 'old'],
    ['old', 'me'],
  ]);
  const to = ['open', 'careful', 'closed', 'angry', 'old', 'nobody'];
  const { code, found } = await outcomes(
    to.map((name) => ['me', name]),
    'add',
  );
  expect(code).toBe(1);
  expect(byTo(found)).toEqual({
    open: { status: 'ok', code: 0 },
    careful: { status: 'pending', code: 30539 },
    closed: { status: 'failed', code: 30516 },
    angry: { status: 'failed', code: 30525 },
    old: { status: 'satisfied', code: 30001 },
    nobody: { status: 'failed', code: 30003 },
  });
});

test('a write whose answers never come ends as unknown, a read as failed without a code', async () => {
  await simulator.setFaults({ calls: { resetAfter: 1 } });
  const rows: Row[] = [
    ['a', 'b'],
    ['a', 'c'],
  ];
  const written = await outcomes(rows, 'import');
  expect(written.code).toBe(1);
  expect(written.found.map(({ status, code, attempts }) => [status, code, attempts])).toEqual([
    ['unknown', null, 2],
    ['unknown', null, 2],
  ]);
  const read = await outcomes(rows, 'check');
  expect(read.found.map(({ status, code }) => [status, code])).toEqual([
    ['failed', null],
    ['failed', null],
  ]);
  expect(read.found[0]?.fault).toContain('reset');
});

test('a code that passes at the second try is ok; one that never passes is failed with that code', async () => {
  const rows = Array.from({ length: 200 }, (_, n): Row => ['a', `b${n}`]);
  await simulator.setFaults({ transient: [{ code: 30006, fraction: 0.5, passesAt: 2 }] });
  const passing = await outcomes(rows, 'import');
  expect(passing.code).toBe(0);
  const tries = new Set(passing.found.map(({ attempts }) => attempts));
  expect([...tries].toSorted()).toEqual([1, 2]);

  await simulator.setFaults({ transient: [{ code: 30006, fraction: 1, passesAt: 9 }] });
  const failing = await outcomes(rows, 'check');
  expect(new Set(failing.found.map(({ status, code, attempts }) => `${status} ${code} ${attempts}`))).toEqual(
    new Set(['failed 30006 2']),
  );
  // A relation beside a code that is not 0 means nothing, and is not repeated.
  expect(failing.found.some(({ relation }) => relation !== undefined)).toBe(false);
});

test('nothing that was not asked for is sent, but one look at the credentials', async () => {
  await outcomes([['a', 'b']], 'import');
  const friends = await simulator.friends('a');
  expect(JSON.stringify(friends)).toContain('"b"');
  const { friend_import: imports, account_check: looks, ...others } = await simulator.ledger();
  expect({ imports: imports?.calls, looks: looks?.calls, others }).toEqual({ imports: 1, looks: 1, others: {} });
});
