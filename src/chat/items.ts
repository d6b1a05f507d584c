import { codeOf, type Fault } from '../domain/fault.ts';
import type { Operation } from '../domain/operation.ts';
import { ACCOUNT_STATUSES, type AccountStatus, type Relation, type Settlement } from '../domain/outcome.ts';
import { faultOfItem } from './codes.ts';
import { infoOf, isCode, isRecord } from './envelope.ts';
import { readFriendFields } from './friend-data.ts';

/** What an answer says about one item: settled for good, or a fault that may pass. */
export type Verdict = { settlement: Settlement } | { fault: Fault };

const RELATIONS: ReadonlySet<unknown> = new Set<Relation>([
  'CheckResult_Type_AWithB',
  'CheckResult_Type_NoRelation',
  'CheckResult_Type_BothWay',
  'CheckResult_Type_BWithA',
]);

/**
 * The verdict of each wanted account that the entries speak of, by its name. Entries that repeat an account and
 * agree count once; entries that contradict each other leave it unreadable, since either may be true. Entries nobody
 * asked for, or without a name, are counted as anomalies and ignored.
 */
export function readItems(
  operation: Operation,
  wanted: ReadonlySet<string>,
  entries: readonly unknown[],
): { verdicts: Map<string, Verdict>; anomalies: string[] } {
  const verdicts = new Map<string, Verdict>();
  let nameless = 0;
  let unasked = 0;
  let repeated = 0;
  /** Neighbours mostly end alike, and then share one verdict: a thousand of their own would be garbage of every call. */
  let last: { entry: Record<string, unknown>; verdict: Verdict } | null = null;
  for (const entry of entries) {
    const to = isRecord(entry) ? entry[operation.answerAccount] : undefined;
    if (!isRecord(entry) || typeof to !== 'string') nameless += 1;
    else if (!wanted.has(to)) unasked += 1;
    else {
      const verdict: Verdict =
        last !== null && saysTheSame(last.entry, entry) ? last.verdict : readItem(operation, entry);
      last = { entry, verdict };
      const earlier = verdicts.get(to);
      if (earlier) repeated += 1;
      verdicts.set(to, earlier && !agree(earlier, verdict) ? contradiction() : verdict);
    }
  }
  const anomalies = [
    ...(nameless > 0 ? [`${nameless} entries without a ${operation.answerAccount}`] : []),
    ...(unasked > 0 ? [`${unasked} entries that nobody asked for`] : []),
    ...(repeated > 0 ? [`${repeated} entries that repeat a ${operation.answerAccount}`] : []),
  ];
  return { verdicts, anomalies };
}

/** All that a verdict is made of, but for data, which is as good as never equal. */
function saysTheSame(a: Record<string, unknown>, b: Record<string, unknown>): boolean {
  return (
    a.ResultCode === b.ResultCode &&
    a.ResultInfo === b.ResultInfo &&
    a.Relation === b.Relation &&
    a.AccountStatus === b.AccountStatus &&
    a.SnsProfileItem === b.SnsProfileItem
  );
}

/** A fault that cannot pass is the item's last word; any other stays a fault. */
export function verdictOf(fault: Fault): Verdict {
  if (fault.kind !== 'malformed' && fault.kind !== 'account') return { fault };
  return { settlement: { status: 'failed', code: fault.code, info: fault.info } };
}

function readItem(operation: Operation, entry: Record<string, unknown>): Verdict {
  const code = entry.ResultCode;
  if (!isCode(code)) return unreadable('the item has no whole number as ResultCode');
  const info = infoOf(entry.ResultInfo);
  if (code === 0) return succeeded(operation, entry, info);
  const status = operation.special(code, info);
  // A Relation beside a code is meaningless: the vendor's own failing sample carries NoRelation.
  return status ? { settlement: { status, code, info } } : verdictOf(faultOfItem(code, info));
}

function succeeded(operation: Operation, entry: Record<string, unknown>, info: string): Verdict {
  switch (operation.tells) {
    case 'nothing':
      return { settlement: { status: 'ok', code: 0, info } };
    case 'relation': {
      const relation = entry.Relation;
      if (!isRelation(relation)) return unreadable('the item has no known Relation');
      return { settlement: { status: 'ok', code: 0, info, relation } };
    }
    case 'fields': {
      const fields = readFriendFields(entry.SnsProfileItem ?? []);
      return fields === null
        ? unreadable('the item’s fields cannot be read')
        : { settlement: { status: 'ok', code: 0, info, data: fields } };
    }
    case 'friends':
      // Told by pages, never by items.
      return unreadable('the answer holds items where pages belong');
    case 'account': {
      const account = entry.AccountStatus;
      if (!isAccountStatus(account)) return unreadable('the item has no known AccountStatus');
      return { settlement: { status: 'ok', code: 0, info, account } };
    }
  }
}

function isRelation(value: unknown): value is Relation {
  return RELATIONS.has(value);
}

function isAccountStatus(value: unknown): value is AccountStatus {
  return (ACCOUNT_STATUSES as readonly unknown[]).includes(value);
}

function agree(a: Verdict, b: Verdict): boolean {
  if ('fault' in a || 'fault' in b) {
    return 'fault' in a && 'fault' in b && a.fault.kind === b.fault.kind && codeOf(a.fault) === codeOf(b.fault);
  }
  const [x, y] = [a.settlement, b.settlement];
  return (
    x.status === y.status &&
    x.code === y.code &&
    x.relation === y.relation &&
    x.account === y.account &&
    JSON.stringify(x.data) === JSON.stringify(y.data)
  );
}

function contradiction(): Verdict {
  return unreadable('the answer contradicts itself about this item');
}

function unreadable(info: string): Verdict {
  return { fault: { kind: 'unreadable', info } };
}
