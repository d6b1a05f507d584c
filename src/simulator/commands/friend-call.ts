import type { Context } from '../context.ts';
import { arrayField, isPossibleUserId, textField } from '../fields.ts';
import { count, type CommandCounts } from '../ledger.ts';
import { Refusal } from '../refusal.ts';
import type { Account, FriendFields } from '../state.ts';
import type { Answer, Busy, PreparedCall } from './command.ts';
import { Tally, type ItemAnswer } from './tally.ts';

/** How one friend command differs from the others. */
export interface FriendRules<Item extends { to: string; wrong: string | null }> {
  command: string;
  /** The command in the service's texts: `FriendImport`. */
  family: string;
  itemsField: string;
  answerField: string;
  maxItems: number;
  readItem(value: unknown): Item;
  /** `extra` of every item that failed before `decide` was asked. */
  failedExtra?: string;
  /** True where peers' lists are written too. */
  writesPeers: boolean;
  /** Answers one item whose account exists, by the state, and changes it. Who has no record yet has no friends. */
  decide(item: Item, from: Account | undefined, to: Account | undefined): ItemAnswer;
}

/** The service's texts for codes that any friend command may answer. */
const TEXTS: Record<number, string> = {
  30003: 'Err_Sns_Invalid_Account',
  30006: 'Exec_Task_Fail',
  30007: 'Exec_Task_Timeout',
  30008: 'Write_Conflict',
  30002: 'Account_Illegal',
};
const FRIENDS_PER_ACCOUNT = 3000;
const GROUPS_PER_ACCOUNT = 32;

/** Walks a friend call: From, number of items, each item's faults and rules, the answer's arrays. */
export function prepareFriendCall<Item extends { to: string; wrong: string | null }>(
  body: Record<string, unknown>,
  context: Context,
  rules: FriendRules<Item>,
): PreparedCall {
  const from = textField(body, 'From_Account');
  if (from === undefined || from === '') throw new Refusal(30001, 'SNS_DECODE_ERR');
  const elements = arrayField(body, rules.itemsField);
  if (elements.length === 0) throw new Refusal(30001, `${rules.itemsField} is empty`);
  if (elements.length > rules.maxItems && context.switches['batch-above-limit'] === '30001') {
    throw new Refusal(30001, `${rules.itemsField} has ${elements.length} items, at most ${rules.maxItems} are allowed`);
  }
  const items = elements.slice(0, rules.maxItems).map((element) => rules.readItem(element));
  if (context.switches['over-long-field'] === 'envelope') {
    const wrong = items.find((item) => item.wrong !== null)?.wrong;
    if (wrong) throw new Refusal(30001, `Err_SNS_${rules.family}_${wrong}`);
  }
  if (!context.exists(from)) throw new Refusal(refusalOfMissing(from, context), 'Err_Sns_Invalid_Account');
  return {
    from,
    firstItem: (items[0] as Item).to,
    items: items.length,
    peers: () =>
      new Set(
        rules.writesPeers
          ? items.filter((item) => context.exists(item.to)).map((item) => context.world.account(item.to))
          : [],
      ),
    run: (busy) => answerItems(from, items, busy, context, rules),
  };
}

function refusalOfMissing(id: string, context: Context): number {
  return context.switches['30002-meaning'] === 'account-illegal' && !isPossibleUserId(id) ? 30002 : 30003;
}

function answerItems<Item extends { to: string; wrong: string | null }>(
  from: string,
  items: readonly Item[],
  busy: Busy,
  context: Context,
  rules: FriendRules<Item>,
): Answer {
  const { switches, world } = context;
  const counts = context.ledger.of(rules.command);
  const missingTo = switches['missing-to'];
  const invalid = missingTo === 'item' ? [] : items.filter((item) => !context.exists(item.to)).map(({ to }) => to);
  if (invalid.length > 0 && missingTo === 'envelope-only') throw new Refusal(30003, 'Err_Sns_Invalid_Account');

  const judge = itemJudge(from, busy, context, rules, counts);
  const tally = new Tally(rules.failedExtra ?? '', switches['pending-counts-as-failed'] === 'yes');
  const seen = new Set<string>();
  for (const item of items) {
    if (invalid.length > 0 && !context.exists(item.to)) continue;
    const key = world.keyOf(item.to);
    const repeated = seen.has(key);
    seen.add(key);
    if (repeated && switches['repeated-to'] === 'one-result') continue;
    const answer: ItemAnswer =
      repeated && switches['repeated-to'] === '30001'
        ? { code: 30001, info: `Err_SNS_${rules.family}_To_Account_Repeated` }
        : judge(item);
    tally.add(item.to, answer);
  }
  tally.countInto(counts);
  return {
    code: invalid.length > 0 ? 30003 : 0,
    info: invalid.length > 0 ? 'Err_Sns_Invalid_Account' : '',
    fields: tally.json(rules.answerField) + (invalid.length > 0 ? `"Invalid_Account":${JSON.stringify(invalid)},` : ''),
  };
}

/** What comes before the rules: busy lists, missing accounts, faults of the plan. */
function itemJudge<Item extends { to: string; wrong: string | null }>(
  from: string,
  busy: Busy,
  context: Context,
  rules: FriendRules<Item>,
  counts: CommandCounts,
): (item: Item) => ItemAnswer {
  const { world, dice } = context;
  const fromKey = world.keyOf(from);
  const account = world.find(from);
  const faultOf = dice.items(rules.command, fromKey);
  const failures = new Map<number, ItemAnswer>();
  const fail = (code: number): ItemAnswer => {
    let answer = failures.get(code);
    if (!answer) failures.set(code, (answer = { code, info: textOf(rules.family, code) }));
    return answer;
  };
  return (item) => {
    if (busy.from) return fail(30008);
    const to = world.find(item.to);
    if (!context.exists(item.to, to ?? null)) return fail(refusalOfMissing(item.to, context));
    if (item.wrong !== null) return { code: 30001, info: `Err_SNS_${rules.family}_${item.wrong}` };
    if (to && busy.peers.has(to)) return fail(30008);
    const fault = faultOf?.(world.keyOf(item.to));
    if (!fault) return rules.decide(item, account, to);
    if (fault.kind === 'permanent') {
      count(counts.faults, 'permanent');
      return fail(fault.code);
    }
    if (!dice.showsTransient(rules.command, fromKey, world.keyOf(item.to), fault))
      return rules.decide(item, account, to);
    count(counts.faults, 'transient');
    if (!fault.applied || !rules.decide(item, account, to).applied) return fail(fault.code);
    return { ...fail(fault.code), applied: true };
  };
}

function textOf(family: string, code: number): string {
  // The one text of an internal error that a page shows (Chat API 1047/34907).
  if (code === 30006 && family === 'FriendCheck') return 'Err_SNS_FriendCheck_Check_Relation_Exec_Task_Fail';
  const text = TEXTS[code] ?? `Code_${code}`;
  return text.startsWith('Err_') ? text : `Err_SNS_${family}_${text}`;
}

/** Why From can not take one more entry with these fields: its list (30010) or its lists' names (30011) are full. */
export function ownQuota(family: string, from: Account, fields: FriendFields, adds: boolean): ItemAnswer | null {
  if (adds && from.friends.size >= FRIENDS_PER_ACCOUNT) {
    return { code: 30010, info: `Err_SNS_${family}_My_Friend_Num_Exceed_Threshold` };
  }
  const fresh = fields.groups && new Set(fields.groups.filter((group) => !from.groups.has(group)));
  if (fresh && from.groups.size + fresh.size > GROUPS_PER_ACCOUNT) {
    return { code: 30011, info: `Err_SNS_${family}_Group_Num_Exceed_Threshold` };
  }
  return null;
}

/** The peer's list is full (30014). */
export function peerIsFull(peer: Account): boolean {
  return peer.friends.size >= FRIENDS_PER_ACCOUNT;
}
