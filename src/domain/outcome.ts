import type { Item } from './chunk.ts';

/**
 * The final word on one row.
 *
 * - `ok`: the service answered 0
 * - `satisfied`: the wanted state held already
 * - `pending`: stored at the service, waits for the peer
 * - `failed`: the service's code says why; `code` is null where no answer came to a read
 * - `unknown`: a write was sent, no answer came, attempts are used up: it may hold
 * - `skipped`: never sent
 */
export type Status = 'ok' | 'satisfied' | 'pending' | 'failed' | 'unknown' | 'skipped';
export const STATUSES: readonly Status[] = ['ok', 'satisfied', 'pending', 'failed', 'unknown', 'skipped'];

/** Relation of From_Account A and To_Account B in a check (Chat API 1047/33521). "AWithB": B is in A's list. */
export type Relation =
  'CheckResult_Type_AWithB' | 'CheckResult_Type_NoRelation' | 'CheckResult_Type_BothWay' | 'CheckResult_Type_BWithA';

/** Whether the app has an account (AccountStatus, Chat API 1047/34956). */
export type AccountStatus = 'Imported' | 'NotImported';
export const ACCOUNT_STATUSES: readonly AccountStatus[] = ['Imported', 'NotImported'];

/** What one item ended with: everything of an outcome but whose it is. */
export interface Settlement {
  status: Status;
  /** The service's code, 0 for success; null where no answer came. */
  code: number | null;
  /** The service's ResultInfo. */
  info: string;
  /** Why no answer came, where `code` is null. */
  fault?: string;
  /** Only of a check, and only when the code is 0. Seen from the call's From_Account. */
  relation?: Relation;
  /** Only of a check of accounts, and only when the code is 0. */
  account?: AccountStatus;
  /** What the operation returns beside the code. */
  data?: unknown;
}

/** Items of one call that ended alike, in one direction: a group of a results stream entry. */
export interface OutcomeGroup extends Settlement {
  /** The rows run to → from. */
  reverse?: true;
  /** How many calls carried these items. */
  attempts: number;
  to: string[];
}

/** One entry of the results stream: the settled items of one record. */
export interface ResultEntry {
  chunk: number;
  from: string | null;
  /** The highest attempt among the items. */
  attempt: number;
  /** ISO 8601, the caller's clock. */
  at: string;
  outcomes: OutcomeGroup[];
}

/** One row of the results file. */
export interface Outcome {
  job: string;
  operation: string;
  from: string | null;
  to: string;
  status: Status;
  code: number | null;
  info: string;
  fault?: string;
  relation?: Relation;
  /** The mode of a check: the same relation means something else in each (Chat API 1047/33521). */
  type?: 'both' | 'single';
  /** Of a check of accounts. */
  account?: AccountStatus;
  attempts: number;
  at: string;
  data?: unknown;
}

const TURNED: Record<Relation, Relation> = {
  CheckResult_Type_AWithB: 'CheckResult_Type_BWithA',
  CheckResult_Type_BWithA: 'CheckResult_Type_AWithB',
  CheckResult_Type_BothWay: 'CheckResult_Type_BothWay',
  CheckResult_Type_NoRelation: 'CheckResult_Type_NoRelation',
};

/** The relation seen from the other end. */
export function turn(relation: Relation): Relation {
  return TURNED[relation];
}

/** Puts settled items together that ended alike, so that an entry of the stream stays small. */
export function groupOutcomes(
  settled: readonly { item: Item; attempts: number; settlement: Settlement }[],
): OutcomeGroup[] {
  const groups = new Map<string, OutcomeGroup>();
  /** Neighbours mostly end alike, and comparing is a fraction of the work of making a key. */
  const last: { forward?: OutcomeGroup; reverse?: OutcomeGroup } = {};
  const put = (item: Item, attempts: number, settlement: Settlement, reverse: boolean) => {
    const direction = reverse ? 'reverse' : 'forward';
    const before = last[direction];
    const relation = settlement.relation && (reverse ? turn(settlement.relation) : settlement.relation);
    if (before !== undefined && endsLike(before, attempts, settlement, relation)) {
      before.to.push(item.to);
      return;
    }
    const { status, code, info, fault, account, data } = settlement;
    // Items with data stand alone: data is as good as never equal, and comparing it would cost more than it saves.
    const key =
      data === undefined
        ? `${status}|${code}|${relation}|${account}|${attempts}|${reverse}|${info.length}|${info}${fault === undefined ? '' : `|${fault}`}`
        : `${groups.size}#${item.to}`;
    let group = groups.get(key);
    if (group) group.to.push(item.to);
    else {
      group = {
        status,
        code,
        info,
        ...(fault !== undefined && { fault }),
        ...(relation !== undefined && { relation }),
        ...(account !== undefined && { account }),
        ...(data !== undefined && { data }),
        ...(reverse && { reverse: true as const }),
        attempts,
        to: [item.to],
      };
      groups.set(key, group);
    }
    last[direction] = group;
  };
  for (const { item, attempts, settlement } of settled) {
    if (item.rows !== 'reverse') put(item, attempts, settlement, false);
    if (item.rows !== 'forward') put(item, attempts, settlement, true);
  }
  return [...groups.values()];
}

function endsLike(group: OutcomeGroup, attempts: number, settlement: Settlement, relation?: Relation): boolean {
  return (
    settlement.data === undefined &&
    group.data === undefined &&
    group.status === settlement.status &&
    group.code === settlement.code &&
    group.attempts === attempts &&
    group.relation === relation &&
    group.account === settlement.account &&
    group.fault === settlement.fault &&
    group.info === settlement.info
  );
}

/** The rows of one entry, each in its own direction. `type` is the mode of a check. */
export function* outcomesOf(
  job: { id: string; operation: string; type?: 'both' | 'single' },
  entry: ResultEntry,
): Generator<Outcome> {
  for (const group of entry.outcomes) {
    for (const to of group.to) {
      const turned = group.reverse === true && entry.from !== null;
      yield {
        job: job.id,
        operation: job.operation,
        from: turned ? to : entry.from,
        to: turned ? (entry.from as string) : to,
        status: group.status,
        code: group.code,
        info: group.info,
        ...(group.fault !== undefined && { fault: group.fault }),
        ...(group.relation !== undefined && { relation: group.relation, type: job.type }),
        ...(group.account !== undefined && { account: group.account }),
        attempts: group.attempts,
        at: entry.at,
        ...(group.data !== undefined && { data: group.data }),
      };
    }
  }
}
