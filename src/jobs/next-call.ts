import type { Item } from '../domain/chunk.ts';
import type { JobDescriptor } from '../domain/job.ts';
import { type Operation, type OperationOptions, OPERATIONS, type Verification } from '../domain/operation.ts';
import type { Lessons, OpenItem, Step } from './open-items.ts';
import { type Size, sizeIsNoCause, startIn } from './size.ts';

/** The next call of a chunk: what it asks, and for whom. */
export interface NextCall {
  step: Step;
  operation: Operation;
  options: OperationOptions;
  from: string | null;
  /** What the request carries. Of a lookup of accounts the first one may be From_Account itself. */
  items: Item[];
  /** The open items that it is made for. */
  carried: OpenItem[];
}

/**
 * Chooses the next call of a chunk that has open items: first whose accounts are in doubt, then the operation itself,
 * at last whether writes in doubt hold.
 */
export function nextCall(
  job: JobDescriptor,
  from: string | null,
  open: readonly OpenItem[],
  lessons: Lessons,
): NextCall {
  const doubted = open.filter(({ step }) => step === 'accounts');
  if (doubted.length > 0) return lookup(from, doubted, lessons);
  const toSend = open.filter(({ step }) => step === 'send');
  if (toSend.length > 0) {
    const operation = OPERATIONS[job.operation];
    const carried = carriedOf(toSend, lessons.sizes.send, operation.itemsPerCall);
    return { step: 'send', operation, options: job.options, from, items: carried.map(({ item }) => item), carried };
  }
  const { operation: name, options } = OPERATIONS[job.operation].verification(job.options) as Verification;
  const operation = OPERATIONS[name];
  const carried = carriedOf(open, lessons.sizes.verify, operation.itemsPerCall);
  return { step: 'verify', operation, options, from, items: carried.map(({ item }) => item), carried };
}

/** From_Account goes first, alone where the call has room for no other: without a word on it nothing is won. */
function lookup(from: string | null, doubted: readonly OpenItem[], { fromExists, sizes }: Lessons): NextCall {
  const operation = OPERATIONS['accounts-check'];
  const first: Item[] = from === null || fromExists ? [] : [{ to: from, rows: 'forward' }];
  const carried = carriedOf(doubted, sizes.accounts, operation.itemsPerCall, first.length);
  const items = [...first, ...carried.map(({ item }) => item)];
  return { step: 'accounts', operation, options: {}, from: null, items, carried };
}

/** Those of the items that one call carries, beside `others` that it carries anyway. */
function carriedOf(items: readonly OpenItem[], size: Size, most: number, others = 0): OpenItem[] {
  const room = Math.min(most, size.atMost ?? most) - others;
  if (sizeIsNoCause(size)) return items.slice(0, room);
  const sound = items.filter(({ suspect }) => !suspect);
  const from = sound.length > 0 ? sound : items;
  const start = startIn(size, from.length);
  return from.slice(start, start + (from === sound ? room : Math.min(1, room)));
}
