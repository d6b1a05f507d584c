import type { Account, Friend, SeenList } from './state.ts';

/** What an entry and its list's sequences were before a change. */
interface Change {
  /** Microseconds. */
  at: number;
  before: Friend | undefined;
  standardSequence: number;
  customSequence: number;
}

interface Past {
  lastAt: number;
  /** Latest changes of each entry, oldest first. */
  changes: Map<Account, Change[]>;
}

/** Lists as they were a while ago, for reads that lag behind writes: keeps the changes that such a read can not see. */
export class History {
  readonly #lagUs: number;
  readonly #now: () => number;
  /** By latest change, oldest first. */
  readonly #pasts = new Map<Account, Past>();

  constructor(lagUs: number, now: () => number) {
    this.#lagUs = lagUs;
    this.#now = now;
  }

  /** To be told before the entry of `to` in the list of `from` changes. */
  note(from: Account, to: Account): void {
    const at = this.#now();
    const past = this.#pasts.get(from) ?? { lastAt: at, changes: new Map<Account, Change[]>() };
    past.lastAt = at;
    this.#pasts.delete(from);
    this.#pasts.set(from, past);
    const { standardSequence, customSequence } = from;
    const unseen = (past.changes.get(to) ?? []).filter((change) => this.#isUnseen(change.at));
    past.changes.set(to, [...unseen, { at, before: from.friends.get(to), standardSequence, customSequence }]);
    this.#forget();
  }

  entry(from: Account, to: Account): Friend | undefined {
    const first = this.#firstUnseen(this.#pasts.get(from)?.changes.get(to));
    return first ? first.before : from.friends.get(to);
  }

  list(account: Account): SeenList {
    const past = this.#pasts.get(account);
    if (!past || !this.#isUnseen(past.lastAt)) return account;
    const friends = new Map(account.friends);
    let { standardSequence, customSequence } = account;
    for (const [to, changes] of past.changes) {
      const first = this.#firstUnseen(changes);
      if (!first) continue;
      if (first.before) friends.set(to, first.before);
      else friends.delete(to);
      // Sequences only rise, so the least of them is from before every unseen change.
      standardSequence = Math.min(standardSequence, first.standardSequence);
      customSequence = Math.min(customSequence, first.customSequence);
    }
    return { friends, standardSequence, customSequence };
  }

  #isUnseen(at: number): boolean {
    return at > this.#now() - this.#lagUs;
  }

  #firstUnseen(changes: readonly Change[] | undefined): Change | undefined {
    return changes?.find(({ at }) => this.#isUnseen(at));
  }

  /** Lets go of lists whose changes every read can see. */
  #forget(): void {
    for (const [account, { lastAt }] of this.#pasts) {
      if (this.#isUnseen(lastAt)) return;
      this.#pasts.delete(account);
    }
  }
}
