import type { Settlement } from '../domain/outcome.ts';
import { isCode, isRecord } from './envelope.ts';
import { type Friend, readFriendFields } from './friend-data.ts';
import type { Verdict } from './items.ts';

/** One page of an account's friends (Chat API 1047/34908). */
export interface Page {
  friends: Friend[];
  /** How many friends the account has, by the service's count. */
  friendNum: number;
  /** It is the last one. */
  complete: boolean;
  /** StartIndex of the next page. */
  next: number;
  /** Raised by the service with every change of the list. */
  sequence: number | null;
}

/** The page of an answer whose code is 0, or why it cannot be read. */
export function readPage(body: Record<string, unknown>): Page | { unreadable: string } {
  const { FriendNum: friendNum, CompleteFlag: complete, NextStartIndex: next, StandardSequence: sequence } = body;
  if (!isCode(friendNum) || friendNum < 0) return { unreadable: 'the page has no FriendNum' };
  if (!isCode(complete)) return { unreadable: 'the page has no CompleteFlag' };
  if (complete === 0 && !isCode(next)) return { unreadable: 'the page has no NextStartIndex' };
  // A list that never changed has the sequence that was sent, 0: the service may leave the array out then.
  const entries = body.UserDataItem ?? [];
  if (!Array.isArray(entries)) return { unreadable: 'UserDataItem is no array' };
  const friends: Friend[] = [];
  for (const entry of entries) {
    const to = isRecord(entry) ? entry.To_Account : undefined;
    const fields = isRecord(entry) ? readFriendFields(entry.ValueItem ?? []) : null;
    if (typeof to !== 'string' || fields === null) return { unreadable: 'a friend of the page cannot be read' };
    friends.push({ to, ...fields });
  }
  return {
    friends,
    friendNum,
    complete: complete !== 0,
    next: isCode(next) ? next : 0,
    sequence: isCode(sequence) ? sequence : null,
  };
}

/**
 * What the pages of one account say together. A list that changed between two pages may lack friends or repeat them
 * (the API promises nothing then): it is read anew.
 */
export function wholeList(pages: readonly Page[]): Verdict {
  const friends = pages.flatMap((page) => page.friends);
  const last = pages.at(-1) as Page;
  const distinct = new Set(friends.map(({ to }) => to)).size;
  if (pages.some(({ sequence }) => sequence !== last.sequence) || distinct !== friends.length) {
    return changed('the list changed while it was read');
  }
  if (friends.length !== last.friendNum) {
    return changed(`${friends.length} friends came, FriendNum says ${last.friendNum}`);
  }
  const settlement: Settlement = { status: 'ok', code: 0, info: '', data: { friends } };
  return { settlement };
}

function changed(info: string): Verdict {
  return { fault: { kind: 'unreadable', info } };
}
