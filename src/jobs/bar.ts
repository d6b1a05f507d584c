import { barsFrom } from '../chat/codes.ts';
import type { Verdict } from '../chat/items.ts';
import type { Settlement } from '../domain/outcome.ts';
import type { OpenItem } from './open-items.ts';

/** Why From_Account's remaining rows cannot pass: they end with the code that one of them was answered, unsent. */
export interface Bar {
  settlement: Settlement;
  /** Only rows that name a friend list are hit: the account may have no more lists (30011). */
  groupsOnly: boolean;
}

const GROUPS_FULL = 30011;
const NOT_SENT = 'not sent: an earlier row of the same From_Account was answered this';

/** The bar that the answers put before the From_Account's other rows; null when there is none. */
export function barOf(carried: readonly OpenItem[], verdicts: readonly Verdict[]): Bar | null {
  let bar: Bar | null = null;
  verdicts.forEach((verdict, place) => {
    if (!('settlement' in verdict)) return;
    const { status, code, info } = verdict.settlement;
    if (status !== 'failed' || code === null || !barsFrom(code)) return;
    const groupsOnly = code === GROUPS_FULL && namesGroups(carried[place] as OpenItem);
    // One that hits all rows goes before one that hits some.
    if (bar === null || (bar.groupsOnly && !groupsOnly)) {
      bar = { settlement: { status: 'failed', code, info, fault: NOT_SENT }, groupsOnly };
    }
  });
  return bar;
}

/** Whether the bar stands before this item. */
export function barred(item: OpenItem, { groupsOnly }: Bar): boolean {
  return !groupsOnly || namesGroups(item);
}

function namesGroups({ item }: OpenItem): boolean {
  return item.fields?.groups !== undefined;
}
