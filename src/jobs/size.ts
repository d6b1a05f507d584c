/**
 * How many items the next call of a chunk may carry. A call fails as a whole since it is too large, since one of its items
 * spoils it, or for neither reason; smaller calls tell which. Each step of a chunk has a size of its own, since its calls
 * go to another command.
 *
 * | a call was | the next one carries |
 * |---|---|
 * | answered | twice as many, below the number that failed last |
 * | refused, maybe for one of its items or its size | half |
 * | not answered | the same again, once; then half, and half of a half at once |
 * | of one item, and refused | one: that item was the cause, and no number is known to be too many any more |
 * | of one item, and not answered | one, from another part of the chunk; after three of them all: it is no item's fault |
 */
export interface Size {
  /** Most items of the next call; null: as many as the command takes. */
  atMost: number | null;
  /** A call of so many failed: the next ones stay below. */
  tooMany: number | null;
  /** Calls in a row that were answered, since `tooMany` was found. */
  answered: number;
  /** Calls in a row that were not answered. */
  unanswered: number;
  /** The same, of calls of one item. */
  alone: number;
}

export const ANY_SIZE: Size = { atMost: null, tooMany: null, answered: 0, unanswered: 0, alone: 0 };

/** What came of a call, as far as its size may be the cause. `no-word`: it tells nothing of that. */
export type Reply = 'answered' | 'refused' | 'unanswered' | 'no-word';

/** A single call without an answer is everyday life. */
const UNANSWERED_BEFORE_SPLIT = 2;
/** After so many items from all over the chunk that were not answered alone, neither size nor an item is the cause. */
const UNANSWERED_ALONE = 3;
/** What failed by chance must not keep calls small for ever: after so many answers a larger one is tried again. */
const ANSWERED_BEFORE_REGROWTH = 16;

/** The size after a call of `count` items, of a command that takes `most`. */
export function sizeAfter(size: Size, reply: Reply, count: number, most: number): Size {
  switch (reply) {
    case 'answered':
      return grown(size, most);
    case 'refused':
      return count > 1 ? half({ ...size, unanswered: 0, alone: 0 }, count) : afterOneRefused(size);
    case 'unanswered':
      return count > 1 ? afterSeveralUnanswered(size, count) : afterOneUnanswered(size);
    case 'no-word':
      return size;
  }
}

/** Whether a call of `count` items made the next one smaller: that is held against none of its items. */
export function isSmaller({ atMost }: Size, count: number): boolean {
  return atMost !== null && atMost < count;
}

/** Whether whole calls are made although they are not answered: smaller ones are not answered either. */
export function sizeIsNoCause({ alone }: Size): boolean {
  return alone >= UNANSWERED_ALONE;
}

/** Multiples of it, less their whole part, fall evenly between 0 and 1 (Knuth, TAOCP 6.4). */
const GOLDEN_RATIO = (Math.sqrt(5) - 1) / 2;

/** Where in a list of `length` items the next call begins: single ones that look for the cause come from all over it. */
export function startIn({ atMost, alone }: Size, length: number): number {
  return atMost === 1 ? Math.floor(((alone * GOLDEN_RATIO) % 1) * length) : 0;
}

function grown(size: Size, most: number): Size {
  if (size.atMost === null) return ANY_SIZE;
  const answered = size.answered + 1;
  const tooMany = answered < ANSWERED_BEFORE_REGROWTH ? size.tooMany : null;
  const atMost = tooMany !== null && 2 * size.atMost >= tooMany ? size.atMost : 2 * size.atMost;
  return atMost < most ? { ...ANY_SIZE, atMost, tooMany, answered } : ANY_SIZE;
}

function half(size: Size, count: number): Size {
  return { ...size, atMost: Math.ceil(count / 2), tooMany: count, answered: 0 };
}

function afterOneRefused({ atMost }: Size): Size {
  return atMost === null ? ANY_SIZE : { ...ANY_SIZE, atMost: 1 };
}

function afterSeveralUnanswered(size: Size, count: number): Size {
  const after = { ...size, unanswered: size.unanswered + 1 };
  const blip = size.atMost === null && after.unanswered < UNANSWERED_BEFORE_SPLIT;
  return blip || sizeIsNoCause(size) ? after : half(after, count);
}

function afterOneUnanswered({ unanswered, alone }: Size): Size {
  const after = { ...ANY_SIZE, unanswered: unanswered + 1, alone: alone + 1 };
  return sizeIsNoCause(after) ? after : { ...after, atMost: 1 };
}
