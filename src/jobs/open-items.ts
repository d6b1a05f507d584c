import type { Chunk, Item } from '../domain/chunk.ts';
import type { Fault } from '../domain/fault.ts';
import type { Settlement } from '../domain/outcome.ts';
import { MOST_ATTEMPTS, SETTLED } from './ledger.ts';
import { ANY_SIZE, type Size } from './size.ts';

/**
 * What an open item waits for: the operation's own call; an account_check, since a whole call failed without saying
 * whose account is missing; or the read that tells whether its unanswered write holds.
 */
export type Step = 'send' | 'accounts' | 'verify';

/** An item that is not settled yet, with what is known of it. */
export interface OpenItem {
  /** Place in the chunk. */
  index: number;
  item: Item;
  step: Step;
  /** Calls of the operation that carried it and spent an attempt. */
  attempts: number;
  /** A write of it was sent and never answered: it may hold. */
  unanswered: boolean;
  /** What the service answered to it, where that proves nothing. */
  answer: Settlement | null;
  /** Its account is known to be imported. */
  exists: boolean;
  /** What it failed with last. */
  fault: Fault | null;
  /** Calls in a row that failed it with this same code, and spent an attempt. */
  times: number;
  /** A call of this item alone was not answered: it may spoil others, so it goes behind them, and alone again. */
  suspect: boolean;
}

/** What its calls have taught about a chunk as a whole. */
export interface Lessons {
  /** The From_Account is known to be imported. */
  fromExists: boolean;
  /** How many items the next call of each step may carry. */
  sizes: Record<Step, Size>;
  /** Lookups (account_check, verification) in a row that told nothing, but for those that made the next one smaller. */
  lookups: number;
}

export const NO_LESSONS: Lessons = {
  fromExists: false,
  sizes: { send: ANY_SIZE, accounts: ANY_SIZE, verify: ANY_SIZE },
  lookups: 0,
};

/** What the ledger keeps of an open chunk beside the attempts: written by record, read by the next claim. */
interface Notes extends Partial<Lessons> {
  /** Places of items, by what is true of them. */
  unanswered?: number[];
  exists?: number[];
  accounts?: number[];
  verify?: number[];
  suspects?: number[];
  /** Last faults, how often in a row they came, and unproven answers, and the places of the items that had them. */
  faults?: Shared<Fault>[];
  times?: Shared<number>[];
  answers?: Shared<Settlement>[];
}

/** Something that is true of several items. */
interface Shared<T> {
  of: T;
  items: number[];
}

/**
 * The open items of a claimed chunk. `abandoned`: a call of an earlier claim may have carried those that wait to be
 * sent, if that was the chunk's next call.
 */
export function openItems(
  chunk: Chunk,
  states: Buffer,
  notes: string,
  { abandoned, writes }: { abandoned: boolean; writes: boolean },
): { items: OpenItem[]; lessons: Lessons } {
  const { unanswered, exists, accounts, verify, suspects, faults, times, answers, ...lessons } = (
    notes === '' ? {} : JSON.parse(notes)
  ) as Notes;
  const [mayHold, isThere, looksUp, verifies, maySpoil] = [unanswered, exists, accounts, verify, suspects].map(
    (places) => new Set(places),
  ) as [Set<number>, Set<number>, Set<number>, Set<number>, Set<number>];
  const [lastFault, inARow, lastAnswer] = [byPlace(faults), byPlace(times), byPlace(answers)];
  const sent = writes && abandoned && looksUp.size === 0;
  const items: OpenItem[] = [];
  for (const [index, item] of chunk.items.entries()) {
    const attempts = states[index] as number;
    if (attempts === SETTLED) continue;
    const step: Step = looksUp.has(index) ? 'accounts' : verifies.has(index) ? 'verify' : 'send';
    items.push({
      index,
      item,
      step,
      attempts,
      unanswered: mayHold.has(index) || (sent && step === 'send'),
      answer: lastAnswer.get(index) ?? null,
      exists: isThere.has(index),
      fault: lastFault.get(index) ?? null,
      times: inARow.get(index) ?? 0,
      suspect: maySpoil.has(index),
    });
  }
  return { items, lessons: { ...NO_LESSONS, ...lessons } };
}

/** The item bytes after a call. */
export function statesAfter(states: Buffer, settled: readonly { index: number }[], open: readonly OpenItem[]): Buffer {
  const after = Buffer.from(states);
  for (const { index } of settled) after[index] = SETTLED;
  for (const { index, attempts } of open) after[index] = Math.min(attempts, MOST_ATTEMPTS);
  return after;
}

/** The notes of a chunk that stays open, empty when there is nothing to remember. */
export function notesOf(open: readonly OpenItem[], lessons: Lessons): string {
  const places = (is: (item: OpenItem) => boolean) => open.filter(is).map(({ index }) => index);
  const groups = {
    unanswered: places((item) => item.unanswered),
    exists: places((item) => item.exists),
    accounts: places((item) => item.step === 'accounts'),
    verify: places((item) => item.step === 'verify'),
    suspects: places((item) => item.suspect),
    faults: shared(open, ({ fault }) => fault),
    times: shared(open, ({ times }) => times || null),
    answers: shared(open, ({ answer }) => answer),
  };
  const told = Object.entries(groups).filter(([, list]) => list.length > 0);
  const learned = Object.entries(lessons).filter(([name, value]) => value !== NO_LESSONS[name as keyof Lessons]);
  if (open.length === 0 || told.length + learned.length === 0) return '';
  return JSON.stringify(Object.fromEntries([...told, ...learned]));
}

function byPlace<T>(groups: readonly Shared<T>[] = []): Map<number, T> {
  return new Map(groups.flatMap(({ of, items }) => items.map((index) => [index, of] as const)));
}

/** Items by what they have in common, so that a thousand with the same fault take little room. */
function shared<T>(open: readonly OpenItem[], what: (item: OpenItem) => T | null): Shared<T>[] {
  const groups = new Map<string, Shared<T>>();
  for (const item of open) {
    const of = what(item);
    if (of === null) continue;
    const key = JSON.stringify(of);
    const group = groups.get(key);
    if (group) group.items.push(item.index);
    else groups.set(key, { of, items: [item.index] });
  }
  return [...groups.values()];
}
