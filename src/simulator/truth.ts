import { z } from 'zod';
import type { Context } from './context.ts';
import type { ItemFault } from './dice.ts';
import type { AllowType } from './state.ts';

/** What truly holds at the service, to compare a client's results with; and ways to set it before a run. */

const MAX_PAIRS = 10_000;
const pair = z.tuple([z.string(), z.string()]);

export const pairsSchema = z.strictObject({
  pairs: z.array(pair).max(MAX_PAIRS, `at most ${MAX_PAIRS} pairs a call`),
});

export const relationsSchema = pairsSchema.extend({
  /** With it, the answer tells also what the fault plan has for these pairs in this command. */
  command: z.string().optional(),
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
  /** Of the command asked about: the plan's fault of this pair, and how often a transient one was tried. */
  fault: (ItemFault & { tries: number }) | null;
}

export function truthOf({ pairs, command }: z.output<typeof relationsSchema>, context: Context): PairTruth[] {
  const { world, dice } = context;
  return pairs.map(([a, b]) => {
    const from = world.find(a);
    const to = world.find(b);
    const [fromKey, toKey] = [world.keyOf(a), world.keyOf(b)];
    const fault = command === undefined ? null : (dice.items(command, fromKey)?.(toKey) ?? null);
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

export interface FriendList {
  account: string;
  exists: boolean;
  allowType: AllowType | null;
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
    account: id,
    exists: context.exists(id),
    allowType: account?.allowType ?? null,
    friends: [...(account?.friends ?? [])].map(([to, { addTime, source, more }]) => ({
      to: to.id,
      addTime,
      source,
      ...more,
    })),
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
    world.befriend(from, to, { addTime, source: 'AddSource_Type_Seed', madeAt: -Infinity, more: null });
    added++;
  }
  return added;
}

export function setAccounts(given: z.output<typeof accountsSchema>, { world }: Context): void {
  for (const id of given.imported) world.account(id).imported = true;
  for (const id of given.missing) world.account(id).imported = false;
  for (const profile of given.profiles) {
    const account = world.account(profile.account);
    if (profile.allowType) account.allowType = profile.allowType;
    if (profile.forbidden !== undefined) account.forbidden = profile.forbidden;
    if (profile.blocked) account.blocked = new Set(profile.blocked.map((id) => world.account(id)));
  }
}
