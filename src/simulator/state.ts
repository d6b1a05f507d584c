import type { History } from './history.ts';

export type AllowType = 'allow-any' | 'need-confirm' | 'deny-any';

/**
 * One entry of a friend list. What most entries have stands in fields of its own; the rest is in `more`. An entry never
 * changes: a write puts another one in its place, so that a read that lags behind can still have the old one.
 */
export interface Friend {
  /** Unix seconds. */
  addTime: number;
  source: string;
  more: FriendFields | null;
}

export interface FriendFields {
  remark?: string;
  /** Unix seconds. */
  remarkTime?: number;
  groups?: string[];
  wording?: string;
  /** Whole tag (`Tag_SNS_Custom_…`) → value. */
  custom?: Record<string, string | number>;
}

/** `given` over what was there: a list of groups is replaced, a custom tag that is not given stays. */
export function merged(before: FriendFields | null | undefined, given: FriendFields): FriendFields {
  if (!before?.custom || !given.custom) return { ...before, ...given };
  return { ...before, ...given, custom: { ...before.custom, ...given.custom } };
}

/** Which halves of the friend data a change touches: each half has its sequence. */
export interface Touched {
  standard: boolean;
  custom: boolean;
}

/** A stored request to become friends, waiting for its target. */
export interface PendingRequest {
  source: string;
  fields: FriendFields;
}

/** What an account shows to others, and whom it lets near. */
export interface Profile {
  nick: string;
  faceUrl: string;
  /** Null: the service's default. */
  allowType: AllowType | null;
  /** The admin's flag that forbids adding friends (30009). */
  forbidden: boolean;
}

/** Shared by all accounts that have none: most of a million accounts are only ever somebody's friend. */
const NO_FRIENDS: ReadonlyMap<Account, Friend> = new Map();
const NO_GROUPS: ReadonlySet<string> = new Set();
const NO_REQUESTS: ReadonlyMap<Account, PendingRequest> = new Map();
const NOBODY: ReadonlySet<Account> = new Set();
const NO_PROFILE: Readonly<Profile> = { nick: '', faceUrl: '', allowType: null, forbidden: false };

/** What the service keeps of one account, and which writes are at work on its friend list. */
export class Account {
  readonly id: string;
  /** Null: nobody said; then the simulator's rule (any, known, missing) decides. */
  imported: boolean | null = null;
  /** In the order of adding. */
  friends: ReadonlyMap<Account, Friend> = NO_FRIENDS;
  /** Names of this account's friend lists ("groups"). A list that nobody is in any more is still there. */
  groups: ReadonlySet<string> = NO_GROUPS;
  /** Requests from others that wait for this account. */
  pending: ReadonlyMap<Account, PendingRequest> = NO_REQUESTS;
  /** Accounts that this one blocks. */
  blocked: ReadonlySet<Account> = NOBODY;
  profile: Readonly<Profile> = NO_PROFILE;
  /** Raised with every change of standard, or custom, friend data. */
  standardSequence = 0;
  customSequence = 0;
  /** Writes at work on this list now. */
  writers = 0;
  /** End of the last write, microseconds. A write that arrived before it overlapped with it. */
  writtenUntil = 0;

  constructor(id: string) {
    this.id = id;
  }

  setFriend(to: Account, friend: Friend): void {
    if (this.friends === NO_FRIENDS) this.friends = new Map();
    (this.friends as Map<Account, Friend>).set(to, friend);
  }

  dropFriend(to: Account): void {
    if (this.friends.size > 0) (this.friends as Map<Account, Friend>).delete(to);
  }

  addGroups(names: readonly string[]): void {
    this.groups = new Set([...this.groups, ...names]);
  }

  setPending(from: Account, request: PendingRequest): void {
    if (this.pending === NO_REQUESTS) this.pending = new Map();
    (this.pending as Map<Account, PendingRequest>).set(from, request);
  }

  clearPending(from: Account): void {
    if (this.pending.size > 0) (this.pending as Map<Account, PendingRequest>).delete(from);
  }

  setProfile(changes: Partial<Profile>): void {
    this.profile = { ...this.profile, ...changes };
  }

  raise({ standard, custom }: Touched): void {
    if (standard) this.standardSequence++;
    if (custom) this.customSequence++;
  }
}

/** A friend list and its sequences, as a read sees them. */
export interface SeenList {
  friends: ReadonlyMap<Account, Friend>;
  standardSequence: number;
  customSequence: number;
}

/** Sources that entries are shared for. */
const MOST_SOURCES = 1000;

/** Everything the service remembers. */
export class World {
  /** There while reads lag behind writes; then it hears of every write. */
  history: History | null = null;
  readonly #accounts = new Map<string, Account>();
  readonly #caseSensitive: boolean;
  /** By source: the newest entry that has nothing but its time and this source. */
  readonly #plain = new Map<string, Friend>();

  constructor(caseSensitive: boolean) {
    this.#caseSensitive = caseSensitive;
  }

  /** The name an account goes by: two UserIDs with the same one are the same account. */
  keyOf(id: string): string {
    return this.#caseSensitive ? id : id.toLowerCase();
  }

  find(id: string): Account | undefined {
    return this.#accounts.get(this.keyOf(id));
  }

  /** The account's record, made when there is none yet. */
  account(id: string): Account {
    const key = this.keyOf(id);
    let account = this.#accounts.get(key);
    if (!account) {
      account = new Account(id);
      this.#accounts.set(key, account);
    }
    return account;
  }

  /** The list of an account, as far as a read can see. */
  seen(account: Account): SeenList {
    return this.history?.list(account) ?? account;
  }

  /** One entry of a list, as far as a read can see. */
  seenEntry(from: Account, to: Account): Friend | undefined {
    return this.history ? this.history.entry(from, to) : from.friends.get(to);
  }

  /** Puts an entry into a friend list, or in another one's place, as a write does. */
  befriend(from: Account, to: Account, friend: Friend, touched?: Touched): void {
    this.history?.note(from, to);
    this.seed(from, to, friend, touched);
  }

  /** The same as if it had always been there: reads see it at once. */
  seed(
    from: Account,
    to: Account,
    friend: Friend,
    touched: Touched = { standard: true, custom: friend.more?.custom !== undefined },
  ): void {
    from.setFriend(to, this.#shared(friend));
    if (friend.more?.groups) from.addGroups(friend.more.groups);
    from.raise(touched);
    to.clearPending(from);
  }

  /**
   * The entry to keep. Those of an import are alike by the million: one object and one string stand for all of a second, which
   * spares most of the memory of a large world, and the pauses to go through it.
   */
  #shared(friend: Friend): Friend {
    const alike = this.#plain.get(friend.source);
    if (friend.more !== null) return { ...friend, source: alike?.source ?? friend.source };
    if (alike?.addTime === friend.addTime) return alike;
    if (alike !== undefined || this.#plain.size < MOST_SOURCES) this.#plain.set(friend.source, friend);
    return friend;
  }

  /** Takes an entry out of a friend list that has it. Names of lists ("groups") stay: only group_delete ends them. */
  unfriend(from: Account, to: Account): void {
    this.history?.note(from, to);
    const custom = from.friends.get(to)?.more?.custom !== undefined;
    from.dropFriend(to);
    from.raise({ standard: true, custom });
  }
}
