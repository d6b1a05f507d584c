import { z } from 'zod';
import { commandNamed } from './commands/index.ts';
import type { Context } from './context.ts';
import type { ItemFault } from './dice.ts';
import type { AllowType, Friend } from './state.ts';

/** What truly holds at the service, to compare a client's results with; and ways to set it before a run. */

const MAX_PAIRS = 10_000;
const MAX_ACCOUNTS = 10_000;
const pair = z.tuple([z.string(), z.string()]);

export const pairsSchema = z.strictObject({
  pairs: z.array(pair).max(MAX_PAIRS, `at most ${MAX_PAIRS} pairs a call`),
});

export const relationsSchema = pairsSchema.extend({
  /** With it, the answer tells also what the fault plan has for these pairs in this command. */
  command: z.string().optional(),
});

export const sentSchema = pairsSchema.extend({ command: z.string() });

export const profilesSchema = z.strictObject({
  accounts: z.array(z.string()).max(MAX_ACCOUNTS, `at most ${MAX_ACCOUNTS} accounts a call`),
});

export const accountsSchema = z.strictObject({
  /** Count as imported from now on. */
  imported: z.array(z.string()).default([]),
  /** Count as never imported from now on. */
  missing: z.array(z.string()).default([]),
  profiles: z
    .array(
      z.strictObject({
        account: z.string(),
        allowType: z.enum(['allow-any', 'need-confirm', 'deny-any']).optional(),
        forbidden: z.boolean().optional(),
        nick: z.string().optional(),
        faceUrl: z.string().optional(),
        blocked: z.array(z.string()).optional(),
      }),
    )
    .default([]),
});

/** The truth about one pair a, b. */
export interface PairTruth {
  /** b is in a's list. */
  forward: boolean;
  /** a is in b's list. */
  reverse: boolean;
  /** A request of a waits for b. */
  pending: boolean;
  /** Which of the two are imported. */
  fromExists: boolean;
  toExists: boolean;
  /**
   * Of the command asked about: the plan's fault of this pair (of a command without items: of a), and how often a
   * transient one was tried.
   */
  fault: (ItemFault & { tries: number }) | null;
}

export function truthOf({ pairs, command }: z.output<typeof relationsSchema>, context: Context): PairTruth[] {
  const { world, dice } = context;
  const withoutItems = command !== undefined && commandNamed(command)?.withoutItems === true;
  return pairs.map(([a, b]) => {
    const from = world.find(a);
    const to = world.find(b);
    const fromKey = world.keyOf(a);
    const toKey = withoutItems ? '' : world.keyOf(b);
    const fault =
      command === undefined
        ? null
        : withoutItems
          ? dice.whole(command, fromKey, null)
          : (dice.items(command, fromKey)?.(toKey) ?? null);
    return {
      forward: Boolean(from && to && from.friends.has(to)),
      reverse: Boolean(from && to && to.friends.has(from)),
      pending: Boolean(from && to && to.pending.has(from)),
      fromExists: context.exists(a),
      toExists: context.exists(b),
      fault: fault && { ...fault, tries: dice.triesOf(command as string, fromKey, toKey) },
    };
  });
}

/** One entry of a friend list, in the words of the API's fields. */
export interface FriendEntry {
  to: string;
  /** Unix seconds. */
  addTime: number;
  source: string;
  remark?: string;
  remarkTime?: number;
  groups?: string[];
  wording?: string;
  custom?: Record<string, string | number>;
}

function entryOf(to: string, { addTime, source, more }: Friend): FriendEntry {
  return { to, addTime, source, ...more };
}

/** The entry of b in the list of a, pair by pair; null where there is none. */
export function entriesOf({ pairs }: z.output<typeof pairsSchema>, { world }: Context): (FriendEntry | null)[] {
  return pairs.map(([a, b]) => {
    const to = world.find(b);
    const friend = to && world.find(a)?.friends.get(to);
    return friend ? entryOf(to.id, friend) : null;
  });
}

/** What the service knows of one account beside its list. */
export interface AccountTruth {
  account: string;
  /** It is imported. */
  exists: boolean;
  nick: string;
  faceUrl: string;
  /** Null: the service's default. */
  allowType: AllowType | null;
}

export function accountOf(id: string, context: Context): AccountTruth {
  const profile = context.world.find(id)?.profile;
  return {
    account: id,
    exists: context.exists(id),
    nick: profile?.nick ?? '',
    faceUrl: profile?.faceUrl ?? '',
    allowType: profile?.allowType ?? null,
  };
}

export interface FriendList extends AccountTruth {
  friends: FriendEntry[];
  groups: string[];
  /** Who waits for this account's consent. */
  pending: string[];
  blocked: string[];
  standardSequence: number;
  customSequence: number;
}

export function friendsOf(id: string, context: Context): FriendList {
  const account = context.world.find(id);
  return {
    ...accountOf(id, context),
    friends: [...(account?.friends ?? [])].map(([to, friend]) => entryOf(to.id, friend)),
    groups: [...(account?.groups ?? [])],
    pending: idsOf(account?.pending.keys()),
    blocked: idsOf(account?.blocked),
    standardSequence: account?.standardSequence ?? 0,
    customSequence: account?.customSequence ?? 0,
  };
}

function idsOf(accounts: Iterable<{ id: string }> | undefined): string[] {
  return [...(accounts ?? [])].map(({ id }) => id);
}

/** Makes friendships as if they had always been there, one way each. Returns how many were new. */
export function seedFriends({ pairs }: z.output<typeof pairsSchema>, { world, clock }: Context): number {
  let added = 0;
  for (const [a, b] of pairs) {
    const from = world.account(a);
    const to = world.account(b);
    if (from.friends.has(to)) continue;
    const addTime = clock.unixSeconds();
    world.seed(from, to, { addTime, source: 'AddSource_Type_Seed', more: null });
    added++;
  }
  return added;
}

export function setAccounts(given: z.output<typeof accountsSchema>, { world }: Context): void {
  for (const id of given.imported) world.account(id).imported = true;
  for (const id of given.missing) world.account(id).imported = false;
  for (const { account: id, blocked, ...profile } of given.profiles) {
    const account = world.account(id);
    account.setProfile(profile);
    if (blocked) account.blocked = new Set(blocked.map((other) => world.account(other)));
  }
}
