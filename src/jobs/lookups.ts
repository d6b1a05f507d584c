import type { CallResult } from '../chat/classify.ts';
import type { Verdict } from '../chat/items.ts';
import { codeOf, type Fault } from '../domain/fault.ts';
import type { Verification } from '../domain/operation.ts';
import type { Settlement } from '../domain/outcome.ts';
import { lastWord } from './last-word.ts';
import type { NextCall } from './next-call.ts';
import type { OpenItem } from './open-items.ts';
import { isSmaller, type Reply } from './size.ts';
import {
  delayAfter,
  isOfSomeAccount,
  learned,
  nothing,
  replyOf,
  type Settled,
  type SettleContext,
  type SettledItem,
  settledItem,
  spendsAttempt,
  suspected,
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
  const withFrom = call.items.length > call.carried.length;
  // A refusal of the whole call speaks of an account only where it is the only one.
  const speaks = result.fault === null || call.items.length === 1;
  const told = result.verdicts.map((verdict) => (speaks ? accountOf(verdict) : null));
  const ofFrom = withFrom ? told.shift() : 'there';
  if (ofFrom !== 'there') {
    // Without a word on From nothing is won: its items would be refused again.
    const doubted = [...call.carried, ...waiting.filter(({ step }) => step === 'accounts')];
    const after = { ...nothing(), lessons: context.lessons, open: waiting.filter(({ step }) => step !== 'accounts') };
    if (ofFrom === 'missing') return { ...after, settled: doubted.map(refused) };
    return toldNothing(doubted, after, call, result, context);
  }
  const after: Settled = {
    ...nothing(),
    lessons: { ...context.lessons, lookups: 0, fromExists: true },
    open: [...waiting],
  };
  const untold: OpenItem[] = [];
  call.carried.forEach((open, place) => {
    if (told[place] === 'there') after.open.push({ ...open, step: 'send', exists: true, suspect: false });
    else if (told[place] === 'missing') after.settled.push(refused(open));
    else untold.push(open);
  });
  return toldNothing(untold, after, call, result, context);
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
  return toldNothing(untold, after, call, result, context);
}

const NOT_IMPORTED = 30003;

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
 * Items of which a lookup told nothing: it is made again, smaller where that may help; else as often in a row as a call of
 * the operation. Then they end with what was known before.
 */
function toldNothing(
  untold: readonly OpenItem[],
  after: Settled,
  call: NextCall,
  result: CallResult,
  context: SettleContext,
): Settled {
  const { policy, outage } = context;
  const reply = replyTo(result, outage);
  const lessons = learned(after.lessons, call.step, reply, call.items.length, call.operation.itemsPerCall);
  const fault = result.fault ?? firstFault(result.verdicts);
  if (untold.length === 0 || fault === null) return { ...after, lessons };
  const smaller = isSmaller(lessons.sizes[call.step], call.items.length);
  const counts = !smaller && (isOfSomeAccount(fault) || spendsAttempt(fault, outage));
  const lookups = context.lessons.lookups + (counts ? 1 : 0);
  // 30002 to one account alone is about it: that stops no job, and asked again it is said again.
  if (lookups >= policy.attempts || (counts && isOfSomeAccount(fault) && call.items.length === 1)) {
    // They were sent, and refused as a whole: that spent no attempt, but it is the last word now.
    const ended = untold.map((open) => ({ ...open, attempts: Math.max(1, open.attempts) }));
    return {
      ...after,
      lessons: { ...lessons, lookups: 0 },
      settled: [...after.settled, ...ended.map((open) => settledItem(open, lastWord(open)))],
    };
  }
  return {
    ...after,
    lessons: { ...lessons, lookups },
    open: [...after.open, ...suspected(untold, reply)],
    delayMs: reply === 'refused' ? 0 : delayAfter({ fault, attempts: lookups }, false, policy),
    credentials: after.credentials ?? (fault.kind === 'credentials' && !isOfSomeAccount(fault) ? fault : null),
  };
}

/** A whole lookup that failed for an account it does not name finds it when it is halved, as one that is refused. */
function replyTo({ fault }: CallResult, outage: boolean): Reply {
  return fault !== null && isOfSomeAccount(fault) ? 'refused' : replyOf(fault, outage);
}

function firstFault(verdicts: readonly Verdict[]): Fault | null {
  for (const verdict of verdicts) if ('fault' in verdict) return verdict.fault;
  return null;
}
