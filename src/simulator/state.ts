export type AllowType = 'allow-any' | 'need-confirm' | 'deny-any';

/** One entry of a friend list. What most entries have stands in fields of its own; the rest is in `more`. */
export interface Friend {
  /** Unix seconds. */
  addTime: number;
  source: string;
  /** When the entry was made, the simulator's clock, microseconds. */
  madeAt: number;
  more: FriendFields | null;
}

export interface FriendFields {
  remark?: string;
  /** Unix seconds. */
  remarkTime?: number;
  groups?: string[];
  wording?: string;
  custom?: Record<string, string | number>;
}

/** A stored request to become friends, waiting for its target. */
export interface PendingRequest {
  source: string;
  fields: FriendFields;
}

/** Shared by all accounts that have none: most of a million accounts are only ever somebody's friend. */
const NO_FRIENDS: ReadonlyMap<Account, Friend> = new Map();
const NO_GROUPS: ReadonlySet<string> = new Set();
const NO_REQUESTS: ReadonlyMap<Account, PendingRequest> = new Map();
const NOBODY: ReadonlySet<Account> = new Set();

/** What the service keeps of one account, and which writes are at work on its friend list. */
export class Account {
  readonly id: string;
  /** Null: nobody said; then the simulator's rule (any, known, missing) decides. */
  imported: boolean | null = null;
  /** In the order of adding. */
  friends: ReadonlyMap<Account, Friend> = NO_FRIENDS;
  /** Names of this account's friend lists ("groups"). */
  groups: ReadonlySet<string> = NO_GROUPS;
  /** Requests from others that wait for this account. */
  pending: ReadonlyMap<Account, PendingRequest> = NO_REQUESTS;
  /** Accounts that this one blocks. */
  blocked: ReadonlySet<Account> = NOBODY;
  allowType: AllowType | null = null;
  /** The admin's flag that forbids adding friends (30009). */
  forbidden = false;
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
}

/** Everything the service remembers. */
export class World {
  readonly #accounts = new Map<string, Account>();
  readonly #caseSensitive: boolean;
  /** Sources repeat by the million; keep one string of each. */
  readonly #sources = new Map<string, string>();

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

  accounts(): Iterable<Account> {
    return this.#accounts.values();
  }

  oneString(source: string): string {
    const known = this.#sources.get(source);
    if (known !== undefined) return known;
    if (this.#sources.size < 1000) this.#sources.set(source, source);
    return source;
  }

  /** Puts an entry into a friend list, as a write or the control plane does. */
  befriend(from: Account, to: Account, friend: Friend): void {
    friend.source = this.oneString(friend.source);
    from.setFriend(to, friend);
    if (friend.more?.groups) from.addGroups(friend.more.groups);
    from.standardSequence++;
    if (friend.more?.custom) from.customSequence++;
    to.clearPending(from);
  }
}
