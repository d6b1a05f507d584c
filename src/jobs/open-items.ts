import type { Chunk } from '../domain/chunk.ts';
import type { Fault } from '../domain/fault.ts';
import { MOST_ATTEMPTS, SETTLED } from './ledger.ts';
import type { OpenItem, SettledItem } from './settle.ts';

/** What the ledger keeps of a chunk's open items beside their attempts: written by record, read by the next claim. */
interface Notes {
  /** Places of items whose write was never answered. */
  unanswered: number[];
  /** Last faults, and the places of the items that had them. */
  faults: { fault: Fault; items: number[] }[];
}

/** The open items of a claimed chunk. `abandoned`: a call of an earlier claim may have carried all of them. */
export function openItems(
  chunk: Chunk,
  states: Buffer,
  notes: string,
  { abandoned, writes }: { abandoned: boolean; writes: boolean },
): OpenItem[] {
  const { unanswered, faults } = notes === '' ? { unanswered: [], faults: [] } : (JSON.parse(notes) as Notes);
  const mayHold = new Set(unanswered);
  const lastFault = new Map(faults.flatMap(({ fault, items }) => items.map((index) => [index, fault] as const)));
  return chunk.items.flatMap((item, index) => {
    const attempts = states[index] as number;
    if (attempts === SETTLED) return [];
    return [
      {
        index,
        item,
        attempts,
        unanswered: mayHold.has(index) || (writes && abandoned),
        fault: lastFault.get(index) ?? null,
      },
    ];
  });
}

/** The item bytes after a call. */
export function statesAfter(states: Buffer, settled: readonly SettledItem[], open: readonly OpenItem[]): Buffer {
  const after = Buffer.from(states);
  for (const { index } of settled) after[index] = SETTLED;
  for (const { index, attempts } of open) after[index] = Math.min(attempts, MOST_ATTEMPTS);
  return after;
}

/** The notes of items that stay open, empty when there is nothing to remember. */
export function notesOf(open: readonly OpenItem[]): string {
  const unanswered = open.filter((item) => item.unanswered).map((item) => item.index);
  const faults = new Map<string, { fault: Fault; items: number[] }>();
  for (const { index, fault } of open) {
    if (fault === null) continue;
    const key = JSON.stringify(fault);
    const group = faults.get(key);
    if (group) group.items.push(index);
    else faults.set(key, { fault, items: [index] });
  }
  if (unanswered.length === 0 && faults.size === 0) return '';
  return JSON.stringify({ unanswered, faults: [...faults.values()] } satisfies Notes);
}
