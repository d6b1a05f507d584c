import type { Friend, Profile } from '../state.ts';

export type TagValue = string | number | readonly string[];

/** A field by its tag and value, as friend_get and friend_get_list tell them. */
export interface TagItem {
  Tag: string;
  Value: TagValue;
}

/** Standard friend data in the order of the page (Chat API 1047/34908). */
const STANDARD: Record<string, (friend: Friend) => TagValue | undefined> = {
  Tag_SNS_IM_AddSource: ({ source }) => source,
  Tag_SNS_IM_Remark: ({ more }) => more?.remark,
  Tag_SNS_IM_Group: ({ more }) => more?.groups,
  Tag_SNS_IM_AddTime: ({ addTime }) => addTime,
  Tag_SNS_IM_AddWording: ({ more }) => more?.wording,
};

const PROFILE: Record<string, (profile: Readonly<Profile>) => TagValue> = {
  Tag_Profile_IM_Nick: ({ nick }) => nick,
  Tag_Profile_IM_Image: ({ faceUrl }) => faceUrl,
};

const KNOWN_PREFIXES = ['Tag_Profile_IM_', 'Tag_Profile_Custom_', 'Tag_SNS_IM_', 'Tag_SNS_Custom_'];

/** Could there be a field of this name? */
export function isTag(tag: string): boolean {
  return KNOWN_PREFIXES.some((prefix) => tag.startsWith(prefix));
}

export function standardItems(friend: Friend): TagItem[] {
  return present(Object.entries(STANDARD).map(([tag, valueOf]) => [tag, valueOf(friend)]));
}

export function customItems({ more }: Friend): TagItem[] {
  return present(Object.entries(more?.custom ?? {}));
}

/** The fields that were asked for, in the order of asking. */
export function askedItems(tags: readonly string[], friend: Friend, profile: Readonly<Profile>): TagItem[] {
  return present(
    tags.map((tag) => [tag, STANDARD[tag]?.(friend) ?? PROFILE[tag]?.(profile) ?? friend.more?.custom?.[tag]]),
  );
}

/** A field without a value is missing. */
function present(fields: readonly (readonly [tag: string, value: TagValue | undefined])[]): TagItem[] {
  return fields.flatMap(([Tag, Value]) =>
    Value === undefined || Value === '' || (Array.isArray(Value) && Value.length === 0) ? [] : [{ Tag, Value }],
  );
}
