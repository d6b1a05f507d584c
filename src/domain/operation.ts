import type { Fields, Item } from './chunk.ts';

export type OperationName = 'check' | 'import' | 'add' | 'accounts-check';
export const OPERATION_NAMES: readonly OperationName[] = ['check', 'import', 'add', 'accounts-check'];

/** What a job may choose of its operation. Part of the job's identity. */
export interface OperationOptions {
  /** `check`: answer for one direction or for both (CheckType). Default `both`. */
  type?: 'both' | 'single';
  /** `add`: only From's list gets the entry (Add_Type_Single). Default false. */
  single?: boolean;
  /** `add`: skip the peer's consent (ForceAddFlags). Default false. */
  force?: boolean;
}

/** Which account lists a call writes: at most one write may be in flight for each (30008 otherwise). */
export type WriteSet = 'none' | 'from' | 'from-and-items';

export type FieldName = keyof Fields;

/** What an item's code means where the code tables alone do not settle it. */
export type SpecialStatus = 'satisfied' | 'pending';

/**
 * One operation of the Chat API, as data. Everything that differs between operations stands here; intake, the
 * data path, the client and the simulator's tests read it and know no operation by name.
 */
export interface Operation {
  name: OperationName;
  /** What a row of the input is: a pair of accounts, or one account. Chunks of accounts have no From_Account. */
  rows: 'pairs' | 'accounts';
  /** Path under `/v4/`. */
  path: string;
  /** The API command: limits hold per app and command. */
  command: string;
  /** Documented limit, calls per second per app (Chat API, every page's "frequency" row). */
  callsPerSecond: number;
  /** Most items of one call. */
  itemsPerCall: number;
  /** Columns beside from and to. */
  fields: readonly FieldName[];
  /** Friend lists ("groups") that one item may name. */
  groupsPerItem: number;
  /**
   * What an item of the answer tells beside its code: `relation`, a Relation (Chat API 1047/34907); `account`, an
   * AccountStatus (Chat API 1047/34956).
   */
  tells: 'relation' | 'account' | 'nothing';
  /** The key of an answer's item that names its account. */
  answerAccount: 'To_Account' | 'UserID';
  /** Arrays that may hold the items of the answer: today's name first, then legacy names. */
  answerArrays: readonly string[];
  writeSet(options: OperationOptions): WriteSet;
  /** The body of a call as the API wants it, before serialisation. `from` is null where rows are accounts. */
  request(from: string | null, items: readonly Item[], options: OperationOptions): object;
  /** A code that is not 0 and yet no failure. */
  special(code: number, info: string): SpecialStatus | null;
}

/** The vendor's page marks AddSource as required; this keyword says "brought in by a sync". */
const DEFAULT_SOURCE = 'AddSource_Type_Sync';

/** 30001 carries "already friends" in its text only (Chat API 1047/34457). */
const ALREADY_FRIEND = /_Exist$/;
const PENDING = 30539;

const check: Operation = {
  name: 'check',
  rows: 'pairs',
  path: 'sns/friend_check',
  command: 'friend_check',
  callsPerSecond: 200,
  itemsPerCall: 1000,
  fields: [],
  groupsPerItem: 0,
  tells: 'relation',
  answerAccount: 'To_Account',
  answerArrays: ['InfoItem', 'CheckItem'],
  writeSet: () => 'none',
  request: (from, items, { type = 'both' }) => ({
    From_Account: from,
    To_Account: items.map((item) => item.to),
    CheckType: type === 'both' ? 'CheckResult_Type_Both' : 'CheckResult_Type_Single',
  }),
  special: () => null,
};

const importFriends: Operation = {
  name: 'import',
  rows: 'pairs',
  path: 'sns/friend_import',
  command: 'friend_import',
  callsPerSecond: 200,
  itemsPerCall: 1000,
  fields: ['remark', 'remarkTime', 'groups', 'source', 'wording', 'addTime', 'custom'],
  groupsPerItem: 32,
  tells: 'nothing',
  answerAccount: 'To_Account',
  answerArrays: ['ResultItem'],
  writeSet: () => 'from',
  request: (from, items) => ({
    From_Account: from,
    AddFriendItem: items.map(({ to, fields = {} }) => ({
      To_Account: to,
      AddSource: fields.source ?? DEFAULT_SOURCE,
      Remark: fields.remark,
      RemarkTime: fields.remarkTime,
      GroupName: fields.groups,
      AddWording: fields.wording,
      AddTime: fields.addTime,
      CustomItem:
        fields.custom &&
        Object.entries(fields.custom).map(([tag, value]) => ({ Tag: `Tag_SNS_Custom_${tag}`, Value: value })),
    })),
  }),
  special: (code, info) => (code === 30001 && ALREADY_FRIEND.test(info) ? 'satisfied' : null),
};

const add: Operation = {
  name: 'add',
  rows: 'pairs',
  path: 'sns/friend_add',
  command: 'friend_add',
  callsPerSecond: 200,
  itemsPerCall: 1000,
  fields: ['remark', 'groups', 'source', 'wording'],
  // friend_add takes exactly one list, as a string (Chat API 1047/34902).
  groupsPerItem: 1,
  tells: 'nothing',
  answerAccount: 'To_Account',
  answerArrays: ['ResultItem'],
  writeSet: ({ single }) => (single ? 'from' : 'from-and-items'),
  request: (from, items, { single = false, force = false }) => ({
    From_Account: from,
    AddFriendItem: items.map(({ to, fields = {} }) => ({
      To_Account: to,
      AddSource: fields.source ?? DEFAULT_SOURCE,
      Remark: fields.remark,
      GroupName: fields.groups?.[0],
      AddWording: fields.wording,
    })),
    AddType: single ? 'Add_Type_Single' : 'Add_Type_Both',
    ForceAddFlags: force ? 1 : 0,
  }),
  special: (code, info) => {
    if (code === PENDING) return 'pending';
    return code === 30001 && ALREADY_FRIEND.test(info) ? 'satisfied' : null;
  },
};

const accountsCheck: Operation = {
  name: 'accounts-check',
  rows: 'accounts',
  path: 'im_open_login_svc/account_check',
  command: 'account_check',
  callsPerSecond: 100,
  itemsPerCall: 100,
  fields: [],
  groupsPerItem: 0,
  tells: 'account',
  answerAccount: 'UserID',
  answerArrays: ['ResultItem'],
  writeSet: () => 'none',
  request: (_, items) => ({ CheckItem: items.map(({ to }) => ({ UserID: to })) }),
  special: () => null,
};

export const OPERATIONS: Record<OperationName, Operation> = {
  check,
  import: importFriends,
  add,
  'accounts-check': accountsCheck,
};

export function isOperationName(name: string): name is OperationName {
  return Object.hasOwn(OPERATIONS, name);
}
