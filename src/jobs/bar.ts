import { barsFrom } from '../chat/codes.ts';
import type { Verdict } from '../chat/items.ts';
import type { Settlement } from '../domain/outcome.ts';

/** Why From_Account's remaining rows cannot pass: they end with the answer that one of them had, unsent. */
export interface Bar {
  settlement: Settlement;
}

/** The bar that the answers put before the From_Account's other rows; null when there is none. */
export function barOf(verdicts: readonly Verdict[]): Bar | null {
  for (const verdict of verdicts) {
    if (!('settlement' in verdict)) continue;
    const { status, code, info } = verdict.settlement;
    if (status === 'failed' && code !== null && barsFrom(code)) return { settlement: { status, code, info } };
  }
  return null;
}
