import type { OperationName } from '../../src/domain/operation.ts';
import type { RowInput } from '../../src/intake/row.ts';
import type { FaultPlanInput } from '../../src/simulator/faults.ts';
import type { Pair, TestSimulator } from '../support/simulator.ts';

/** An admin has barred it from adding friends. */
export const FORBIDDEN = 'barred';
/** Froms of the scene: an ordinary one, one with capitals, barred, never imported, impossible, and one with many friends. */
export const FROMS = ['ann', 'Bob-9', FORBIDDEN, 'nobody', 'no such id', 'hub'] as const;

/** Tos of every From, by what lies between the two before. */
const STRANGERS = ['s1', 's2', 's3', 's4', 's5', 'S-6', 's7', 's8'];
const OURS = ['o1', 'o2', 'o3'];
const THEIRS = ['t1', 't2', 't3'];
const MUTUAL = ['m1', 'm2', 'm3', 'm4'];
/** Asks before it is anybody's friend; lets nobody near; blocks two of the Froms. */
export const CAREFUL = 'careful';
export const CLOSED = 'closed';
export const CROSS = { account: 'cross', blocked: ['ann', 'hub'] };
const SPECIAL = [CAREFUL, CLOSED, CROSS.account, 'missing-1', 'missing-2', 'not possible!'];
const TOS = [...STRANGERS, ...OURS, ...THEIRS, ...MUTUAL, ...SPECIAL];

/** More friends than any page holds; friends of the hub only. */
const CROWD = Array.from({ length: 520 }, (_, n) => `c${n}`);

/** All that may go wrong with a call or an item, so often that every kind comes up in every run of a few dozen calls. */
export const FAULTS: FaultPlanInput = {
  calls: {
    badGateway: 0.03,
    badGatewayAfter: 0.03,
    resetBefore: 0.03,
    resetAfter: 0.03,
    hang: 0.01,
    hangMs: 300,
    malformed: 0.03,
    truncated: 0.03,
    codes: { 60007: 0.02, 60008: 0.02, 70500: 0.02, 30006: 0.02 },
    codesAfter: { 60008: 0.03, 60013: 0.02 },
  },
  latency: { baseMs: 2, jitterMs: 2 },
  transient: [
    { code: 30006, fraction: 0.05, passesAt: 2 },
    { code: 30007, fraction: 0.04, passesAt: 3, applied: true },
    { code: 30008, fraction: 0.04, passesAt: 2 },
  ],
  permanent: [{ code: 38123, fraction: 0.03 }],
};

/** Codes that come of these faults alone; null: no answer. */
export const INJECTED: ReadonlySet<number | null> = new Set([
  null,
  ...Object.keys({ ...FAULTS.calls?.codes, ...FAULTS.calls?.codesAfter }).map(Number),
  ...[...(FAULTS.transient ?? []), ...(FAULTS.permanent ?? [])].map(({ code }) => code),
]);

/** Sets the scene at a simulator that was just reset. */
export async function setScene(simulator: TestSimulator): Promise<void> {
  await simulator.setAccounts({
    missing: ['nobody', 'missing-1', 'missing-2'],
    profiles: [
      { account: CAREFUL, allowType: 'need-confirm' },
      { account: CLOSED, allowType: 'deny-any' },
      CROSS,
      { account: FORBIDDEN, forbidden: true },
      { account: 'm1', nick: 'Em' },
    ],
  });
  const froms = FROMS.filter((from) => from !== 'nobody' && from !== 'no such id');
  const pairs: Pair[] = froms.flatMap((from): Pair[] => [
    ...[...OURS, ...MUTUAL].map((to) => [from, to] as const),
    ...[...THEIRS, ...MUTUAL].map((to) => [to, from] as const),
  ]);
  await simulator.seedFriends([...pairs, ...CROWD.map((to) => ['hub', to] as const)]);
}

/** The rows of an operation in the scene. Jobs that follow each other write other words. */
export function rowsFor(operation: OperationName, time: string): RowInput[] {
  switch (operation) {
    case 'delete-all':
    case 'get':
      return [...FROMS, 'm1', 't1', 's1'].map((account) => ({ account }));
    case 'accounts-check':
    case 'accounts-import':
      return [...FROMS, ...TOS, ...CROWD.slice(0, 150)].map((account, n) =>
        operation === 'accounts-import' && n % 2 === 0 ? { account, nick: `Nick ${n}, ${time}` } : { account },
      );
    default:
      return FROMS.flatMap((from) =>
        tosOf(from, operation).map((to, n) => ({ from, to, ...fieldsOf(operation, n, time) })),
      );
  }
}

/** The hub's rows are more than one call of get-list takes. */
function tosOf(from: string, operation: OperationName): string[] {
  return from === 'hub' && operation === 'get-list' ? [...TOS, ...CROWD.slice(0, 130)] : TOS;
}

function fieldsOf(operation: OperationName, n: number, time: string): Partial<RowInput> {
  const remark = `remark ${n}, ${time}`;
  const groups = [`list ${n % 5}`];
  if (operation === 'update') return { remark, ...(n % 3 === 0 && { groups }) };
  if (operation === 'add') return n % 3 === 0 ? { remark, groups } : {};
  if (operation !== 'import' || n % 2 === 0) return {};
  return { remark, groups, ...(n % 4 === 1 && { custom: { Rank: n } }) };
}
