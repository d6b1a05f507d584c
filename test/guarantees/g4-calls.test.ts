/**
 * G4, of calls: the report's count is what the service counted, and it is what the rows need plus what the injected faults
 * make unavoidable, to the call. The plan of faults is drawn by hashing, so what each chunk must cost can be worked out
 * without the job.
 */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { decodeChunk } from '../../src/domain/block.ts';
import type { Chunk } from '../../src/domain/chunk.ts';
import { openSpool } from '../../src/intake/spool.ts';
import { jobFolder } from '../../src/jobs/home.ts';
import type { Report } from '../../src/results/report.ts';
import { Dice, type ItemFault } from '../../src/simulator/dice.ts';
import { type CallFault, type FaultPlanInput, readFaultPlan } from '../../src/simulator/faults.ts';
import { friendGraph, seededRandom } from '../../src/simulator/graph.ts';
import type { CommandCounts } from '../../src/simulator/ledger.ts';
import { COMPRESSED_LIMIT, outcomesIn, type Workplace, workplace } from '../support/command.ts';
import { type TestSimulator, testSimulator } from '../support/simulator.ts';
import { expectLimitsHeld, expectTotals, type Row } from '../support/truth.ts';

const SEED = 17;
const ATTEMPTS = 4;
/** Every friendship from both ends, and an account with more friends than a call has room for. */
const graph: Row[] = [
  ...friendGraph({ accounts: 300, friendsPerAccount: 12, random: seededRandom(8) }),
  ...Array.from({ length: 2300 }, (_, n): Row => ['hub', `friend${n}`]),
];
/** Each from one end only. */
const oneEnd = graph.filter(([from, to], n) => n % 2 === 0 || from === 'hub' || to === 'hub');

let simulator: TestSimulator;
let place: Workplace;

beforeEach(async () => {
  simulator = await testSimulator({ ...COMPRESSED_LIMIT, seed: SEED });
  place = workplace(simulator, {
    BEFRIEND_ATTEMPTS: String(ATTEMPTS),
    BEFRIEND_BACKOFF_SCALE: '0.02',
    BEFRIEND_SERVICE_LIMIT_MS: '40',
    // A call that is slow under load is no fault of the plan.
    BEFRIEND_CALL_TIMEOUT_MS: '20000',
    BEFRIEND_BRAKE_AFTER: '0',
  });
});
afterEach(async () => {
  await expectLimitsHeld(simulator, COMPRESSED_LIMIT);
  await place.remove();
  await simulator.close();
});

const TRANSIENT: FaultPlanInput['transient'] = [
  { code: 30006, fraction: 0.01, passesAt: 2 },
  { code: 30006, fraction: 0.005, passesAt: 3 },
  { code: 30007, fraction: 0.005, passesAt: 2 },
  { code: 30006, fraction: 0.003, passesAt: 50 },
];
const PERMANENT: FaultPlanInput['permanent'] = [{ code: 30525, fraction: 0.02 }];

/** The service answers every call, some of them with an error of its own. */
const answered = (command: string): FaultPlanInput => ({
  calls: { commands: [command], codes: { 70500: 0.1, 60014: 0.05, 30006: 0.05 } },
  transient: TRANSIENT.map((rule) => ({ ...rule, commands: [command] })),
  permanent: PERMANENT.map((rule) => ({ ...rule, commands: [command] })),
});

/** Some are never answered, or so that nobody can read it. */
const neverAnswered = (command: string): FaultPlanInput => ({
  ...answered(command),
  calls: { commands: [command], badGateway: 0.1, resetBefore: 0.1, malformed: 0.1, codes: { 70500: 0.05 } },
});

/** What the plan makes of one chunk, by the rules that the pages of befriend state. */
interface Cost {
  calls: number;
  /** Calls that the plan failed as a whole. */
  faulted: number;
  /** Times that two calls in a row were never answered, so that half of the items went first. */
  halved: number;
  /** Most calls that any of the items needs when no call fails. */
  rounds: number;
  /** Whether an item ended without an answer that settles it, although a call of it may have been applied. */
  inDoubt: boolean;
  /** Whether an item was answered 0. */
  someOk: boolean;
}

/** Codes are answers. */
const isAnswer = ({ kind }: CallFault): boolean => kind === 'code';
/** The one item code of the plan after which a write may hold. */
const TIMED_OUT = 30007;

function costOf({ from, items }: Chunk, command: string, dice: Dice): Cost {
  const sender = from as string;
  const drawn = dice.items(command, sender);
  let open = items.map(({ to }): Tried => ({
    to,
    own: drawn?.(to) ?? null,
    attempts: 0,
    mayHold: false,
    suspect: false,
  }));
  const rounds = Math.max(...open.map(({ own }) => (own?.kind === 'transient' ? own.passesAt : 1)));
  const cost: Cost = {
    calls: 0,
    faulted: 0,
    halved: 0,
    rounds: Math.min(ATTEMPTS, rounds),
    inDoubt: false,
    someOk: false,
  };
  // Calls in a row without an answer, and those of one item among them.
  let silent = 0;
  let alone = 0;
  // Most items of the next call, null: as many as are open; and how many were too many.
  let atMost: number | null = null;
  let tooMany: number | null = null;
  while (open.length > 0) {
    const carried = carriedOf(open, atMost ?? open.length, alone);
    const fault = dice.call(command, sender, (carried[0] as Tried).to, carried.length);
    cost.calls += 1;
    cost.faulted += fault === null ? 0 : 1;
    const unanswered = fault !== null && !isAnswer(fault);
    if (unanswered) silent += 1;
    const halves = unanswered && carried.length > 1 && (atMost !== null || silent >= 2) && alone < ALONE;
    if (halves) [cost.halved, atMost, tooMany] = [cost.halved + 1, Math.ceil(carried.length / 2), carried.length];
    if (unanswered && carried.length === 1) {
      alone += 1;
      // Three of them: whole calls again, which spend their attempts.
      [atMost, tooMany] = [alone < ALONE ? 1 : null, null];
      (carried[0] as Tried).suspect = true;
    }
    if (fault === null) {
      [silent, alone] = [0, 0];
      if (atMost !== null && (tooMany === null || 2 * atMost < tooMany)) atMost *= 2;
      if (atMost !== null && atMost >= 1000) atMost = null;
    }
    const passed = carried.filter((item) => passes(item, fault, (own) => dice.shows(command, sender, item.to, own)));
    const failed = carried.filter((item) => !passed.includes(item));
    // Half of it is another call: what made it smaller is not held against the items.
    if (!halves) for (const item of failed) item.attempts += 1;
    for (const item of failed) item.mayHold ||= fault === null ? item.own?.code === TIMED_OUT : !isAnswer(fault);
    const usedUp = failed.filter(({ attempts }) => attempts >= ATTEMPTS);
    // A refusal may be the answer to what a write before it has done.
    const refused = passed.filter(({ own }) => own?.kind === 'permanent');
    cost.inDoubt ||= [...usedUp, ...refused].some(({ mayHold }) => mayHold);
    cost.someOk ||= passed.some(({ own }) => own?.kind !== 'permanent');
    open = open.filter((item) => !passed.includes(item) && !usedUp.includes(item));
  }
  return cost;
}

/** An item on its way. */
interface Tried {
  to: string;
  own: ItemFault | null;
  attempts: number;
  mayHold: boolean;
  /** Alone in its call it got no answer. */
  suspect: boolean;
}

/** After so many items that got no answer alone, size is not the cause. */
const ALONE = 3;

/** What a call of at most so many carries. After one alone that got no answer comes one from elsewhere; suspects are last. */
function carriedOf(open: readonly Tried[], most: number, alone: number): Tried[] {
  if (alone >= ALONE) return open.slice(0, most);
  const sound = open.filter(({ suspect }) => !suspect);
  const [from, room] = sound.length > 0 ? [sound, most] : [open, 1];
  const start = most === 1 ? Math.floor((((alone * (Math.sqrt(5) - 1)) / 2) % 1) * from.length) : 0;
  return from.slice(start, start + room);
}

/** Whether a call is the item's last: it was answered 0, or what never changes. */
function passes({ own }: Tried, fault: CallFault | null, shows: (own: ItemFault) => boolean): boolean {
  // A call whose answer is broken on the way back was worked on all the same, and counts as a try.
  const worked = fault === null || fault.kind === 'malformed';
  const again = worked && own?.kind === 'transient' && shows(own);
  return fault === null && !again;
}

async function chunksOf({ job }: Report): Promise<Chunk[]> {
  const spool = await openSpool(jobFolder(place.home, job));
  const blocks = await spool.read(0, 100_000);
  await spool.close();
  return blocks.map(decodeChunk);
}

/** Runs a job under a plan, and compares its count of calls with the service's, and both with the plan's cost. */
async function expectCallsAsPlanned(
  plan: FaultPlanInput,
  command: string,
  rows: readonly Row[],
  ...args: string[]
): Promise<{ report: Report; chunks: Chunk[]; costs: Cost[]; ledger: Record<string, CommandCounts> }> {
  await simulator.reset({ faults: plan });
  const { report } = await place.report(...args, place.csv('rows.csv', rows), '--new');
  expect(report.state).toBe('completed');
  expectTotals(report, outcomesIn(report.results as string));
  const ledger = await simulator.ledger();
  const counts = ledger[command] as CommandCounts;
  const { made, planned, throttled, retried } = report.calls;
  expect({ made, throttled, retried }).toEqual({ made: counts.calls, throttled: 0, retried: made - planned });

  const chunks = await chunksOf(report);
  const dice = new Dice(SEED, readFaultPlan(plan));
  const costs = chunks.map((chunk) => costOf(chunk, command, dice));
  const sum = (key: 'calls' | 'faulted' | 'halved' | 'rounds'): number =>
    costs.reduce((total, cost) => total + cost[key], 0);
  expect(planned).toBe(chunks.length);
  expect(made).toBe(sum('calls'));
  // The same by what the service says that it injected: a faulted call costs one more, a halved one another.
  const { permanent: _, transient: __, ...ofCalls } = counts.faults;
  const faulted = Object.values(ofCalls).reduce((total, n) => total + n, 0);
  expect(faulted).toBe(sum('faulted'));
  expect(made).toBeLessThanOrEqual(planned + faulted + sum('halved') + (sum('rounds') - planned));
  // Enough of everything came up.
  expect(faulted).toBeGreaterThan(planned / 10);
  expect(sum('rounds')).toBeGreaterThan(planned);
  return { report, chunks, costs, ledger };
}

/** Commands beside the operation's own, and how often each was called. */
function othersIn(ledger: Record<string, CommandCounts>, command: string): Record<string, number> {
  return Object.fromEntries(
    Object.entries(ledger).flatMap(([name, { calls }]) => (name === command ? [] : [[name, calls]])),
  );
}

/** The look at the credentials before anything else. */
const LOOK = { account_check: 1 };

const chunksInDoubt = (costs: readonly Cost[]): number => costs.filter(({ inDoubt }) => inDoubt).length;

test('check: a call that fails is made once more, items that fail as often as they need', async () => {
  const { report, ledger } = await expectCallsAsPlanned(answered('friend_check'), 'friend_check', graph, 'check');
  // A read leaves nothing in doubt.
  expect(report.calls.lookups).toBe(0);
  expect(othersIn(ledger, 'friend_check')).toEqual(LOOK);
}, 60_000);

test.each([
  ['import', 'friend_import', graph, []],
  ['add', 'friend_add', oneEnd, ['--force']],
] as const)(
  '%s: the same, and one read for a chunk with writes in doubt',
  async (operation, command, rows, options) => {
    const { report, costs, ledger } = await expectCallsAsPlanned(
      answered(command),
      command,
      rows,
      operation,
      ...options,
    );
    const lookups = chunksInDoubt(costs);
    expect(report.calls.lookups).toBe(lookups);
    expect(othersIn(ledger, command)).toEqual({ ...LOOK, ...(lookups > 0 && { friend_check: lookups }) });
  },
  60_000,
);

/** Calls that got no answer, three of which in a row are worth a look at whether the service is there at all. */
function mostLooks({ faults }: CommandCounts): number {
  const { badGateway = 0, resetBefore = 0, malformed = 0 } = faults;
  return 1 + Math.floor((badGateway + resetBefore + malformed) / 3);
}

test('import, and answers that never come: halves go first, one read settles what is in doubt of a chunk', async () => {
  const { report, costs, ledger } = await expectCallsAsPlanned(
    neverAnswered('friend_import'),
    'friend_import',
    graph,
    'import',
  );
  expect(costs.some(({ halved }) => halved > 0)).toBe(true);
  const lookups = chunksInDoubt(costs);
  expect(lookups).toBeGreaterThan(0);
  const { friend_check: reads, account_check: looks } = othersIn(ledger, 'friend_import');
  expect({ lookups: report.calls.lookups, reads }).toEqual({ lookups, reads: lookups });
  expect(looks).toBeGreaterThanOrEqual(1);
  expect(looks).toBeLessThanOrEqual(mostLooks(ledger.friend_import as CommandCounts));
}, 60_000);

test('add with consent: whatever is answered is read once, all of a chunk together', async () => {
  const { report, costs, ledger } = await expectCallsAsPlanned(neverAnswered('friend_add'), 'friend_add', graph, 'add');
  const lookups = costs.filter(({ inDoubt, someOk }) => inDoubt || someOk).length;
  expect({ lookups: report.calls.lookups, reads: ledger.friend_check?.calls }).toEqual({ lookups, reads: lookups });
}, 60_000);

test('add --no-verify: answers are taken at their word, nothing is read', async () => {
  const { report, ledger } = await expectCallsAsPlanned(
    answered('friend_add'),
    'friend_add',
    oneEnd,
    'add',
    '--no-verify',
  );
  expect(report.calls.lookups).toBe(0);
  expect(othersIn(ledger, 'friend_add')).toEqual(LOOK);
}, 60_000);

/** Accounts that one call asks about; of a chunk's first such call From_Account is one. */
const ACCOUNTS_PER_CALL = 100;

test('calls refused for accounts they do not name: one more call for those that are there, as few reads as may be', async () => {
  await simulator.reset({ faults: { missing: 0.01 }, switches: { 'missing-to': 'envelope-only' } });
  const { report } = await place.report('import', place.csv('rows.csv', graph));
  const costs = await Promise.all((await chunksOf(report)).map(refusedCost));
  const sum = (key: 'made' | 'lookups'): number => costs.reduce((total, cost) => total + cost[key], 0);
  const { made, lookups, planned } = report.calls;
  expect({ made, lookups }).toEqual({ made: sum('made'), lookups: sum('lookups') });
  expect(made).toBeGreaterThan(planned);
  const { friend_import: calls, ...others } = await simulator.ledger();
  expect(calls?.calls).toBe(made);
  expect(othersIn(others, 'friend_import')).toEqual({ account_check: 1 + lookups });
}, 60_000);

async function refusedCost({ from, items }: Chunk): Promise<{ made: number; lookups: number }> {
  const truths = await simulator.relations(items.map(({ to }) => [from as string, to]));
  const missing = truths.filter(({ toExists }) => !toExists).length;
  // Of one friend alone the code is believed, whichever end it means.
  if (items.length === 1) return { made: 1, lookups: 0 };
  if (!truths[0]?.fromExists) return { made: 1, lookups: 1 };
  if (missing === 0) return { made: 1, lookups: 0 };
  return { made: missing < items.length ? 2 : 1, lookups: Math.ceil((1 + items.length) / ACCOUNTS_PER_CALL) };
}
