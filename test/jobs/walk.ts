import type { CallResult } from '../../src/chat/classify.ts';
import type { Item } from '../../src/domain/chunk.ts';
import type { OperationName, OperationOptions } from '../../src/domain/operation.ts';
import { OPERATIONS } from '../../src/domain/operation.ts';
import { settleLookup, settleVerification } from '../../src/jobs/lookups.ts';
import { type NextCall, nextCall } from '../../src/jobs/next-call.ts';
import { NO_LESSONS, type OpenItem } from '../../src/jobs/open-items.ts';
import { type Policy, type SettledItem, settleCall } from '../../src/jobs/settle.ts';
import { openItem } from './arbitraries.ts';
import { jobWith } from './support.ts';

/** A chunk that was called until nothing of it was open. */
export interface Walk {
  calls: { step: NextCall['step']; size: number; fault: CallResult['fault'] }[];
  settled: SettledItem[];
  /** Most calls of the operation that carried one item. */
  mostSends: number;
}

export interface WalkGiven {
  policy: Policy;
  operation?: OperationName;
  options?: OperationOptions;
  /** What every item is at first. */
  past?: Partial<OpenItem>;
  /** More calls than that are a chunk that never ends. */
  mostCalls?: number;
}

/** Calls a chunk of `count` items of From_Account `from` to its end. `answer` is the service. */
export function walk(count: number, answer: (call: NextCall) => CallResult, given: WalkGiven): Walk {
  const { policy, operation = 'import', options = {}, past = {}, mostCalls = 5000 } = given;
  const job = jobWith({ operation, options });
  let open = Array.from({ length: count }, (_, n) => openItem(n, itemOf(n), past));
  let lessons = NO_LESSONS;
  const sends = Array.from({ length: count }, () => 0);
  const told: Walk = { calls: [], settled: [], mostSends: 0 };
  while (open.length > 0) {
    if (told.calls.length === mostCalls) throw new Error(`${open.length} items are open after ${mostCalls} calls`);
    const call = nextCall(job, 'from', open, lessons);
    const carried = new Set(call.carried);
    const waiting = open.filter((item) => !carried.has(item));
    const result = answer(call);
    told.calls.push({ step: call.step, size: call.items.length, fault: result.fault });
    if (call.step === 'send') for (const { index } of carried) sends[index] = (sends[index] as number) + 1;
    const context = { operation: OPERATIONS[operation], options, lessons, policy, outage: false };
    const settle = { send: settleSend, accounts: settleLookup, verify: settleVerification }[call.step];
    const after = settle(call, waiting, result, context);
    told.settled.push(...after.settled);
    // As the next claim opens them.
    open = after.open.toSorted((a, b) => a.index - b.index);
    ({ lessons } = after);
  }
  return { ...told, mostSends: Math.max(...sends) };
}

const settleSend: typeof settleLookup = ({ carried }, waiting, result, context) =>
  settleCall(carried, waiting, result, context);

const itemOf = (n: number): Item => ({ to: `t${n}`, rows: 'forward' });

/** Places of the items that ended so, in order. */
export const endedAs = ({ settled }: Walk, ...statuses: string[]): number[] =>
  settled
    .filter(({ settlement }) => statuses.includes(settlement.status))
    .map(({ index }) => index)
    .toSorted((a, b) => a - b);
