import type { Context } from '../context.ts';
import { hasAny, readImportItem, type FriendItem } from '../fields.ts';
import { merged, type Account, type Friend } from '../state.ts';
import type { Command } from './command.ts';
import { ownQuota, prepareFriendCall } from './friend-call.ts';
import { DONE, NOTHING_TO_DO, type ItemAnswer } from './tally.ts';

/** Puts up to 1000 friends into From_Account's list, one way, without anybody's consent (Chat API 1047/34903). */
export const friendImport: Command = {
  name: 'friend_import',
  path: 'sns/friend_import',
  writes: true,
  limitShare: 1,
  errorDisplay: true,
  prepare(body, context) {
    return prepareFriendCall(body, context, {
      command: 'friend_import',
      itemsField: 'AddFriendItem',
      answerField: 'ResultItem',
      maxItems: 1000,
      readItem(value) {
        const item = readImportItem(value, context);
        if (item.source === undefined) item.wrong ??= 'AddSource_Missing';
        return item;
      },
      writesPeers: false,
      decide: (item, from, to) =>
        importOne(
          context,
          from ?? context.world.account(body.From_Account as string),
          to ?? context.world.account(item.to),
          item,
        ),
    });
  },
};

function importOne(context: Context, from: Account, to: Account, item: FriendItem): ItemAnswer {
  if (from === to) return { code: 30001, info: 'Err_SNS_FriendImport_Self' };
  const existing = from.friends.get(to);
  if (existing && context.switches['import-existing'] !== 'upsert') {
    return context.switches['import-existing'] === 'no-op'
      ? NOTHING_TO_DO
      : { code: 30001, info: 'Err_SNS_FriendImport_Friend_Exist' };
  }
  const full = ownQuota('friend_import', from, item.fields, !existing);
  if (full) return full;
  const touched = { standard: true, custom: item.fields.custom !== undefined };
  context.world.befriend(from, to, entryOf(context, item, existing), touched);
  return DONE;
}

/** The new entry; over an existing one, what was given overwrites and the rest stays. */
function entryOf({ clock }: Context, { source, addTime, fields }: FriendItem, existing: Friend | undefined): Friend {
  const now = clock.unixSeconds();
  if (fields.remark !== undefined) fields.remarkTime ??= now;
  const more = hasAny(fields) ? merged(existing?.more, fields) : (existing?.more ?? null);
  return {
    addTime: addTime ?? existing?.addTime ?? now,
    source: source ?? existing?.source ?? '',
    more,
  };
}
