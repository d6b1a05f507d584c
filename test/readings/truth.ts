import { isDeepStrictEqual } from 'node:util';
import type { FriendFields } from '../../src/chat/friend-data.ts';
import type { OperationName, OperationOptions } from '../../src/domain/operation.ts';
import type { Outcome } from '../../src/domain/outcome.ts';
import type { Switches } from '../../src/simulator/switches.ts';
import type { AccountTruth, FriendEntry, FriendList, PairTruth } from '../../src/simulator/truth.ts';
import type { TestSimulator } from '../support/simulator.ts';
import { expectedOf, type Row, type Word } from './expected.ts';
import { INJECTED } from './scene.ts';

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
  /** What becomes of the row where nothing goes wrong on the way. */
  expected: Word;
  known: Partial<Known>;
}

export interface Asked {
  operation: OperationName;
  options: OperationOptions;
  switches: Switches;
  /** Whether anything may go wrong on the way. */
  faults: boolean;
  rowOf: (outcome: Outcome) => Row;
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
    const expected = expectedOf({ ...asked, row: asked.rowOf(outcome), before: known.before });
    const asExpected = outcome.status === expected.status && outcome.code === expected.code;
    if (!(asExpected || mayDiffer(outcome, asked)) || !agrees(outcome, known, asked)) {
      found.push({ outcome, expected, known });
    }
  }
  return found;
}

/** Faults on the way change what becomes of a row, but no failure is of any other making than theirs. */
function mayDiffer({ status, code }: Outcome, { faults }: Asked): boolean {
  return faults && (status !== 'failed' || INJECTED.has(code));
}

const HELD: Record<string, readonly [forward: boolean, reverse: boolean]> = {
  CheckResult_Type_BothWay: [true, true],
  CheckResult_Type_AWithB: [true, false],
  CheckResult_Type_BWithA: [false, true],
  CheckResult_Type_NoRelation: [false, false],
};

function agrees(outcome: Outcome, known: Known, { operation, options, switches, rowOf }: Asked): boolean {
  const { status, code, relation } = outcome;
  const { pair, before, entry, account, list } = known;
  const row = rowOf(outcome);
  const changed = pair.forward !== before.forward || pair.reverse !== before.reverse;
  const missing = code === 30003 || code === 30002;
  if (status === 'failed' && missing) return !(pair.fromExists && pair.toExists);
  switch (operation) {
    case 'check': {
      if (status !== 'ok') return status === 'failed' && relation === undefined;
      const [forward, reverse] = HELD[relation as string] as readonly [boolean, boolean];
      return forward === pair.forward && (options.type === 'single' || reverse === pair.reverse);
    }
    case 'import': {
      // Under two of the readings an existing entry keeps its fields.
      const writes = !before.forward || switches['import-existing'] === 'upsert';
      return wrote(status, pair.forward && (!writes || carries(entry, row)), changed);
    }
    case 'add': {
      if (status === 'pending') return pair.pending;
      const holds = pair.forward && (options.single === true || pair.reverse);
      return wrote(status, holds && (before.forward || carries(entry, row)), changed);
    }
    case 'update':
      // What becomes of lists is an open question.
      if (status === 'ok') return carries(entry, { remark: row.remark });
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
      if (status === 'ok') return account.exists && (row.nick === undefined || account.nick === row.nick);
      return status === 'satisfied' ? account.exists : status === 'failed' || status === 'unknown';
  }
}

/** Of a write that wants a state: it holds, or nothing has changed, or nobody can know. */
function wrote(status: Outcome['status'], holds: boolean, changed: boolean): boolean {
  if (status === 'ok' || status === 'satisfied') return holds;
  return status === 'failed' ? !changed : status === 'unknown';
}

/** The entry has every field that the row has. */
function carries(entry: FriendEntry | null, { remark, groups, custom = {} }: Partial<Row>): boolean {
  if (entry === null) return false;
  return (
    (remark === undefined || entry.remark === remark) &&
    (groups === undefined || isDeepStrictEqual(entry.groups, groups)) &&
    Object.entries(custom).every(([tag, value]) => entry.custom?.[`Tag_SNS_Custom_${tag}`] === value)
  );
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && JSON.stringify(a.toSorted()) === JSON.stringify(b.toSorted());
}
