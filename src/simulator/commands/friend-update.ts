import type { Context } from '../context.ts';
import { readUpdateItem, type UpdateItem } from '../fields.ts';
import { merged, type Account, type FriendFields } from '../state.ts';
import type { Command } from './command.ts';
import { ownQuota, prepareFriendCall } from './friend-call.ts';
import { DONE, type ItemAnswer } from './tally.ts';

/** The page names the code, not the text (Chat API 1047/34457). */
const NOT_FRIEND: ItemAnswer = { code: 30001, info: 'Err_SNS_FriendUpdate_Not_Friend' };

/** Changes remark, lists or custom fields of up to 1000 entries of From_Account's list (Chat API 1047/34904). */
export const friendUpdate: Command = {
  name: 'friend_update',
  path: 'sns/friend_update',
  writes: true,
  limitShare: 1,
  errorDisplay: true,
  prepare(body, context) {
    return prepareFriendCall(body, context, {
      command: 'friend_update',
      itemsField: 'UpdateItem',
      answerField: 'ResultItem',
      maxItems: 1000,
      readItem: (value) => readUpdateItem(value, context),
      writesPeers: false,
      decide: (item, from, to) => updateOne(context, from, to, item),
    });
  },
};

function updateOne(
  context: Context,
  from: Account | undefined,
  to: Account | undefined,
  { fields }: UpdateItem,
): ItemAnswer {
  const existing = from && to && from.friends.get(to);
  if (!existing) return NOT_FRIEND;
  const full = ownQuota('friend_update', from, fields, false);
  if (full) return full;
  const given = changesOf(context, fields, existing.more?.groups ?? []);
  context.world.befriend(
    from,
    to,
    { ...existing, more: merged(existing.more, given) },
    { standard: fields.remark !== undefined || fields.groups !== undefined, custom: fields.custom !== undefined },
  );
  return DONE;
}

function changesOf({ clock, switches }: Context, fields: FriendFields, groups: readonly string[]): FriendFields {
  return {
    ...fields,
    ...(fields.remark !== undefined && { remarkTime: clock.unixSeconds() }),
    ...(fields.groups &&
      switches['update-groups'] === 'adds' && { groups: [...new Set([...groups, ...fields.groups])] }),
  };
}
