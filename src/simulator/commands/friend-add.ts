import type { Context } from '../context.ts';
import { hasAny, integerField, readAddItem, textField, type FriendItem } from '../fields.ts';
import { Refusal } from '../refusal.ts';
import type { Account, AllowType } from '../state.ts';
import type { Command } from './command.ts';
import { ownQuota, peerIsFull, prepareFriendCall } from './friend-call.ts';
import { DONE, NOTHING_TO_DO, type ItemAnswer } from './tally.ts';

const ADD_TYPES = new Set([undefined, 'Add_Type_Single', 'Add_Type_Both']);
const PENDING_PER_ACCOUNT = 100;

const EXISTS: ItemAnswer = { code: 30001, info: 'Err_SNS_FriendAdd_Friend_Exist' };

/** How a call adds: one list or both, with the admin's force or without. */
interface AddMode {
  both: boolean;
  forced: boolean;
}

/** Adds up to 1000 friends as users do: consent, blocklists and both ends' quotas count (Chat API 1047/34902). */
export const friendAdd: Command = {
  name: 'friend_add',
  path: 'sns/friend_add',
  writes: true,
  limitShare: 1,
  errorDisplay: true,
  prepare(body, context) {
    const type = textField(body, 'AddType');
    const flags = integerField(body, 'ForceAddFlags') ?? 0;
    if (!ADD_TYPES.has(type)) throw new Refusal(30001, 'AddType is illegal');
    if (flags !== 0 && flags !== 1) throw new Refusal(30001, 'ForceAddFlags is illegal');
    const mode = { both: type !== 'Add_Type_Single', forced: flags === 1 };
    return prepareFriendCall(body, context, {
      command: 'friend_add',
      itemsField: 'AddFriendItem',
      answerField: 'ResultItem',
      maxItems: 1000,
      readItem(value) {
        const item = readAddItem(value);
        if (item.source === undefined && context.switches['add-without-source'] === '30001') {
          item.wrong ??= 'AddSource_Missing';
        }
        return item;
      },
      writesPeers: mode.both,
      decide: (item, from, to) =>
        addOne(
          context,
          from ?? context.world.account(body.From_Account as string),
          to ?? context.world.account(item.to),
          item,
          mode,
        ),
    });
  },
};

function addOne(context: Context, from: Account, to: Account, item: FriendItem, mode: AddMode): ItemAnswer {
  const { switches, world } = context;
  if (from === to) return failed(30001, 'Self');
  const passesAll = mode.forced && switches['forced-add'] === 'passes-all';
  if (!passesAll) {
    const barred = barredBy(from, to);
    if (barred) return barred;
  }
  const forward = from.friends.has(to);
  const reverse = to.friends.has(from);
  if (forward && (!mode.both || reverse || switches['add-both-over-one-way'] === 'exists')) return EXISTS;

  // Who is in From's list already has been consented to.
  if (!forward && (mode.both || switches['one-way-add'] === 'as-two-way')) {
    const answer = askConsent(context, from, to, item, mode.forced, passesAll);
    if (answer) return answer;
  }
  const full = ownQuota('friend_add', from, item.fields, !forward);
  if (full) return full;
  if (mode.both && !reverse && peerIsFull(to)) return failed(30014, 'Peer_Friend_Num_Exceed_Threshold');
  if (!forward) world.befriend(from, to, entryOf(context, item));
  if (mode.both && !reverse) world.befriend(to, from, { ...entryOf(context, item), more: null });
  return DONE;
}

function barredBy(from: Account, to: Account): ItemAnswer | null {
  if (from.profile.forbidden) return failed(30009, 'Admin_Forbid');
  if (from.blocked.has(to)) return failed(30515, 'Peer_In_Self_Blacklist');
  if (to.blocked.has(from)) return failed(30525, 'Self_In_Peer_Blacklist');
  return null;
}

/** Null: the add may go on. Otherwise it is refused, or stored as a request that waits for the peer. */
function askConsent(
  { switches }: Context,
  from: Account,
  to: Account,
  item: FriendItem,
  forced: boolean,
  passesAll: boolean,
): ItemAnswer | null {
  const allow: AllowType = to.profile.allowType ?? switches['default-allow-type'];
  if (allow === 'deny-any' && !passesAll) return failed(30516, 'Friend_Allow_Type_Forbid');
  if (allow !== 'need-confirm' || forced) return null;
  if (to.pending.has(from)) {
    return switches['repeat-add-pending'] === 'ok' ? NOTHING_TO_DO : failed(30539, 'Need_Confirm');
  }
  if (to.pending.size >= PENDING_PER_ACCOUNT) return failed(30012, 'Pending_Num_Exceed_Threshold');
  to.setPending(from, { source: item.source ?? '', fields: item.fields });
  return { ...failed(30539, 'Need_Confirm'), applied: true };
}

function entryOf({ clock }: Context, { source, fields }: FriendItem) {
  const now = clock.unixSeconds();
  const given = fields.remark === undefined ? fields : { ...fields, remarkTime: now };
  return {
    addTime: now,
    source: source ?? '',
    more: hasAny(given) ? given : null,
  };
}

function failed(code: number, text: string): ItemAnswer {
  return { code, info: `Err_SNS_FriendAdd_${text}` };
}
