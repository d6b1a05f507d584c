import type { Fields } from '../domain/chunk.ts';
import type { Operation } from '../domain/operation.ts';
import { keyOf, type Column } from './columns.ts';

/** One row as code hands it in: of a pair or an account, as the operation wants it. Limits as in `Fields`; `group` takes `a|b` too. */
export type RowInput = PairInput | AccountInput;

/** A row of an operation on accounts. */
export interface AccountInput {
  account: string;
  nick?: string;
  /** `http://…` or `https://…` */
  faceUrl?: string;
}

/** A row of an operation on pairs. An empty field is not given; of `update` it empties the service's. */
export interface PairInput {
  from: string;
  to: string;
  remark?: string;
  /** Unix seconds. */
  remarkTime?: number | string;
  group?: string | readonly string[];
  groups?: readonly string[];
  source?: string;
  wording?: string;
  /** Unix seconds. */
  addTime?: number | string;
  /** By tag, without the prefix `Tag_SNS_Custom_`. */
  custom?: Record<string, string | number>;
}

/**
 * A row as read, nothing checked. Absent and empty optional values are the same, not given; with `keepsEmpty` an empty
 * one is a value.
 */
export class RawRow {
  from: unknown = undefined;
  /** Or the account of a row that is one. */
  to: unknown = undefined;
  fields: Map<string, { column: Column; value: unknown }> | null = null;
  readonly keepsEmpty: boolean;

  constructor(keepsEmpty = false) {
    this.keepsEmpty = keepsEmpty;
  }

  /** False when the row has a value there already. */
  set(column: Column, value: unknown): boolean {
    if (value === undefined || value === null) return true;
    if (column.kind === 'from' || column.kind === 'to' || column.kind === 'account') {
      const end = column.kind === 'from' ? 'from' : 'to';
      if (this[end] !== undefined) return false;
      this[end] = value;
      return true;
    }
    if (value === '' && !this.keepsEmpty) return true;
    const key = keyOf(column);
    this.fields ??= new Map();
    if (this.fields.has(key)) return false;
    this.fields.set(key, { column, value });
    return true;
  }
}

export interface RowRules {
  operation: Operation;
  /** Any characters but control characters in ids (Chat API 1047/34385 wants `a-z A-Z 0-9 _ -`). */
  looseIds: boolean;
}

/** `from` is empty and `to` the account where rows are accounts. */
export type Checked = { from: string; to: string; fields: Fields | null } | { reason: string };

/** Bytes of UTF-8 (Chat API 1047/33521, 1047/34385). */
export const MAX_ID = 32;
const MAX_REMARK = 96;
const MAX_WORDING = 256;
const MAX_GROUP = 30;
const MAX_CUSTOM = 500;
/** Of every text in a profile (Chat API 1047/33520). */
const MAX_PROFILE = 500;
const MAX_SECONDS = 0xffff_ffff;
/** All optional fields of a row together, as JSON: far above what the limits of the single fields allow in earnest. */
const MAX_FIELDS = 32 * 1024;

const SOURCE_PREFIX = 'AddSource_Type_';
const STRICT_ID = /^[a-zA-Z0-9_-]+$/;
/** Control characters, and halves of surrogate pairs: those have no UTF-8. */
const NOT_TEXT = /[\p{Cc}\p{Cs}]/u;
const LONE_SURROGATE = /\p{Cs}/u;
const LETTERS = /^[a-zA-Z]{1,8}$/;
const WEB_ADDRESS = /^https?:\/\/\S+$/i;

const bytes = (text: string) => Buffer.byteLength(text);

/**
 * Checks one row; the first failing reason wins, in the order from, to, both, remark, groups, wording, source, times,
 * nick, faceUrl, custom. What the reasons say is part of the rejects file.
 */
export function checkRow(row: RawRow, rules: RowRules): Checked {
  const ofAccounts = rules.operation.rows === 'accounts';
  const reason = ofAccounts ? checkId('account', row.to, rules) : checkPair(row, rules);
  if (reason !== null) return { reason };
  const fields = row.fields === null ? {} : readFields(row.fields, rules.operation, row.keepsEmpty);
  if (typeof fields === 'string') return { reason: fields };
  const none = Object.keys(fields).length === 0;
  if (none && rules.operation.edits) return { reason: 'row: nothing to change: no remark, group or custom field' };
  return { from: ofAccounts ? '' : (row.from as string), to: row.to as string, fields: none ? null : fields };
}

function checkPair({ from, to }: RawRow, rules: RowRules): string | null {
  return checkId('from', from, rules) ?? checkId('to', to, rules) ?? (from === to ? 'to: same as from' : null);
}

export function isId(id: unknown, rules: RowRules): boolean {
  return checkId('account', id, rules) === null;
}

function checkId(name: 'from' | 'to' | 'account', id: unknown, { looseIds }: RowRules): string | null {
  if (id === undefined || id === null || id === '') return `${name}: empty`;
  if (typeof id === 'number') return `${name}: a number; ids are strings, put it in quotes`;
  if (typeof id !== 'string') return `${name}: not a string`;
  if (id.length <= MAX_ID && STRICT_ID.test(id)) return null;
  if (bytes(id) > MAX_ID) return `${name}: longer than ${MAX_ID} bytes`;
  if (looseIds) return NOT_TEXT.test(id) ? `${name}: contains control characters` : null;
  return `${name}: characters other than a-z A-Z 0-9 _ -`;
}

type Given = Map<string, { column: Column; value: unknown }>;

/** The fields, or why not. Built in the order of the checks. */
function readFields(given: Given, operation: Operation, keepsEmpty: boolean): Fields | string {
  const fields: Fields = {};
  const value = (key: string) => given.get(key)?.value;
  const reason =
    readText(value('remark'), 'remark', MAX_REMARK, (text) => (fields.remark = text)) ??
    readGroups(value('groups'), operation, fields, keepsEmpty) ??
    readText(value('wording'), 'wording', MAX_WORDING, (text) => (fields.wording = text)) ??
    readSource(value('source'), fields) ??
    readTime(value('remarkTime'), 'remarkTime', (seconds) => (fields.remarkTime = seconds)) ??
    readTime(value('addTime'), 'addTime', (seconds) => (fields.addTime = seconds)) ??
    readText(value('nick'), 'nick', MAX_PROFILE, (text) => (fields.nick = text)) ??
    readFace(value('faceUrl'), fields) ??
    readCustom(given, fields, keepsEmpty);
  if (reason !== null) return reason;
  return bytes(JSON.stringify(fields)) > MAX_FIELDS ? `fields: longer than ${MAX_FIELDS} bytes together` : fields;
}

function readText(value: unknown, name: string, limit: number, put: (text: string) => void): string | null {
  if (value === undefined) return null;
  if (typeof value !== 'string') return `${name}: not a string`;
  if (LONE_SURROGATE.test(value)) return `${name}: not valid Unicode`;
  if (bytes(value) > limit) return `${name}: longer than ${limit} bytes`;
  put(value);
  return null;
}

function readGroups(value: unknown, operation: Operation, fields: Fields, keepsEmpty: boolean): string | null {
  if (value === undefined) return null;
  const names: unknown = typeof value === 'string' ? listsIn(value) : value;
  if (!Array.isArray(names)) return 'group: neither a string nor an array of strings';
  if (names.length === 0 && !keepsEmpty) return null;
  const limit = operation.groupsPerItem;
  for (const name of names) {
    if (name === '') return 'group: an empty name';
    const reason = readText(name ?? 0, 'group', MAX_GROUP, () => {});
    if (reason !== null) return reason;
  }
  const unique = [...new Set(names as string[])];
  if (unique.length > limit)
    return limit === 1 ? `group: ${operation.name} takes one list` : `group: more than ${limit} lists`;
  fields.groups = unique;
  return null;
}

const listsIn = (text: string): string[] => (text === '' ? [] : text.split('|'));

function readFace(value: unknown, fields: Fields): string | null {
  const reason = readText(value, 'faceUrl', MAX_PROFILE, (text) => (fields.faceUrl = text));
  if (reason !== null || fields.faceUrl === undefined) return reason;
  return WEB_ADDRESS.test(fields.faceUrl) && URL.canParse(fields.faceUrl)
    ? null
    : 'faceUrl: not a URL of http or https';
}

function readSource(value: unknown, fields: Fields): string | null {
  if (value === undefined) return null;
  if (typeof value !== 'string') return 'source: not a string';
  const keyword = value.startsWith(SOURCE_PREFIX) ? value.slice(SOURCE_PREFIX.length) : value;
  if (!LETTERS.test(keyword)) return `source: not ${SOURCE_PREFIX} and 1 to 8 letters`;
  fields.source = SOURCE_PREFIX + keyword;
  return null;
}

function readTime(value: unknown, name: string, put: (seconds: number) => void): string | null {
  if (value === undefined) return null;
  const seconds = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value;
  if (typeof seconds !== 'number' || !Number.isInteger(seconds) || seconds < 0) return `${name}: not Unix seconds`;
  if (seconds > MAX_SECONDS) return `${name}: not Unix seconds (milliseconds?)`;
  put(seconds);
  return null;
}

function readCustom(given: Given, fields: Fields, keepsEmpty: boolean): string | null {
  const pairs: [string, unknown][] = [];
  for (const { column, value } of given.values()) {
    if (column.kind === 'custom') pairs.push([column.tag, value]);
    if (column.kind !== 'custom-set') continue;
    const set = pairsOf(value);
    if (set === null) return 'custom: not an object of tags and values';
    pairs.push(...set);
  }
  const custom: Record<string, string | number> = {};
  for (const [tag, value] of pairs) {
    if (!LETTERS.test(tag)) return `custom.${tag.slice(0, 32)}: a tag is 1 to 8 letters`;
    if (value === undefined || value === null || (value === '' && !keepsEmpty)) continue;
    if (Object.hasOwn(custom, tag)) return `custom.${tag}: given twice`;
    if (typeof value === 'number') {
      if (!Number.isSafeInteger(value)) return `custom.${tag}: not an integer; put it in quotes`;
      custom[tag] = value;
    } else {
      const reason = readText(value, `custom.${tag}`, MAX_CUSTOM, (text) => (custom[tag] = text));
      if (reason !== null) return reason;
    }
  }
  if (Object.keys(custom).length > 0) fields.custom = custom;
  return null;
}

const API_TAG = /^Tag_SNS_Custom_/;

/** `{Ext: 'x'}`, or the API's `[{Tag: 'Tag_SNS_Custom_Ext', Value: 'x'}]`; null when neither. */
function pairsOf(value: unknown): [string, unknown][] | null {
  if (typeof value !== 'object' || value === null) return null;
  if (!Array.isArray(value)) return Object.entries(value).map(([tag, item]) => [tag.replace(API_TAG, ''), item]);
  const pairs: [string, unknown][] = [];
  for (const item of value as unknown[]) {
    if (typeof item !== 'object' || item === null) return null;
    const { Tag: tag, Value: inner } = item as { Tag?: unknown; Value?: unknown };
    if (typeof tag !== 'string') return null;
    pairs.push([tag.replace(API_TAG, ''), inner]);
  }
  return pairs;
}
