import type { Context } from '../context.ts';
import type { ItemFault } from '../dice.ts';
import { arrayField, isPossibleUserId, textField } from '../fields.ts';
import { count, type CommandCounts } from '../ledger.ts';
import { Refusal } from '../refusal.ts';
import type { Account, FriendFields } from '../state.ts';
import { familyOf, textOf } from '../texts.ts';
import type { Answer, Busy, PreparedCall } from './command.ts';
import { Tally, type ItemAnswer } from './tally.ts';

/** How one friend command differs from the others. */
export interface FriendRules<Item extends { to: string; wrong: string | null }> {
  command: string;
  itemsField: string;
  answerField: string;
  maxItems: number;
  readItem(value: unknown): Item;
  /** `extra` of every item that failed before `decide` was asked. */
  failedExtra?: string;
  /** True where peers' lists are written too. */
  writesPeers: boolean;
  /** False: failed items are not listed in Fail_Account. */
  failAccount?: boolean;
  /** ErrorInfo of a call whose items all succeeded. */
  successInfo?: string;
  /** Answers one item whose account exists, by the state, and changes it. Who has no record yet has no friends. */
  decide(item: Item, from: Account | undefined, to: Account | undefined): ItemAnswer;
}

const FRIENDS_PER_ACCOUNT = 3000;
const GROUPS_PER_ACCOUNT = 32;

/** Walks a friend call: From, number of items, each item's faults and rules, the answer's arrays. */
export function prepareFriendCall<Item extends { to: string; wrong: string | null }>(
  body: Record<string, unknown>,
  context: Context,
  rules: FriendRules<Item>,
): PreparedCall {
  const from = fromOf(body);
  const elements = arrayField(body, rules.itemsField);
  if (elements.length === 0) throw new Refusal(30001, `${rules.itemsField} is empty`);
  if (elements.length > rules.maxItems && context.switches['batch-above-limit'] === '30001') {
    throw new Refusal(30001, `${rules.itemsField} has ${elements.length} items, at most ${rules.maxItems} are allowed`);
  }
  const items = elements.slice(0, rules.maxItems).map((element) => rules.readItem(element));
  context.sent?.add(
    rules.command,
    from,
    items.map(({ to }) => to),
  );
  if (context.switches['over-long-field'] === 'envelope') {
    const wrong = items.find((item) => item.wrong !== null)?.wrong;
    if (wrong) throw new Refusal(30001, `Err_SNS_${familyOf(rules.command)}_${wrong}`);
  }
  refuseMissing(from, context);
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

/** From_Account of a friend call. */
export function fromOf(body: Record<string, unknown>): string {
  const from = textField(body, 'From_Account');
  if (from === undefined || from === '') throw new Refusal(30001, 'SNS_DECODE_ERR');
  return from;
}

/** A From_Account that is not imported makes the whole call fail. The older shape names it as it names any other. */
export function refuseMissing(from: string, context: Context): void {
  if (context.exists(from)) return;
  const code = codeOfMissing(from, context);
  const named = code === 30003 && context.switches['missing-to'] === 'envelope-with-items';
  throw new Refusal(code, 'Err_Sns_Invalid_Account', named ? invalidField([from]) : '');
}

const invalidField = (accounts: readonly string[]): string => `"Invalid_Account":${JSON.stringify(accounts)},`;

function codeOfMissing(id: string, context: Context): number {
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
  const tally = new Tally(rules.failedExtra ?? '', {
    listsFailed: rules.failAccount !== false,
    pendingFails: switches['pending-counts-as-failed'] === 'yes',
  });
  const seen = new Set<string>();
  for (const item of items) {
    if (invalid.length > 0 && !context.exists(item.to)) continue;
    const key = world.keyOf(item.to);
    const repeated = seen.has(key);
    seen.add(key);
    if (repeated && switches['repeated-to'] === 'one-result') continue;
    const answer: ItemAnswer =
      repeated && switches['repeated-to'] === '30001'
        ? { code: 30001, info: `Err_SNS_${familyOf(rules.command)}_To_Account_Repeated` }
        : judge(item);
    tally.add(item.to, answer);
  }
  counts.applied += tally.applied;
  const answer = { fields: tally.json(rules.answerField), items: tally.codes };
  if (invalid.length === 0) return { ...answer, code: 0, info: tally.allDone ? (rules.successInfo ?? '') : '' };
  return { ...answer, fields: answer.fields + invalidField(invalid), code: 30003, info: 'Err_Sns_Invalid_Account' };
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
  const { command } = rules;
  const failures = new Map<number | ItemFault, ItemAnswer>();
  const fail = (cause: number | ItemFault): ItemAnswer => {
    let answer = failures.get(cause);
    if (!answer) {
      const { code, info = textOf(command, code) } = typeof cause === 'number' ? { code: cause } : cause;
      failures.set(cause, (answer = { code, info }));
    }
    return answer;
  };
  return (item) => {
    if (busy.from) return fail(30008);
    const to = world.find(item.to);
    if (!context.exists(item.to, to ?? null)) return fail(codeOfMissing(item.to, context));
    if (item.wrong !== null) return { code: 30001, info: `Err_SNS_${familyOf(command)}_${item.wrong}` };
    if (to && busy.peers.has(to)) return fail(30008);
    const fault = faultOf?.(world.keyOf(item.to));
    if (!fault || !dice.shows(command, fromKey, world.keyOf(item.to), fault)) return rules.decide(item, account, to);
    count(counts.faults, fault.kind);
    const applied = fault.kind === 'transient' && fault.applied && rules.decide(item, account, to).applied;
    return applied ? { ...fail(fault), applied } : fail(fault);
  };
}

/** Why From can not take one more entry with these fields: its list (30010) or its lists' names (30011) are full. */
export function ownQuota(command: string, from: Account, fields: FriendFields, adds: boolean): ItemAnswer | null {
  if (adds && from.friends.size >= FRIENDS_PER_ACCOUNT) {
    return { code: 30010, info: `Err_SNS_${familyOf(command)}_My_Friend_Num_Exceed_Threshold` };
  }
  const fresh = fields.groups && new Set(fields.groups.filter((group) => !from.groups.has(group)));
  if (fresh && from.groups.size + fresh.size > GROUPS_PER_ACCOUNT) {
    return { code: 30011, info: `Err_SNS_${familyOf(command)}_Group_Num_Exceed_Threshold` };
  }
  return null;
}

/** The peer's list is full (30014). */
export function peerIsFull(peer: Account): boolean {
  return peer.friends.size >= FRIENDS_PER_ACCOUNT;
}
