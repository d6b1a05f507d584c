import type { Curve, Fault } from '../domain/fault.ts';
import type { OperationName } from '../domain/operation.ts';
import { TOO_FAST } from '../domain/throttling.ts';
import { FRIEND_CODES } from './codes-friend.ts';
import { PUBLIC_CODES } from './codes-public.ts';

/**
 * What a code asks for.
 *
 * - `retry`: transient, the same request again after a delay
 * - `throttle`: too fast
 * - `auth`: credentials, permission, plan or region: the job stops, its state is kept
 * - `request`: the call or the item is wrong, never sent again
 * - `account`: this account fails for good, the others go on
 * - `done`: no failure: the wanted state holds, or waits for the peer. Each operation says which (`special`)
 * - `unknown`: not explained by any page, or explained in two ways: a few tries, then as `auth` (call) or `account` (item)
 */
export type CodeClass = 'retry' | 'throttle' | 'auth' | 'request' | 'account' | 'done' | 'unknown';

/**
 * Who else is hit by the same cause: every call of the job, this call, this From_Account, its rows that name the same
 * friend lists, or one item.
 */
export type CodeScope = 'job' | 'call' | 'from' | 'lists' | 'item';

/** One line of the table: codes that mean the same. Ranges are inclusive. Meanings are in our own words. */
export interface CodeRow {
  codes: readonly (number | readonly [first: number, last: number])[];
  class: CodeClass;
  scope: CodeScope;
  meaning: string;
  advice: string;
  /** What to do after an operation in which the code means something narrower. */
  adviceOf?: Partial<Record<OperationName, string>>;
  /** Of `retry`; `internal` where absent. */
  curve?: Curve;
  /** Most calls in a row that may fail the same item with it, where that is bounded below the usual. */
  maxAttempts?: number;
  /** Of another scope than `item`: one item may be the cause of the whole call's fault all the same, or its size. */
  smaller?: true;
  /** The service gave up on its own work: a write may hold although this code came. */
  outcomeUnknown?: true;
  /** A new UserSig may cure it. */
  renewable?: true;
  /** Of `auth`: the service wants to be left alone for so long, ms; only then is it asked again. */
  waitMs?: number;
  /** The class of the code as an item's ResultCode, where it differs from the whole call's. */
  atItem?: CodeClass;
}

/** Every code of the Chat error tables (API 1047/34348 and the eight friend pages), and older ones that may still come. */
export const CODE_ROWS: readonly CodeRow[] = [...PUBLIC_CODES, ...FRIEND_CODES];

/** Tries for a code that no page lists. The service's own families differ: friend codes are rarely transient. */
const UNLISTED_TRIES = 3;
const UNLISTED_FRIEND_TRIES = 2;

const NOT_THE_API: CodeRow = {
  codes: [[100, 599]],
  class: 'unknown',
  scope: 'job',
  meaning: 'not an answer of the Chat API',
  advice: 'check CHAT_REGION or CHAT_BASE_URL, and proxies and firewalls on the way',
  maxAttempts: UNLISTED_TRIES,
};

const BY_CODE = new Map<number, CodeRow>();
for (const row of CODE_ROWS) {
  for (const entry of row.codes) {
    const [first, last] = typeof entry === 'number' ? [entry, entry] : entry;
    for (let code = first; code <= last; code += 1) BY_CODE.set(code, row);
  }
}

/** The table's row for a code; for a code that no page lists, a row that says so. */
export function rowOfCode(code: number): CodeRow {
  const listed = BY_CODE.get(code);
  if (listed) return listed;
  if (isHttpStatus(code)) return NOT_THE_API;
  const friend = code >= 30_000 && code < 40_000;
  return {
    codes: [code],
    class: 'unknown',
    scope: friend ? 'item' : 'job',
    meaning: 'a code that no page of the service lists',
    advice: 'tried a few times; look for the code on the vendor’s error page and report it with the RequestId',
    maxAttempts: friend ? UNLISTED_FRIEND_TRIES : UNLISTED_TRIES,
  };
}

/** What to do about a code that rows of an operation have. */
export function adviceOn(code: number, operation: OperationName): string {
  const { advice, adviceOf } = rowOfCode(code);
  return adviceOf?.[operation] ?? advice;
}

/**
 * One sentence for a person: code, meaning, what to do, and the service's own words where there are any. `code` may be
 * an HTTP status.
 */
export function explainCode(code: number, info: string): string {
  const { meaning, advice } = rowOfCode(code);
  const name = isHttpStatus(code) ? `HTTP ${code}` : `code ${code}`;
  const said = info === '' || isHttpStatus(code) ? '' : ` (the service said: ${info})`;
  return `${name}, ${meaning}: ${advice}${said}`;
}

/** The service's own codes have five digits; what was no answer of it is told by its HTTP status. */
function isHttpStatus(code: number): boolean {
  return code >= 100 && code < 600;
}

/** The fault of an item answered with this ResultCode (not 0, and not special to the operation). */
export function faultOfItem(code: number, info: string): Fault {
  const row = rowOfCode(code);
  return faultOf(row, row.atItem ?? row.class, code, info);
}

/** The fault of a call whose envelope carries this ErrorCode (not 0). */
export function faultOfCall(code: number, info: string): Fault {
  const row = rowOfCode(code);
  // A path or query that is wrong is so in every call: a person must look, and no row has failed by it.
  if (row.class === 'request' && row.scope === 'job') return faultOf(row, 'auth', code, info);
  // One of its items spoils the call: the request is wrong, and may be right without it.
  return faultOf(row, isOfItem(row) ? 'request' : row.class, code, info);
}

/** Whether a call that failed as a whole with this code may pass in parts. */
export function maySplit(code: number): boolean {
  const row = rowOfCode(code);
  return row.smaller === true || isOfItem(row);
}

const ONE_ITEM: ReadonlySet<CodeScope> = new Set(['item', 'lists']);
const OF_ITEMS: ReadonlySet<CodeClass> = new Set(['request', 'account', 'done']);
/** Whose account is missing a lookup tells, in fewer calls than halving. */
const NOT_IMPORTED = 30003;

/** Whether a whole call that is answered this was so for one of its items, which is final for that one alone. */
function isOfItem({ scope, class: asClass, codes }: CodeRow): boolean {
  return ONE_ITEM.has(scope) && OF_ITEMS.has(asClass) && !codes.includes(NOT_IMPORTED);
}

/** Which other rows of the same From_Account cannot pass either, by an item's code: all, those of its lists, or none. */
export function barredByCode(code: number): 'from' | 'lists' | null {
  const { class: asClass, scope } = rowOfCode(code);
  return asClass === 'account' && (scope === 'from' || scope === 'lists') ? scope : null;
}

/** Whose limit a "too fast" speaks of: the command's, or that of all commands of the app. */
export function limitOfCode(code: number): 'command' | 'app' {
  return TOO_FAST[code] ?? 'command';
}

/** Classes of what passes when time or a setting has changed, whatever the row. */
const PASSING: ReadonlySet<CodeClass> = new Set(['retry', 'throttle', 'auth', 'unknown']);

/** Whether a row that failed with this code may pass when it is run again with nothing of it changed. */
export function mayPass(code: number): boolean {
  const row = rowOfCode(code);
  return PASSING.has(row.atItem ?? row.class);
}

function faultOf(row: CodeRow, asClass: CodeClass, code: number, info: string): Fault {
  switch (asClass) {
    case 'retry':
      return transient(row, code, info);
    case 'throttle':
      // Only limits of the app slow the app down. A limit of one account is waited for by that account's items.
      return row.scope === 'job' ? { kind: 'throttled', code, info } : transient(row, code, info);
    case 'auth':
      return {
        kind: 'credentials',
        code,
        info,
        renewable: row.renewable ?? false,
        ...(row.waitMs !== undefined && { waitMs: row.waitMs }),
      };
    case 'request':
      return { kind: 'malformed', code, info };
    case 'account':
    case 'done':
      // `done` comes here only where the operation gives the code no meaning: final, told with its code.
      return { kind: 'account', code, info };
    case 'unknown':
      return { kind: 'unknown-code', code, info, maxAttempts: row.maxAttempts ?? UNLISTED_TRIES };
  }
}

function transient(row: CodeRow, code: number, info: string): Fault {
  return {
    kind: 'transient',
    curve: row.curve ?? 'internal',
    code,
    info,
    answered: row.outcomeUnknown !== true,
    ...(row.maxAttempts !== undefined && { maxAttempts: row.maxAttempts }),
  };
}
