import { makeUserSig } from '../../src/chat/usersig.ts';
import { Context } from '../../src/simulator/context.ts';
import { readSimulatorOptions, type SimulatorOptionsInput } from '../../src/simulator/options.ts';
import { receive, type Delivery, type Work } from '../../src/simulator/service.ts';

const PATHS: Record<string, string> = {
  friend_check: 'sns/friend_check',
  friend_import: 'sns/friend_import',
  friend_add: 'sns/friend_add',
  friend_update: 'sns/friend_update',
  friend_delete: 'sns/friend_delete',
  friend_delete_all: 'sns/friend_delete_all',
  friend_get: 'sns/friend_get',
  friend_get_list: 'sns/friend_get_list',
  multiaccount_import: 'im_open_login_svc/multiaccount_import',
  account_check: 'im_open_login_svc/account_check',
};
const START_SECONDS = 1_700_000_000;

/** An envelope with whatever stands before it. */
export interface Envelope {
  ActionStatus: string;
  ErrorCode: number;
  ErrorInfo: string;
  ErrorDisplay?: string;
  RequestId?: string;
  ResultItem?: ItemResult[];
  InfoItem?: ItemResult[];
  Fail_Account?: string[];
  Invalid_Account?: string[];
  FailAccounts?: string[];
  UserDataItem?: { To_Account: string; ValueItem: TagItem[] }[];
  StandardSequence?: number;
  CustomSequence?: number;
  FriendNum?: number;
  CompleteFlag?: number;
  NextStartIndex?: number;
}

export interface TagItem {
  Tag: string;
  Value: string | number | string[];
}

export interface ItemResult {
  To_Account: string;
  UserID?: string;
  AccountStatus?: string;
  Relation?: string;
  SnsProfileItem?: TagItem[];
  ResultCode: number;
  ResultInfo: string;
}

/** The service on a clock that stands still until a test moves it. */
export function makeService(given: SimulatorOptionsInput = {}) {
  const options = readSimulatorOptions(given);
  let micros = 1_000_000;
  let seconds = START_SECONDS;
  const context = new Context(options, { micros: () => micros, unixSeconds: () => seconds });
  const { sdkappid, admin, key } = options;
  const sign = (
    changes: { key?: string; identifier?: string; sdkappid?: number; now?: number; expire?: number } = {},
  ) => makeUserSig({ sdkappid, key, identifier: admin, expire: 86_400, now: START_SECONDS, ...changes });
  const usersig = sign();
  let random = 0;

  /** Query of a good call; `undefined` takes a parameter away. */
  const query = (changes: Record<string, string | undefined> = {}): string => {
    const good = {
      sdkappid: String(sdkappid),
      identifier: admin,
      usersig,
      random: String(++random),
      contenttype: 'json',
    };
    const parameters = Object.entries({ ...good, ...changes }).filter(([, value]) => value !== undefined);
    return new URLSearchParams(parameters as [string, string][]).toString();
  };
  const begin = (
    command: string,
    body: unknown,
    request: { query?: Record<string, string | undefined>; method?: string; at?: number; path?: string } = {},
  ): Work => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const at = request.at ?? micros;
    const url = `${request.path ?? `/v4/${PATHS[command]}`}?${query(request.query)}`;
    return receive({ method: request.method ?? 'POST', url, body: Buffer.from(text), lo: at, at }, context);
  };
  const deliver = (...args: Parameters<typeof begin>): Delivery => begin(...args).finish();
  return {
    context,
    begin,
    deliver,
    sign,
    /** Makes a call and reads its answer. */
    call: (...args: Parameters<typeof begin>): Envelope => read(deliver(...args)),
    text: (...args: Parameters<typeof begin>): string => textOf(deliver(...args)),
    pass(ms: number) {
      micros += ms * 1000;
      seconds += Math.floor(ms / 1000);
    },
    now: () => micros,
  };
}

export function textOf(delivery: Delivery): string {
  if (delivery.kind !== 'answer') throw new Error(`a ${delivery.kind} instead of an answer`);
  return delivery.body;
}

export function read(delivery: Delivery): Envelope {
  return JSON.parse(textOf(delivery)) as Envelope;
}

export const SOURCE = 'AddSource_Type_Sync';

export function check(from: string, to: readonly string[], type: 'Both' | 'Single' = 'Both') {
  return { From_Account: from, To_Account: to, CheckType: `CheckResult_Type_${type}` };
}

/** Body of friend_import or friend_add: To_Accounts, or items with fields. */
export function adding(from: string, items: readonly (string | Record<string, unknown>)[], more: object = {}) {
  return {
    From_Account: from,
    AddFriendItem: items.map((item) =>
      typeof item === 'string' ? { To_Account: item, AddSource: SOURCE } : { AddSource: SOURCE, ...item },
    ),
    ...more,
  };
}

/** Body of friend_update: each To_Account with its tags and values. */
export function updating(from: string, items: readonly (readonly [to: string, changes: Record<string, unknown>])[]) {
  return {
    From_Account: from,
    UpdateItem: items.map(([to, changes]) => ({
      To_Account: to,
      SnsItem: Object.entries(changes).map(([Tag, Value]) => ({ Tag, Value })),
    })),
  };
}

/** Body of friend_delete, or without To_Accounts of friend_delete_all. */
export function deleting(from: string, to?: readonly string[], type?: 'Both' | 'Single') {
  return { From_Account: from, To_Account: to, DeleteType: type && `Delete_Type_${type}` };
}

/** Body of friend_get. */
export function getting(from: string, start = 0, [standard, custom]: [number?, number?] = []) {
  return { From_Account: from, StartIndex: start, StandardSequence: standard, CustomSequence: custom };
}

/** Body of friend_get_list. */
export function asking(from: string, to: readonly string[], tags: readonly string[] = ['Tag_SNS_IM_Remark']) {
  return { From_Account: from, To_Account: to, TagList: tags };
}

/** Body of multiaccount_import: UserIDs, or elements with fields. */
export function accounts(list: readonly (string | Record<string, unknown>)[]) {
  return { AccountList: list.map((one) => (typeof one === 'string' ? { UserID: one } : one)) };
}

/** The codes of a call's items, in order. */
export function codes(envelope: Envelope): number[] {
  return (envelope.ResultItem ?? envelope.InfoItem ?? []).map((item) => item.ResultCode);
}

/** n UserIDs. */
export function many(n: number, name = 'many'): string[] {
  return Array.from({ length: n }, (_, i) => `${name}${i}`);
}
