import { isRecord } from './envelope.ts';

/** What the service keeps of a friendship, in the words of the input's columns. Absent: the service has no value. */
export interface FriendFields {
  remark?: unknown;
  /** Unix seconds. */
  remarkTime?: unknown;
  /** Friend lists ("groups") that hold the friend. */
  groups?: unknown;
  source?: unknown;
  wording?: unknown;
  /** Unix seconds. */
  addTime?: unknown;
  /** By tag, without the prefix `Tag_SNS_Custom_`. */
  custom?: Record<string, unknown>;
  /** Everything else that was asked for, e.g. `Tag_Profile_IM_Nick`, by the API's names. */
  tags?: Record<string, unknown>;
}

/** One entry of a friend list. */
export interface Friend extends FriendFields {
  to: string;
}

const NAMES: Record<string, Exclude<keyof FriendFields, 'custom' | 'tags'>> = {
  Tag_SNS_IM_Remark: 'remark',
  Tag_SNS_IM_RemarkTime: 'remarkTime',
  Tag_SNS_IM_Group: 'groups',
  Tag_SNS_IM_AddSource: 'source',
  Tag_SNS_IM_AddWording: 'wording',
  Tag_SNS_IM_AddTime: 'addTime',
};
const CUSTOM = 'Tag_SNS_Custom_';

/**
 * The fields of an answer's `[{Tag, Value}]` (Chat API 1047/34908, 1047/34910); null when it is none. Values are handed
 * on as they come: the pages do not agree on their types.
 */
export function readFriendFields(entries: unknown): FriendFields | null {
  if (!Array.isArray(entries)) return null;
  const fields: FriendFields = {};
  const custom: [string, unknown][] = [];
  const tags: [string, unknown][] = [];
  for (const entry of entries) {
    if (!isRecord(entry) || typeof entry.Tag !== 'string') return null;
    const { Tag: tag, Value: value } = entry;
    if (Object.hasOwn(NAMES, tag)) fields[NAMES[tag] as 'remark'] = value;
    else if (tag.startsWith(CUSTOM)) custom.push([tag.slice(CUSTOM.length), value]);
    else tags.push([tag, value]);
  }
  return {
    ...fields,
    ...(custom.length > 0 && { custom: Object.fromEntries(custom) }),
    ...(tags.length > 0 && { tags: Object.fromEntries(tags) }),
  };
}
