import { barredByCode } from '../chat/codes.ts';
import type { Verdict } from '../chat/items.ts';
import type { Item } from '../domain/chunk.ts';
import type { Settlement } from '../domain/outcome.ts';

/**
 * Why other rows of From_Account cannot have what they ask for: they end with the answer that one of them had, unsent.
 *
 * `lists`: only rows that name all of these friend lists. Together they are more than the account may have (30011), so
 * a row that names them and others asks for too much as well. Which of them are there nobody knows: rows that name some
 * of them may pass. Without it: every row.
 */
export interface Bar {
  settlement: Settlement;
  lists?: readonly string[];
}

/** What is kept of an account whose rows name ever other lists: beyond it they are sent, and answered. */
const MOST_BARS = 8;
/** Of its JSON, in characters: 20,000 accounts may have bars in Redis. */
const MOST_LENGTH = 1500;

/** The bars before the From_Account's rows that are still open, by what the carried ones were answered. */
export function barsOf(carried: readonly { item: Item }[], verdicts: readonly Verdict[]): Bar[] {
  const bars: Bar[] = [];
  for (const [place, verdict] of verdicts.entries()) {
    const bar = barOf((carried[place] as { item: Item }).item, verdict);
    if (bar !== null) bars.push(bar);
  }
  return mergeBars([], bars);
}

/** As the ledger keeps them; '' where there are none. */
export function barsIn(text: string): Bar[] {
  return text === '' ? [] : (JSON.parse(text) as Bar[]);
}

/** Those that say something which the ones before them do not. */
export function mergeBars(known: readonly Bar[], more: readonly Bar[]): Bar[] {
  const every = [...known, ...more].find(({ lists }) => lists === undefined);
  if (every !== undefined) return [every];
  const bars = [...known];
  for (const bar of more) {
    if (bars.length === MOST_BARS) break;
    if (!bars.some(({ lists }) => includesAll(bar.lists, lists))) bars.push(bar);
  }
  while (JSON.stringify(bars).length > MOST_LENGTH) bars.pop();
  return bars;
}

/** The answer that an open row would have; undefined: it may pass. */
export function barredBy(bars: readonly Bar[], { fields }: Item): Settlement | undefined {
  return bars.find(({ lists }) => includesAll(fields?.groups, lists))?.settlement;
}

function barOf({ fields }: Item, verdict: Verdict): Bar | null {
  if (!('settlement' in verdict)) return null;
  const { status, code, info } = verdict.settlement;
  if (status !== 'failed' || code === null) return null;
  const settlement = { status, code, info };
  const barred = barredByCode(code);
  if (barred === 'from') return { settlement };
  return barred === 'lists' && fields?.groups?.length ? { settlement, lists: fields.groups } : null;
}

/** No list at all is part of every row's. */
function includesAll(all: readonly string[] = [], some: readonly string[] = []): boolean {
  return some.every((list) => all.includes(list));
}
