import type { Context } from '../context.ts';
import { textField, userId } from '../fields.ts';
import { Refusal } from '../refusal.ts';
import type { Account } from '../state.ts';
import type { Command } from './command.ts';
import { prepareFriendCall } from './friend-call.ts';
import { DONE, type ItemAnswer } from './tally.ts';

const DELETE_TYPES = new Set([undefined, 'Delete_Type_Single', 'Delete_Type_Both']);

/** One text for both readings of the code, so that only the code tells them apart. */
const NOT_FRIEND: Record<string, ItemAnswer> = {
  '31704': { code: 31704, info: 'Err_SNS_FriendDelete_Not_Friend' },
  '30001': { code: 30001, info: 'Err_SNS_FriendDelete_Not_Friend' },
};

/** Takes up to 1000 friends out of From_Account's list, or out of both lists (Chat API 1047/34905). */
export const friendDelete: Command = {
  name: 'friend_delete',
  path: 'sns/friend_delete',
  writes: true,
  limitShare: 1,
  errorDisplay: true,
  prepare(body, context) {
    const both = deletesBoth(body, context.switches['delete-without-type']);
    return prepareFriendCall(body, context, {
      command: 'friend_delete',
      itemsField: 'To_Account',
      answerField: 'ResultItem',
      maxItems: 1000,
      readItem: (value) => ({ to: userId(value), wrong: null }),
      writesPeers: both,
      failAccount: context.switches['fail-account-on-delete'] === 'present',
      // The page's sample of a call without failures.
      successInfo: '0',
      decide: (_item, from, to) => deleteOne(context, from, to, both),
    });
  },
};

/** DeleteType of a body; `absent` is what a missing one means. */
export function deletesBoth(body: Record<string, unknown>, absent: 'single' | 'both' | '30001'): boolean {
  const type = textField(body, 'DeleteType');
  if (!DELETE_TYPES.has(type)) throw new Refusal(30001, 'DeleteType is illegal');
  if (type === undefined && absent === '30001') throw new Refusal(30001, 'DeleteType is missing');
  return type === undefined ? absent === 'both' : type === 'Delete_Type_Both';
}

function deleteOne(
  { switches, world }: Context,
  from: Account | undefined,
  to: Account | undefined,
  both: boolean,
): ItemAnswer {
  const forward = from !== undefined && to !== undefined && from.friends.has(to);
  const reverse = both && from !== undefined && to !== undefined && to.friends.has(from);
  const found = forward || (reverse && switches['delete-both-over-one-way'] === 'completes');
  if (!found) return NOT_FRIEND[switches['delete-non-friend']] as ItemAnswer;
  if (forward) world.unfriend(from, to);
  if (reverse) world.unfriend(to, from);
  return DONE;
}
