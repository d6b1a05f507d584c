import type { Context } from '../context.ts';
import { arrayField, userId } from '../fields.ts';
import { Refusal } from '../refusal.ts';
import type { Account } from '../state.ts';
import type { Command } from './command.ts';
import { prepareFriendCall } from './friend-call.ts';
import type { ItemAnswer } from './tally.ts';
import { askedItems, isTag } from './tags.ts';

const MAX_ITEMS = 100;

const NOT_FRIEND: ItemAnswer = { code: 30001, info: 'Err_SNS_FriendGetList_Friend_Not_Exist' };

/** Tells the fields asked for of up to 100 friends of From_Account (Chat API 1047/34910). */
export const friendGetList: Command = {
  name: 'friend_get_list',
  path: 'sns/friend_get_list',
  writes: false,
  limitShare: 1,
  errorDisplay: true,
  prepare(body, context) {
    const tags = readTags(body);
    const { length } = arrayField(body, 'To_Account');
    // Newer pages only advise 100; an older one has it as a rule.
    if (length > MAX_ITEMS && context.switches['get-list-above-100'] === '30001') {
      throw new Refusal(30001, `To_Account has ${length} items, at most ${MAX_ITEMS} are allowed`);
    }
    return prepareFriendCall(body, context, {
      command: 'friend_get_list',
      itemsField: 'To_Account',
      answerField: 'InfoItem',
      maxItems: Infinity,
      readItem: (value) => ({ to: userId(value), wrong: null }),
      writesPeers: false,
      decide: (_item, from, to) => tell(context, from, to, tags),
    });
  },
};

function readTags(body: Record<string, unknown>): string[] {
  const tags = arrayField(body, 'TagList');
  const good = tags.length > 0 && tags.every((tag): tag is string => typeof tag === 'string' && isTag(tag));
  if (!good) throw new Refusal(30001, 'TagList is illegal');
  return tags as string[];
}

function tell(
  { world }: Context,
  from: Account | undefined,
  to: Account | undefined,
  tags: readonly string[],
): ItemAnswer {
  const friend = from && to && world.seenEntry(from, to);
  if (!friend) return NOT_FRIEND;
  return { code: 0, info: '', extra: `"SnsProfileItem":${JSON.stringify(askedItems(tags, friend, to.profile))},` };
}
