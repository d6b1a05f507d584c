import type { Relation } from '../../domain/outcome.ts';
import type { Context } from '../context.ts';
import { userId } from '../fields.ts';
import { Refusal } from '../refusal.ts';
import type { Account } from '../state.ts';
import type { Command } from './command.ts';
import { prepareFriendCall } from './friend-call.ts';
import type { ItemAnswer } from './tally.ts';

const CHECK_TYPES = new Set<unknown>(['CheckResult_Type_Single', 'CheckResult_Type_Both']);

/** Tells the relation of From_Account to up to 1000 others (Chat API 1047/34907). */
export const friendCheck: Command = {
  name: 'friend_check',
  path: 'sns/friend_check',
  writes: false,
  limitShare: 1,
  errorDisplay: true,
  prepare(body, context) {
    if (!CHECK_TYPES.has(body.CheckType)) throw new Refusal(30001, 'CheckType is illegal');
    const both = body.CheckType === 'CheckResult_Type_Both';
    return prepareFriendCall(body, context, {
      command: 'friend_check',
      itemsField: 'To_Account',
      answerField: 'InfoItem',
      maxItems: 1000,
      readItem: (value) => ({ to: userId(value), wrong: null }),
      // The page's own sample has this beside a ResultCode that is not 0: the relation of a failed item says nothing.
      failedExtra: relationText('CheckResult_Type_NoRelation'),
      writesPeers: false,
      decide: (_item, from, to) => FOUND[relationOf(context, from, to, both)],
    });
  },
};

function relationText(relation: Relation): string {
  return `"Relation":"${relation}",`;
}

function found(relation: Relation): ItemAnswer {
  return { code: 0, info: '', extra: relationText(relation) };
}

const FOUND: Record<Relation, ItemAnswer> = {
  CheckResult_Type_AWithB: found('CheckResult_Type_AWithB'),
  CheckResult_Type_BWithA: found('CheckResult_Type_BWithA'),
  CheckResult_Type_BothWay: found('CheckResult_Type_BothWay'),
  CheckResult_Type_NoRelation: found('CheckResult_Type_NoRelation'),
};

function relationOf(context: Context, from: Account | undefined, to: Account | undefined, both: boolean): Relation {
  const forward = sees(context, from, to);
  const reverse = both && sees(context, to, from);
  if (forward) return reverse ? 'CheckResult_Type_BothWay' : 'CheckResult_Type_AWithB';
  return reverse ? 'CheckResult_Type_BWithA' : 'CheckResult_Type_NoRelation';
}

/** Is `b` in the list of `a`, as far as a read can see? */
function sees({ world }: Context, a: Account | undefined, b: Account | undefined): boolean {
  return a !== undefined && b !== undefined && world.seenEntry(a, b) !== undefined;
}
