import type { Context } from '../context.ts';
import { integerField } from '../fields.ts';
import { Refusal } from '../refusal.ts';
import type { Account, Friend, SeenList } from '../state.ts';
import type { Command } from './command.ts';
import { fromOf, refuseMissing } from './friend-call.ts';
import { customItems, standardItems } from './tags.ts';

/** What a page leaves out because the client says that it has it already. */
interface Known {
  standard: boolean;
  custom: boolean;
}

const NEW_ACCOUNT: SeenList = { friends: new Map(), standardSequence: 0, customSequence: 0 };

/** Tells one page of From_Account's list (Chat API 1047/34908). */
export const friendGet: Command = {
  name: 'friend_get',
  path: 'sns/friend_get',
  withoutItems: true,
  writes: false,
  limitShare: 1,
  errorDisplay: true,
  prepare(body, context) {
    const from = fromOf(body);
    const start = integerField(body, 'StartIndex');
    if (start === undefined || start < 0) throw new Refusal(30001, 'StartIndex is illegal');
    const standard = integerField(body, 'StandardSequence') ?? 0;
    const custom = integerField(body, 'CustomSequence') ?? 0;
    context.sent?.add('friend_get', from, ['']);
    refuseMissing(from, context);
    return {
      from,
      firstItem: String(start),
      items: 0,
      peers: () => new Set(),
      run() {
        const account = context.world.find(from);
        const list = account ? context.world.seen(account) : NEW_ACCOUNT;
        return { code: 0, info: '', fields: pageText(list, start, { standard, custom }, context) };
      },
    };
  },
};

function pageText(
  list: SeenList,
  start: number,
  sequences: { standard: number; custom: number },
  { switches }: Context,
): string {
  const withCustom = switches['get-custom-sequence'] === 'present';
  const size = Number(switches['get-page-size']);
  // 0 asks for everything, also of a list that was never written.
  const known: Known = {
    standard: sequences.standard !== 0 && sequences.standard === list.standardSequence,
    custom: withCustom && sequences.custom !== 0 && sequences.custom === list.customSequence,
  };
  const items = itemsOf([...list.friends].slice(start, start + size), known, switches['get-equal-sequence']);
  const last = start + size >= list.friends.size;
  return withoutBraces({
    ...(items && { UserDataItem: items }),
    StandardSequence: list.standardSequence,
    ...(withCustom && { CustomSequence: list.customSequence }),
    FriendNum: list.friends.size,
    CompleteFlag: last ? 1 : 0,
    NextStartIndex: last ? 0 : start + size,
  });
}

/** Null: the answer has no UserDataItem at all. */
function itemsOf(
  page: readonly (readonly [Account, Friend])[],
  known: Known,
  reading: 'missing' | 'empty' | 'other-half',
): object[] | null {
  if (known.standard || known.custom) {
    if (reading === 'missing') return null;
    if (reading === 'empty' || (known.standard && known.custom)) return [];
  }
  return page.map(([{ id }, friend]) => ({
    To_Account: id,
    ValueItem: [...(known.standard ? [] : standardItems(friend)), ...(known.custom ? [] : customItems(friend))],
  }));
}

function withoutBraces(fields: object): string {
  return `${JSON.stringify(fields).slice(1, -1)},`;
}
