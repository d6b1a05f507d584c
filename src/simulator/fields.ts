import type { Context } from './context.ts';
import { Refusal } from './refusal.ts';
import type { FriendFields } from './state.ts';

/** Limits of friend data in bytes of UTF-8 (Chat API 1047/33521). */
const REMARK_BYTES = 96;
const GROUP_BYTES = 30;
const WORDING_BYTES = 256;
const CUSTOM_BYTES = 500;
const USERID_BYTES = 32;
const SOURCE = /^AddSource_Type_[A-Za-z]{1,8}$/;
const CUSTOM_PREFIX = 'Tag_SNS_Custom_';
const CUSTOM_TAG = /^[A-Za-z]{1,8}$/;

function decodeError(): Refusal {
  return new Refusal(30001, 'SNS_DECODE_ERR');
}

export function textField(object: Record<string, unknown>, name: string): string | undefined {
  const value = object[name];
  if (value !== undefined && typeof value !== 'string') throw decodeError();
  return value;
}

export function integerField(object: Record<string, unknown>, name: string): number | undefined {
  const value = object[name];
  if (value !== undefined && !Number.isInteger(value)) throw decodeError();
  return value as number | undefined;
}

export function arrayField(object: Record<string, unknown>, name: string): unknown[] {
  const value = object[name];
  if (!Array.isArray(value)) throw decodeError();
  return value;
}

export function objectOf(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw decodeError();
  return value as Record<string, unknown>;
}

/** A UserID must be a string (60015, Chat API 1047/34348). */
export function userId(value: unknown): string {
  if (value === undefined) throw new Refusal(30001, 'SNS_DECODE_ERR');
  if (typeof value !== 'string') throw new Refusal(60015, 'UserID is not a string');
  return value;
}

/** True for a UserID that an account can have: 1–32 bytes. The service is looser on characters than its page. */
export function isPossibleUserId(id: string): boolean {
  if (id.length === 0 || id.length > USERID_BYTES) return false;
  return id.length * 3 <= USERID_BYTES || Buffer.byteLength(id) <= USERID_BYTES;
}

export function isSource(source: string): boolean {
  return SOURCE.test(source);
}

/** One element of AddFriendItem, of the right types; whether its values are allowed is in `wrong`. */
export interface FriendItem {
  to: string;
  source: string | undefined;
  /** Unix seconds. */
  addTime: number | undefined;
  fields: FriendFields;
  /** Why the item can not be taken (30001), where its values break a limit. */
  wrong: string | null;
}

/** True when at least one optional field was given. */
export function hasAny(fields: FriendFields): boolean {
  for (const _ in fields) return true;
  return false;
}

/** Fields that friend_add and friend_import share, without the lists. */
function readCommon(object: Record<string, unknown>): FriendItem {
  const item: FriendItem = {
    to: userId(object.To_Account),
    source: textField(object, 'AddSource'),
    addTime: undefined,
    fields: {},
    wrong: null,
  };
  const remark = textField(object, 'Remark');
  const wording = textField(object, 'AddWording');
  if (remark !== undefined) item.fields.remark = remark;
  if (wording !== undefined) item.fields.wording = wording;
  if (item.source !== undefined && !isSource(item.source)) item.wrong = 'AddSource_Illegal';
  else if (remark !== undefined && bytesAbove(remark, REMARK_BYTES)) item.wrong = 'Remark_Too_Long';
  else if (wording !== undefined && bytesAbove(wording, WORDING_BYTES)) item.wrong = 'AddWording_Too_Long';
  return item;
}

function bytesAbove(text: string, limit: number): boolean {
  return text.length * 3 > limit && Buffer.byteLength(text) > limit;
}

function groupsAreWrong(groups: readonly string[]): boolean {
  return groups.some((group) => group === '' || bytesAbove(group, GROUP_BYTES));
}

/** An element of friend_add's AddFriendItem: GroupName is one list. */
export function readAddItem(value: unknown): FriendItem {
  const object = objectOf(value);
  const item = readCommon(object);
  const group = textField(object, 'GroupName');
  if (group !== undefined) {
    item.fields.groups = [group];
    if (groupsAreWrong([group])) item.wrong ??= 'GroupName_Illegal';
  }
  return item;
}

/** An element of friend_import's AddFriendItem: GroupName is an array, there are times and custom fields. */
export function readImportItem(value: unknown, context: Context): FriendItem {
  const object = objectOf(value);
  const item = readCommon(object);
  item.addTime = integerField(object, 'AddTime');
  const remarkTime = integerField(object, 'RemarkTime');
  if (remarkTime !== undefined) item.fields.remarkTime = remarkTime;
  if (object.GroupName !== undefined) {
    const groups = arrayField(object, 'GroupName');
    if (!groups.every((group) => typeof group === 'string')) throw decodeError();
    item.fields.groups = groups;
    if (groupsAreWrong(groups)) item.wrong ??= 'GroupName_Illegal';
  }
  if (object.CustomItem !== undefined) {
    const custom: Record<string, string | number> = {};
    for (const element of arrayField(object, 'CustomItem').map(objectOf)) {
      const tag = textField(element, 'Tag') ?? '';
      const data = element.Value;
      if (typeof data !== 'string' && !isInteger(data)) throw decodeError();
      item.wrong ??= wrongCustom(tag, data, context);
      custom[tag] = data;
    }
    item.fields.custom = custom;
  }
  return item;
}

function isInteger(value: unknown): value is number {
  return Number.isInteger(value);
}

/** Why a custom tag can not have this value; null: it can. */
function wrongCustom(tag: string, value: string | number, { options, switches }: Context): string | null {
  const name = tag.startsWith(CUSTOM_PREFIX) ? tag.slice(CUSTOM_PREFIX.length) : '';
  const registered = options.customTags ? options.customTags.includes(name) : CUSTOM_TAG.test(name);
  if (!registered) return 'Custom_Tag_Illegal';
  const illegal =
    typeof value === 'string' ? bytesAbove(value, CUSTOM_BYTES) : switches['integer-custom-value'] === '30001';
  return illegal ? 'Custom_Value_Illegal' : null;
}

/** An element of friend_update's UpdateItem: what of the entry shall change. */
export interface UpdateItem {
  to: string;
  fields: FriendFields;
  /** As in a FriendItem. */
  wrong: string | null;
}

/** Remark, lists and custom fields are all that friend_update changes (Chat API 1047/34904). */
export function readUpdateItem(value: unknown, context: Context): UpdateItem {
  const object = objectOf(value);
  const item: UpdateItem = { to: userId(object.To_Account), fields: {}, wrong: null };
  const elements = arrayField(object, 'SnsItem').map(objectOf);
  if (elements.length === 0) item.wrong = 'SnsItem_Empty';
  for (const element of elements) {
    item.wrong ??= readChange(item.fields, textField(element, 'Tag') ?? '', element.Value, context);
  }
  return item;
}

/** Puts one Tag and Value of SnsItem into `fields`. Returns why it can not be taken; null: it was. */
function readChange(fields: FriendFields, tag: string, value: unknown, context: Context): string | null {
  const isList = Array.isArray(value) && value.every((group) => typeof group === 'string');
  if (!isList && typeof value !== 'string' && !isInteger(value)) throw decodeError();
  if (tag === 'Tag_SNS_IM_Remark') {
    if (typeof value !== 'string') return 'Remark_Illegal';
    fields.remark = value;
    return bytesAbove(value, REMARK_BYTES) ? 'Remark_Too_Long' : null;
  }
  if (tag === 'Tag_SNS_IM_Group') {
    if (!isList) return 'Group_Illegal';
    fields.groups = value;
    return groupsAreWrong(value) ? 'Group_Illegal' : null;
  }
  if (!tag.startsWith(CUSTOM_PREFIX)) return 'Tag_Illegal';
  if (isList) return 'Custom_Value_Illegal';
  fields.custom = { ...fields.custom, [tag]: value as string | number };
  return wrongCustom(tag, value as string | number, context);
}
