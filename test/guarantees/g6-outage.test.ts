/** G6 through an outage: a service that answers nobody costs no row its attempts, and the job goes on by itself. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { FaultPlanInput } from '../../src/simulator/faults.ts';
import { COMPRESSED_LIMIT, outcomesIn, type Workplace, workplace } from '../support/command.ts';
import { type TestSimulator, testSimulator } from '../support/simulator.ts';
import { expectLimitsHeld, expectOneOutcomeEach, expectTotals, expectTrue, type Row } from '../support/truth.ts';

let simulator: TestSimulator;
let place: Workplace;

beforeEach(async () => {
  simulator = await testSimulator({ ...COMPRESSED_LIMIT, serviceTimeMs: { read: 0, write: 5 } });
  place = workplace(simulator, { CHAT_CALLS_PER_SECOND: '20', BEFRIEND_ATTEMPTS: '3' });
});
afterEach(async () => {
  await expectLimitsHeld(simulator, COMPRESSED_LIMIT);
  await place.remove();
  await simulator.close();
});

const EVERYTHING = ['friend_import', 'friend_check', 'account_check'];
const outages: { name: string; calls: NonNullable<FaultPlanInput['calls']> }[] = [
  { name: 'a gateway answers 502', calls: { badGateway: 1 } },
  { name: 'every connection is reset, writes applied', calls: { resetAfter: 1 } },
  { name: 'a web page answers 200', calls: { malformed: 1 } },
];

test.each(outages)(
  '$name for a while: no row pays for it',
  async ({ calls }) => {
    const rows = Array.from({ length: 600 }, (_, n): Row => [`a${n}`, `b${n}`]);
    const running = place.start('import', place.csv('rows.csv', rows), '--json');
    const told = new Promise<void>((resolve) => {
      let said = '';
      running.child.stderr!.on('data', (data) => {
        said += String(data);
        if (said.includes('calls fail (no answer: ')) resolve();
      });
    });
    const callsOf = async (command: string) => (await simulator.ledger())[command]?.calls ?? 0;
    const reach = async (command: string, count: number): Promise<void> => {
      while ((await callsOf(command)) < count) await new Promise((done) => setTimeout(done, 10));
    };
    await reach('friend_import', 100);
    await simulator.setFaults({ calls: { ...calls, commands: EVERYTHING } });
    // Each probe is one more chance to give up: several go unanswered.
    await reach('account_check', (await callsOf('account_check')) + 6);
    const quiet = await callsOf('friend_import');
    await reach('account_check', (await callsOf('account_check')) + 2);
    expect(await callsOf('friend_import')).toBe(quiet);
    // Its progress has said so.
    await told;
    await simulator.setFaults('none');

    const { code, stdout } = await running.done;
    const report = JSON.parse(stdout);
    const outcomes = outcomesIn(report.results);
    expect([code, report.state]).toEqual([0, 'completed']);
    expectOneOutcomeEach(rows, outcomes);
    expectTotals(report, outcomes);
    await expectTrue(simulator, outcomes);
    // One from before the breaker was sure, and the one that passed.
    expect(Math.max(...outcomes.map(({ attempts }) => attempts))).toBeLessThanOrEqual(2);
  },
  90_000,
);
