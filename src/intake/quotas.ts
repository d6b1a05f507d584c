import type { Fields } from '../domain/chunk.ts';
import type { Operation } from '../domain/operation.ts';

/** Friends and friend lists that the service keeps of one account (Chat API 1047/33521). */
const MAX_FRIENDS = 3000;
const MAX_LISTS = 32;
const EXAMPLES = 3;

/** Accounts beyond one quota, and the first of them. */
interface Excess {
  accounts: number;
  examples: string[];
}

/**
 * Counts what the input wants of each From_Account against what the service keeps, and says so before a call is spent.
 * Rows come sorted by from, without duplicates. Friends that an account has already are not known here.
 */
export class Quotas {
  readonly #friends: Excess = { accounts: 0, examples: [] };
  readonly #lists: Excess = { accounts: 0, examples: [] };
  #from: string | null = null;
  #rows = 0;
  readonly #names = new Set<string>();
  /** Its rows are new friends: not where they change those that are there. */
  readonly #adds: boolean;

  private constructor(adds: boolean) {
    this.#adds = adds;
  }

  /** Null for operations that make no friends and fill no lists. */
  static of({ groupsPerItem, edits }: Operation): Quotas | null {
    return groupsPerItem > 0 ? new Quotas(!edits) : null;
  }

  row(from: string, fields: Fields | null): void {
    if (from !== this.#from) {
      this.#close();
      this.#from = from;
    }
    this.#rows += 1;
    if (fields?.groups === undefined) return;
    // Bounded: at most 32 names a row, and what counts is only that there are more than 32 of the account.
    for (const name of fields.groups) if (this.#names.size <= MAX_NAMES_HELD) this.#names.add(name);
  }

  /** After the last row. */
  warnings(): string[] {
    this.#close();
    const warnings: string[] = [];
    const friends = said(this.#friends, `${count(MAX_FRIENDS)} friends`);
    const lists = said(this.#lists, `${MAX_LISTS} friend lists`);
    if (friends !== null)
      warnings.push(`${friends}: the service keeps ${count(MAX_FRIENDS)} and answers 30010 for the rest`);
    if (lists !== null) warnings.push(`${lists}: the service keeps ${MAX_LISTS} and answers 30011 for the rest`);
    return warnings;
  }

  #close(): void {
    if (this.#adds && this.#rows > MAX_FRIENDS) note(this.#friends, this.#from as string, count(this.#rows));
    const lists = this.#names.size;
    if (lists > MAX_LISTS) note(this.#lists, this.#from as string, lists > MAX_NAMES_HELD ? 'many' : count(lists));
    this.#rows = 0;
    this.#names.clear();
  }
}

/** Names of lists that are told apart for one account. */
const MAX_NAMES_HELD = 10_000;

function note(excess: Excess, account: string, what: string): void {
  excess.accounts += 1;
  if (excess.examples.length < EXAMPLES) excess.examples.push(`${JSON.stringify(account)} ${what}`);
}

function said({ accounts, examples }: Excess, what: string): string | null {
  if (accounts === 0) return null;
  const who = accounts === 1 ? '1 account has' : `${count(accounts)} accounts have`;
  const such = accounts > examples.length ? 'e.g. ' : '';
  return `${who} more than ${what} in this input (${such}${examples.join(', ')})`;
}

const count = (value: number) => value.toLocaleString('en-US');
