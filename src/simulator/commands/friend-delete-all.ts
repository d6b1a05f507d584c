import type { Context } from '../context.ts';
import { Refusal } from '../refusal.ts';
import type { Account } from '../state.ts';
import { textOf } from '../texts.ts';
import type { Busy, Command } from './command.ts';
import { fromOf, refuseMissing } from './friend-call.ts';
import { deletesBoth } from './friend-delete.ts';

/**
 * Empties From_Account's list, or takes From_Account out of its friends' lists as well (Chat API 1047/34906). Who has
 * From_Account without being in its list is not reached. All or nothing: the answer has no items to tell them apart.
 */
export const friendDeleteAll: Command = {
  name: 'friend_delete_all',
  path: 'sns/friend_delete_all',
  withoutItems: true,
  writes: true,
  limitShare: 1,
  errorDisplay: true,
  prepare(body, context) {
    const both = deletesBoth(body, 'single');
    const from = fromOf(body);
    context.sent?.add('friend_delete_all', from, ['']);
    refuseMissing(from, context);
    return {
      from,
      firstItem: '',
      items: 0,
      peers: () => new Set(both ? context.world.find(from)?.friends.keys() : []),
      run(busy) {
        deleteAll(context, context.world.find(from), both, busy);
        return { code: 0, info: '', fields: '' };
      },
    };
  },
};

function deleteAll({ world, ledger }: Context, from: Account | undefined, both: boolean, busy: Busy): void {
  if (busy.from || busy.peers.size > 0) throw new Refusal(30008, textOf('friend_delete_all', 30008));
  if (!from) return;
  const friends = [...from.friends.keys()];
  for (const to of friends) {
    world.unfriend(from, to);
    if (both && to.friends.has(from)) world.unfriend(to, from);
  }
  ledger.of('friend_delete_all').applied += friends.length;
}
