import type { Outcome } from '../../src/domain/outcome.ts';
import type { OperationName, OperationOptions } from '../../src/domain/operation.ts';
import type { FriendFields } from '../../src/chat/friend-data.ts';
import type { AccountTruth, FriendEntry, FriendList, PairTruth } from '../../src/simulator/truth.ts';
import type { TestSimulator } from '../support/simulator.ts';

/** Everything the service itself says about one row. */
interface Known {
  pair: PairTruth;
  /** The same before the job: what failed has changed nothing. */
  before: PairTruth;
  entry: FriendEntry | null;
  account: AccountTruth;
  list: FriendList | null;
}

/** An outcome that is not what the service's own state says. */
export interface Disagreement {
  outcome: Outcome;
  known: Partial<Known>;
}

export interface Asked {
  operation: OperationName;
  options: OperationOptions;
  /** Fields that the row carried. */
  sent: (outcome: Outcome) => { remark?: string; nick?: string };
  /** What lay between the ends of a row before the job. */
  before: (outcome: Outcome) => PairTruth;
}

/** Compares every outcome with the service's own state. */
export async function disagreements(
  simulator: TestSimulator,
  outcomes: readonly Outcome[],
  asked: Asked,
): Promise<Disagreement[]> {
  const { operation } = asked;
  const pairs = outcomes.map(({ from, to }) => [from ?? to, to] as const);
  const [relations, entries, accounts] = await Promise.all([
    simulator.relations(pairs),
    simulator.entries(pairs),
    simulator.profiles(outcomes.map(({ to }) => to)),
  ]);
  const whole = operation === 'get' || operation === 'delete-all';
  const found: Disagreement[] = [];
  for (const [i, outcome] of outcomes.entries()) {
    const known: Known = {
      pair: relations[i] as PairTruth,
      before: asked.before(outcome),
      entry: entries[i] as FriendEntry | null,
      account: accounts[i] as AccountTruth,
      list: whole ? await simulator.friends(outcome.to) : null,
    };
    if (!agrees(outcome, known, asked)) found.push({ outcome, known });
  }
  return found;
}

const HELD: Record<string, readonly [forward: boolean, reverse: boolean]> = {
  CheckResult_Type_BothWay: [true, true],
  CheckResult_Type_AWithB: [true, false],
  CheckResult_Type_BWithA: [false, true],
  CheckResult_Type_NoRelation: [false, false],
};

function agrees(outcome: Outcome, known: Known, { operation, options, sent: sentBy }: Asked): boolean {
  const { status, code, relation } = outcome;
  const { pair, before, entry, account, list } = known;
  const sent = sentBy(outcome);
  const changed = pair.forward !== before.forward || pair.reverse !== before.reverse;
  const missing = code === 30003 || code === 30002;
  if (status === 'failed' && missing) return !(pair.fromExists && pair.toExists);
  switch (operation) {
    case 'check': {
      if (status !== 'ok') return status === 'failed' && relation === undefined;
      const [forward, reverse] = HELD[relation as string] as readonly [boolean, boolean];
      return forward === pair.forward && (options.type === 'single' || reverse === pair.reverse);
    }
    case 'import':
      // Under two of the readings an existing entry keeps its fields.
      return wrote(status, pair.forward, changed);
    case 'add':
      if (status === 'pending') return pair.pending;
      return wrote(status, pair.forward && (options.single === true || pair.reverse), changed);
    case 'update':
      if (status === 'ok') return entry !== null && entry.remark === sent.remark;
      return status === 'failed' ? code !== 30001 || entry === null : status === 'unknown';
    case 'delete':
      return wrote(status, !pair.forward && (options.both !== true || !pair.reverse), changed);
    case 'delete-all':
      return status === 'ok' ? list?.friends.length === 0 : status === 'failed' || status === 'unknown';
    case 'get': {
      if (status !== 'ok') return status === 'failed' && outcome.data === undefined;
      const { friends } = outcome.data as { friends: { to: string }[] };
      return sameNames(
        friends.map(({ to }) => to),
        list?.friends.map(({ to }) => to) ?? [],
      );
    }
    case 'get-list':
      if (status !== 'ok') return status === 'failed' && (code !== 30001 || entry === null);
      return entry !== null && (outcome.data as FriendFields).source === entry.source;
    case 'accounts-check':
      return status === 'ok' ? (outcome.account === 'Imported') === account.exists : status === 'failed';
    case 'accounts-import':
      if (status === 'ok') return account.exists && (sent.nick === undefined || account.nick === sent.nick);
      return status === 'satisfied' ? account.exists : status === 'failed' || status === 'unknown';
  }
}

/** Of a write that wants a state: it holds, or nothing has changed, or nobody can know. */
function wrote(status: Outcome['status'], holds: boolean, changed: boolean): boolean {
  if (status === 'ok' || status === 'satisfied') return holds;
  return status === 'failed' ? !changed : status === 'unknown';
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && JSON.stringify(a.toSorted()) === JSON.stringify(b.toSorted());
}
