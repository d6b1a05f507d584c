import type { CallResult } from '../chat/classify.ts';
import { maySplit } from '../chat/codes.ts';
import type { Verdict } from '../chat/items.ts';
import { codeOf, type Fault } from '../domain/fault.ts';
import type { Verification } from '../domain/operation.ts';
import type { Settlement } from '../domain/outcome.ts';
import { lastWord } from './last-word.ts';
import type { NextCall } from './next-call.ts';
import type { OpenItem } from './open-items.ts';
import {
  delayAfter,
  nothing,
  type Settled,
  type SettleContext,
  type SettledItem,
  settledItem,
  spendsAttempt,
} from './settle.ts';

/**
 * Settles what an account_check told of items whose call failed as a whole: missing ones end with the code of that
 * call, the others go again. A missing From_Account ends them all.
 */
export function settleLookup(
  call: NextCall,
  waiting: readonly OpenItem[],
  result: CallResult,
  context: SettleContext,
): Settled {
  const { fault } = result;
  const { lessons } = context;
  if (fault?.kind === 'malformed' && maySplit(fault.code) && call.items.length > 1) {
    const atMost = Math.ceil(call.items.length / 2);
    return { ...nothing(), lessons: { ...lessons, atMost }, open: [...call.carried, ...waiting] };
  }
  const withFrom = call.items.length > call.carried.length;
  // A refusal of the whole call speaks of an account only where it is the only one.
  const speaks = fault === null || call.items.length === 1;
  const told = result.verdicts.map((verdict) => (speaks ? accountOf(verdict) : null));
  const ofFrom = withFrom ? told[0] : 'there';
  // Without a word on From nothing is won: its items would be refused again.
  if (ofFrom === null) told.fill(null);
  if (ofFrom === 'missing') {
    const doubted = waiting.filter(({ step }) => step === 'accounts');
    const others = waiting.filter(({ step }) => step !== 'accounts');
    return { ...nothing(), lessons, settled: [...call.carried, ...doubted].map(refused), open: others };
  }
  const after: Settled = {
    ...nothing(),
    lessons: { ...lessons, lookups: 0, fromExists: lessons.fromExists || ofFrom === 'there' },
    open: [...waiting],
  };
  const untold: OpenItem[] = [];
  call.carried.forEach((open, place) => {
    const account = told[place + call.items.length - call.carried.length];
    if (account === 'there') after.open.push({ ...open, step: 'send', exists: true });
    else if (account === 'missing') after.settled.push(refused(open));
    else untold.push(open);
  });
  return toldNothing(untold, after, result, context);
}

/** What the answer says of one account; null: nothing. An id that is refused as illegal cannot be there. */
function accountOf(verdict: Verdict): 'there' | 'missing' | null {
  if ('fault' in verdict) return null;
  return verdict.settlement.account === 'Imported' ? 'there' : 'missing';
}

function refused(open: OpenItem): SettledItem {
  const code = open.fault === null ? null : codeOf(open.fault);
  // The call that was refused as a whole was about this one too: now it counts.
  const counted = { ...open, attempts: open.attempts + 1 };
  return settledItem(counted, { status: 'failed', code, info: open.fault?.info ?? '' });
}

/** Settles what a read told of writes that were never answered, or whose answer proves nothing. */
export function settleVerification(
  call: NextCall,
  waiting: readonly OpenItem[],
  result: CallResult,
  context: SettleContext,
): Settled {
  const verification = context.operation.verification(context.options) as Verification;
  // One code for the whole call says nothing of each.
  const whole = result.fault !== null && call.carried.length > 1;
  const after: Settled = { ...nothing(), lessons: { ...context.lessons, lookups: 0 }, open: [...waiting] };
  const untold: OpenItem[] = [];
  call.carried.forEach((open, place) => {
    const verdict = result.verdicts[place] as Verdict;
    if (whole || 'fault' in verdict) untold.push(open);
    else after.settled.push(settledItem(open, found(open, verdict.settlement, verification, call.operation.command)));
  });
  return toldNothing(untold, after, result, context);
}

const NOT_IMPORTED = 30003;
const ILLEGAL = 30002;

function found(open: OpenItem, read: Settlement, { judge, ofMissing }: Verification, command: string): Settlement {
  // What another refusal of the read than "not imported" means nobody knows.
  if (read.status !== 'ok' && read.code !== NOT_IMPORTED) return lastWord(open);
  const says = read.status === 'ok' ? judge(read) : ofMissing;
  return open.answer === null ? foundUnanswered(open, says, command) : foundAnswered(open, open.answer, says, command);
}

type Says = ReturnType<Verification['judge']>;

function foundUnanswered(open: OpenItem, says: Says, command: string): Settlement {
  // That the friendship is there says nothing of the fields that the row carried.
  if (says === 'unclear' || (says === 'holds' && open.item.fields !== undefined)) return lastWord(open);
  const why = `no answer to the write (${open.fault?.info ?? 'none was recorded'})`;
  if (says === 'holds') return { status: 'satisfied', code: null, info: '', fault: `${why}; ${command}: it holds` };
  const code = open.fault === null ? null : codeOf(open.fault);
  const info = code === null ? '' : (open.fault?.info ?? '');
  return { status: 'failed', code, info, fault: `${why}; ${command}: it does not hold` };
}

function foundAnswered({ item }: OpenItem, answer: Settlement, says: Says, command: string): Settlement {
  // Fields were asked for as well, and refused: a friendship that is there may be one of before.
  if (says === 'holds') {
    return answer.status === 'failed' && item.fields === undefined ? { ...answer, status: 'satisfied' } : answer;
  }
  // Answered 0, and not there: the request was stored, now or before, and waits for the peer.
  if (answer.status === 'ok') return { ...answer, status: 'pending' };
  return { ...answer, status: 'failed', fault: `${command}: it does not hold` };
}

/**
 * Items of which a lookup told nothing: it is made again, as often in a row as a call of the operation; then they end
 * with what was known before.
 */
function toldNothing(untold: readonly OpenItem[], after: Settled, result: CallResult, context: SettleContext): Settled {
  const fault = result.fault ?? firstFault(result.verdicts);
  if (untold.length === 0 || fault === null) return after;
  const { lessons, policy, outage } = context;
  // 30002 may be about one of the accounts: that stops no job, and is not asked for ever.
  const ofAccount = codeOf(fault) === ILLEGAL;
  const lookups = lessons.lookups + (ofAccount || spendsAttempt(fault, outage) ? 1 : 0);
  if (lookups >= policy.attempts) {
    // They were sent, and refused as a whole: that spent no attempt, but it is the last word now.
    const ended = untold.map((open) => ({ ...open, attempts: Math.max(1, open.attempts) }));
    return { ...after, settled: [...after.settled, ...ended.map((open) => settledItem(open, lastWord(open)))] };
  }
  return {
    ...after,
    lessons: { ...after.lessons, lookups },
    open: [...after.open, ...untold],
    delayMs: delayAfter({ fault, attempts: lookups }, false, policy),
    credentials: after.credentials ?? (fault.kind === 'credentials' && !ofAccount ? fault : null),
  };
}

function firstFault(verdicts: readonly Verdict[]): Fault | null {
  for (const verdict of verdicts) if ('fault' in verdict) return verdict.fault;
  return null;
}
