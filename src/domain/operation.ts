import type { Fields, Item } from './chunk.ts';
import type { AccountStatus, Relation, Settlement } from './outcome.ts';

export const OPERATION_NAMES = [
  'check',
  'import',
  'add',
  'update',
  'delete',
  'delete-all',
  'get',
  'get-list',
  'accounts-check',
  'accounts-import',
] as const;
export type OperationName = (typeof OPERATION_NAMES)[number];

/** What a job may choose of its operation. Part of the job's identity. */
export interface OperationOptions {
  /** `check`: answer for one direction or for both (CheckType). Default `both`. */
  type?: 'both' | 'single';
  /** `check` of both directions: every From_Account is asked about its own rows, also where fewer calls would do. Default false. */
  noPlan?: boolean;
  /** `add`: only From's list gets the entry (Add_Type_Single). Default false. */
  single?: boolean;
  /** `add`: skip the peer's consent (ForceAddFlags). Default false. */
  force?: boolean;
  /** `delete`, `delete-all`: take the entry out of both ends' lists (Delete_Type_Both). Default false. */
  both?: boolean;
  /** `get-list`: the fields to read, by the API's names (TagList). Default: `FRIEND_TAGS`. */
  tags?: string[];
  /** Answers that prove nothing are taken at their word, and none to a write is `unknown`: no read asks. Default false. */
  noVerify?: boolean;
}

/** Which account lists a call writes: at most one write may be in flight for each (30008 otherwise). */
export type WriteSet = 'none' | 'from' | 'from-and-items';

export type FieldName = keyof Fields;

/** What an item's code means where the code tables alone do not settle it. */
export type SpecialStatus = 'satisfied' | 'pending';

/**
 * How an answer speaks of the items.
 *
 * - `items`: an entry an item, with a ResultCode
 * - `failures`: the envelope's 0 holds for all items but those that FailAccounts lists (Chat API 1047/34954)
 * - `call`: the envelope speaks for the one item of the call (Chat API 1047/34906)
 * - `pages`: a page of the one account's friends; further calls bring the others (Chat API 1047/34908)
 */
export type AnswerShape = 'items' | 'failures' | 'call' | 'pages';

/** The read that tells whether a write holds, and what its answers mean. */
export interface Verification {
  operation: OperationName;
  options: OperationOptions;
  /** What an item's answer, whose code is 0, says of the write. `unclear`: the write may hold in a way it can't see. */
  judge(told: { relation?: Relation; account?: AccountStatus }): 'holds' | 'fails' | 'unclear';
  /** What it means that the account is not imported (any more). */
  ofMissing: 'holds' | 'fails';
}

/**
 * One operation of the Chat API, as data. Everything that differs between operations stands here; intake, the
 * data path, the client and the simulator's tests read it and know no operation by name.
 */
export interface Operation {
  name: OperationName;
  /** What a row of the input is: a pair of accounts, or one account. Chunks of accounts have no From_Account. */
  rows: 'pairs' | 'accounts';
  /** Where rows are accounts and not pairs: the operation that does the like to single friends. Null where none does. */
  ofPairs: OperationName | null;
  /** Path under `/v4/`. */
  path: string;
  /** The API command: limits hold per app and command. */
  command: string;
  /** Documented limit, calls per second per app (Chat API, every page's "frequency" row). */
  callsPerSecond: number;
  /** Most items of one call. */
  itemsPerCall: number;
  /** Columns beside from and to, or beside the account. */
  fields: readonly FieldName[];
  /**
   * A row changes fields of what is there already, and asks for nothing else: it must give one, and one that is given
   * as empty is emptied.
   */
  edits: boolean;
  /** Friend lists ("groups") that one item may name. */
  groupsPerItem: number;
  answers: AnswerShape;
  /**
   * What an item of the answer tells beside its code: `relation`, a Relation (Chat API 1047/34907); `account`, an
   * AccountStatus (Chat API 1047/34956); `fields`, the friend's fields by tag (Chat API 1047/34910); `friends`, the
   * account's friends with theirs (Chat API 1047/34908).
   */
  tells: 'relation' | 'account' | 'fields' | 'friends' | 'nothing';
  /** The key of an answer's item that names its account. */
  answerAccount: 'To_Account' | 'UserID';
  /** Arrays that may hold the items of the answer: today's name first, then legacy names. */
  answerArrays: readonly string[];
  /** A call of it changes something: one that was never answered may hold. */
  writes: boolean;
  writeSet(options: OperationOptions): WriteSet;
  /** An answer about a pair tells of it in both directions, so that either end may be asked. */
  tellsBothWays(options: OperationOptions): boolean;
  /**
   * The body of a call as the API wants it, before serialisation. `from` is null where rows are accounts. `start` is
   * the page's StartIndex, for operations that answer pages.
   */
  request(from: string | null, items: readonly Item[], options: OperationOptions, start?: number): object;
  /** A code that is not 0 and yet no failure. */
  special(code: number, info: string): SpecialStatus | null;
  /** How to find out whether a write holds; null where no read tells. */
  verification(options: OperationOptions): Verification | null;
  /** Whether an answer proves nothing: the pages leave open whether the wanted state holds when it comes. */
  doubts(answer: Pick<Settlement, 'status' | 'code'>, options: OperationOptions): boolean;
}

/** The vendor's page marks AddSource as required; this keyword says "brought in by a sync". */
const DEFAULT_SOURCE = 'AddSource_Type_Sync';

/** 30001 carries "already friends" in its text only (Chat API 1047/34457). */
const ALREADY_FRIEND = /_Exist$/;
const PENDING = 30539;

/** friend_delete of a friend who is none: an own code, or 30001 with this text (Chat API 1047/34905, 1047/34457). */
const NOT_A_FRIEND = 31704;
const NOT_FRIEND = /_No(?:t_Friend|t?_Exist)$/i;

/** What `get-list` reads unless told otherwise: every standard field of a friendship (Chat API 1047/33521). */
export const FRIEND_TAGS: readonly string[] = [
  'Tag_SNS_IM_Remark',
  'Tag_SNS_IM_Group',
  'Tag_SNS_IM_AddSource',
  'Tag_SNS_IM_AddTime',
  'Tag_SNS_IM_AddWording',
];

const NOTHING_TO_VERIFY = { verification: () => null, doubts: () => false };
const ONE_WAY = { tellsBothWays: () => false };

/** What the friend commands on pairs have in common. */
const PAIRS = {
  ...ONE_WAY,
  rows: 'pairs',
  ofPairs: null,
  callsPerSecond: 200,
  itemsPerCall: 1000,
  fields: [],
  edits: false,
  groupsPerItem: 0,
  answers: 'items',
  tells: 'nothing',
  answerAccount: 'To_Account',
  answerArrays: ['ResultItem'],
  writes: false,
  ...NOTHING_TO_VERIFY,
} as const satisfies Partial<Operation>;

const check: Operation = {
  ...PAIRS,
  name: 'check',
  path: 'sns/friend_check',
  command: 'friend_check',
  tells: 'relation',
  answerArrays: ['InfoItem', 'CheckItem'],
  writeSet: () => 'none',
  tellsBothWays: ({ type = 'both', noPlan = false }) => type === 'both' && !noPlan,
  request: (from, items, { type = 'both' }) => ({
    From_Account: from,
    To_Account: items.map((item) => item.to),
    CheckType: type === 'both' ? 'CheckResult_Type_Both' : 'CheckResult_Type_Single',
  }),
  special: () => null,
};

const importFriends: Operation = {
  ...PAIRS,
  name: 'import',
  path: 'sns/friend_import',
  command: 'friend_import',
  fields: ['remark', 'remarkTime', 'groups', 'source', 'wording', 'addTime', 'custom'],
  groupsPerItem: 32,
  writes: true,
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
      CustomItem: fields.custom && customTags(fields.custom),
    })),
  }),
  special: (code, info) => (code === 30001 && ALREADY_FRIEND.test(info) ? 'satisfied' : null),
  verification: () => ({
    operation: 'check',
    options: { type: 'single' },
    judge: ({ relation }) => (relation === 'CheckResult_Type_AWithB' ? 'holds' : 'fails'),
    ofMissing: 'fails',
  }),
};

const add: Operation = {
  ...PAIRS,
  name: 'add',
  path: 'sns/friend_add',
  command: 'friend_add',
  fields: ['remark', 'groups', 'source', 'wording'],
  // friend_add takes exactly one list, as a string (Chat API 1047/34902).
  groupsPerItem: 1,
  writes: true,
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
  verification: ({ single = false, force = false }) => ({
    operation: 'check',
    options: { type: single ? 'single' : 'both' },
    judge: ({ relation }) => {
      if (relation === (single ? 'CheckResult_Type_AWithB' : 'CheckResult_Type_BothWay')) return 'holds';
      // A request that waits for the peer is seen by no read of friends.
      return force ? 'fails' : 'unclear';
    },
    ofMissing: 'fails',
  }),
  // 0 may also mean that a request waits since before, 30001 that From's list alone has the entry (Chat API 1047/34902
  // says neither).
  doubts: ({ status }, { single, force }) => (status === 'ok' && !force) || (status === 'satisfied' && !single),
};

const update: Operation = {
  ...PAIRS,
  name: 'update',
  path: 'sns/friend_update',
  command: 'friend_update',
  fields: ['remark', 'groups', 'custom'],
  edits: true,
  groupsPerItem: 32,
  writes: true,
  writeSet: () => 'from',
  request: (from, items) => ({
    From_Account: from,
    UpdateItem: items.map(({ to, fields = {} }) => ({
      To_Account: to,
      SnsItem: [
        ...(fields.remark === undefined ? [] : [{ Tag: 'Tag_SNS_IM_Remark', Value: fields.remark }]),
        ...(fields.groups === undefined ? [] : [{ Tag: 'Tag_SNS_IM_Group', Value: fields.groups }]),
        ...customTags(fields.custom ?? {}),
      ],
    })),
  }),
  special: () => null,
};

const deleteFriends: Operation = {
  ...PAIRS,
  name: 'delete',
  path: 'sns/friend_delete',
  command: 'friend_delete',
  writes: true,
  writeSet: ({ both }) => (both ? 'from-and-items' : 'from'),
  request: (from, items, { both = false }) => ({
    From_Account: from,
    To_Account: items.map((item) => item.to),
    DeleteType: deleteType(both),
  }),
  special: (code, info) => (code === NOT_A_FRIEND || (code === 30001 && NOT_FRIEND.test(info)) ? 'satisfied' : null),
  verification: ({ both = false }) => ({
    operation: 'check',
    options: { type: both ? 'both' : 'single' },
    judge: ({ relation }) => (relation === 'CheckResult_Type_NoRelation' ? 'holds' : 'fails'),
    // Who is not there is in nobody's list.
    ofMissing: 'holds',
  }),
  // "Not a friend" is said of From's list; whether To's was looked at no page says. 30001 may say the same, in words that
  // no page shows (Chat API 1047/34457).
  doubts: ({ status, code }, { both }) =>
    (status === 'satisfied' && both === true) || (status === 'failed' && code === 30001),
};

const getList: Operation = {
  ...PAIRS,
  name: 'get-list',
  path: 'sns/friend_get_list',
  command: 'friend_get_list',
  itemsPerCall: 100,
  tells: 'fields',
  answerArrays: ['InfoItem'],
  writeSet: () => 'none',
  request: (from, items, { tags = [...FRIEND_TAGS] }) => ({
    From_Account: from,
    To_Account: items.map((item) => item.to),
    TagList: tags,
  }),
  special: () => null,
};

/** What the friend commands on one account's whole list have in common. */
const WHOLE_LIST = {
  ...PAIRS,
  rows: 'accounts',
  itemsPerCall: 1,
  answerArrays: [],
  special: () => null,
} as const satisfies Partial<Operation>;

const deleteAll: Operation = {
  ...WHOLE_LIST,
  name: 'delete-all',
  ofPairs: 'delete',
  path: 'sns/friend_delete_all',
  command: 'friend_delete_all',
  answers: 'call',
  writes: true,
  // With `both` it writes the friends' lists as well; which these are only the service knows.
  writeSet: () => 'from-and-items',
  request: (_, [item], { both = false }) => ({ From_Account: item?.to, DeleteType: deleteType(both) }),
};

const get: Operation = {
  ...WHOLE_LIST,
  name: 'get',
  ofPairs: 'get-list',
  path: 'sns/friend_get',
  command: 'friend_get',
  answers: 'pages',
  tells: 'friends',
  answerArrays: ['UserDataItem'],
  writeSet: () => 'none',
  // Sequences that equal the service's would leave data out, on every page (Chat API 1047/34908).
  request: (_, [item], __, start = 0) => ({
    From_Account: item?.to,
    StartIndex: start,
    StandardSequence: 0,
    CustomSequence: 0,
  }),
};

/** What the commands on a hundred accounts have in common. */
const ACCOUNTS = {
  ...ONE_WAY,
  rows: 'accounts',
  ofPairs: null,
  callsPerSecond: 100,
  itemsPerCall: 100,
  fields: [],
  edits: false,
  groupsPerItem: 0,
  answerAccount: 'UserID',
  writes: false,
  // Accounts are no friend lists: nothing collides.
  writeSet: () => 'none',
  special: () => null,
  ...NOTHING_TO_VERIFY,
} as const satisfies Partial<Operation>;

const accountsCheck: Operation = {
  ...ACCOUNTS,
  name: 'accounts-check',
  path: 'im_open_login_svc/account_check',
  command: 'account_check',
  answers: 'items',
  tells: 'account',
  answerArrays: ['ResultItem'],
  request: (_, items) => ({ CheckItem: items.map(({ to }) => ({ UserID: to })) }),
};

const accountsImport: Operation = {
  ...ACCOUNTS,
  name: 'accounts-import',
  path: 'im_open_login_svc/multiaccount_import',
  command: 'multiaccount_import',
  fields: ['nick', 'faceUrl'],
  answers: 'failures',
  tells: 'nothing',
  answerArrays: ['FailAccounts'],
  writes: true,
  request: (_, items) => ({
    AccountList: items.map(({ to, fields = {} }) => ({ UserID: to, Nick: fields.nick, FaceUrl: fields.faceUrl })),
  }),
  verification: () => ({
    operation: 'accounts-check',
    options: {},
    judge: ({ account }) => (account === 'Imported' ? 'holds' : 'fails'),
    ofMissing: 'fails',
  }),
};

export const OPERATIONS: Record<OperationName, Operation> = {
  check,
  import: importFriends,
  add,
  update,
  delete: deleteFriends,
  'delete-all': deleteAll,
  get,
  'get-list': getList,
  'accounts-check': accountsCheck,
  'accounts-import': accountsImport,
};

export function isOperationName(name: string): name is OperationName {
  return Object.hasOwn(OPERATIONS, name);
}

/** Custom fields as the API wants them. */
function customTags(custom: Record<string, string | number>): { Tag: string; Value: string | number }[] {
  return Object.entries(custom).map(([tag, value]) => ({ Tag: `Tag_SNS_Custom_${tag}`, Value: value }));
}

/** Always said: the pages disagree on what its absence means (Chat API 1047/34905, 1047/34906). */
function deleteType(both: boolean): string {
  return both ? 'Delete_Type_Both' : 'Delete_Type_Single';
}
