import type { FieldName, Operation } from '../domain/operation.ts';
import { similarName } from '../domain/similar.ts';

/**
 * Where a value of the input belongs: an end of the pair, the account where rows are accounts, an optional field, or one
 * custom field by its tag.
 */
export type Column =
  | { kind: 'from' }
  | { kind: 'to' }
  | { kind: 'account' }
  | { kind: 'field'; field: Exclude<FieldName, 'custom'> }
  | { kind: 'custom'; tag: string }
  /** A whole set of custom fields: an object by tag, or the API's `[{Tag, Value}]`. JSONL only. */
  | { kind: 'custom-set' };

/** befriend's names and the API's own, in lower case (Chat API 1047/34903 and 1047/34954 for the latter). */
const NAMES: Record<string, Column> = {
  from: { kind: 'from' },
  from_account: { kind: 'from' },
  to: { kind: 'to' },
  to_account: { kind: 'to' },
  account: { kind: 'account' },
  userid: { kind: 'account' },
  remark: { kind: 'field', field: 'remark' },
  remarktime: { kind: 'field', field: 'remarkTime' },
  group: { kind: 'field', field: 'groups' },
  groups: { kind: 'field', field: 'groups' },
  groupname: { kind: 'field', field: 'groups' },
  source: { kind: 'field', field: 'source' },
  addsource: { kind: 'field', field: 'source' },
  wording: { kind: 'field', field: 'wording' },
  addwording: { kind: 'field', field: 'wording' },
  addtime: { kind: 'field', field: 'addTime' },
  nick: { kind: 'field', field: 'nick' },
  faceurl: { kind: 'field', field: 'faceUrl' },
  face: { kind: 'field', field: 'faceUrl' },
  custom: { kind: 'custom-set' },
  customitem: { kind: 'custom-set' },
};

const CUSTOM_TAG = /^(?:custom\.|tag_sns_custom_)(.+)$/i;

/** The column a name stands for; null when it means nothing to befriend. Case does not matter, but in tags. */
export function columnNamed(name: string): Column | null {
  const known = name.trim().toLowerCase();
  if (Object.hasOwn(NAMES, known)) return NAMES[known] as Column;
  const tag = CUSTOM_TAG.exec(name.trim())?.[1];
  return tag === undefined ? null : { kind: 'custom', tag };
}

/** The column a name stands for in the input of an operation. Where rows are accounts, `from` names the account. */
function columnOf(name: string, { rows }: Operation): Column | null {
  const column = columnNamed(name);
  return rows === 'accounts' && column?.kind === 'from' ? { kind: 'account' } : column;
}

/** Why a pair is no row of an operation on accounts: which of its ends is meant, and for what, nobody can tell. */
export function pairRefused({ name, ofPairs }: Operation): string {
  return `a row of ${name} is one account, not a pair${ofPairs === null ? '' : `; ${ofPairs} takes pairs`}`;
}

/** One key per thing a row can have: two columns with the same key contradict each other. */
export function keyOf(column: Column): string {
  if (column.kind === 'field') return column.field;
  if (column.kind === 'custom') return `custom.${column.tag}`;
  return column.kind === 'custom-set' ? 'custom' : column.kind;
}

const MAX_NAMES = 20;
/** No column has so long a name, and a row may hold a name of a mebibyte. */
const MAX_NAME = 256;
const MAX_SHOWN = 64;

/**
 * Sorts names into columns that are read and names that are not, and remembers the latter for the warnings.
 * The memory is bounded: names of JSONL come from rows, and dirty rows may have any.
 */
export class ColumnNames {
  readonly #operation: Operation;
  readonly #known = new Map<string, Column | null>();
  readonly #unknown = new Set<string>();
  readonly #notTaken = new Set<string>();

  constructor(operation: Operation) {
    this.#operation = operation;
  }

  /** The column of a name, null when its values are to be ignored. */
  use(name: string): Column | null {
    if (name.length > MAX_NAME) return note(this.#unknown, copyOf(name.slice(0, MAX_SHOWN)));
    const before = this.#known.get(name);
    if (before !== undefined) return before;
    const column = this.#resolve(name);
    if (this.#known.size < 1000) this.#known.set(name, column);
    return column;
  }

  warnings(): string[] {
    const warnings: string[] = [];
    if (this.#unknown.size > 0) warnings.push(`unknown columns are ignored: ${list(this.#unknown)}`);
    if (this.#notTaken.size > 0) {
      warnings.push(`columns that ${this.#operation.name} does not take are ignored: ${list(this.#notTaken)}`);
    }
    return warnings;
  }

  get operation(): Operation {
    return this.#operation;
  }

  #resolve(name: string): Column | null {
    const column = columnOf(name, this.#operation);
    if (column === null) return note(this.#unknown, name);
    if (column.kind === 'from' || column.kind === 'to') return column;
    if (column.kind === 'account') return this.#operation.rows === 'accounts' ? column : note(this.#notTaken, name);
    const field = column.kind === 'field' ? column.field : 'custom';
    return this.#operation.fields.includes(field) ? column : note(this.#notTaken, name);
  }
}

/** `"a", "b" and others`. */
function list(names: Set<string>): string {
  const shown = [...names].slice(0, MAX_NAMES).map((name) => JSON.stringify(name.slice(0, MAX_SHOWN)));
  return shown.join(', ') + (names.size > MAX_NAMES ? ' and others' : '');
}

/** A string of its own: a slice would keep the whole row in memory. */
const copyOf = (text: string) => Buffer.from(text).toString();

function note(names: Set<string>, name: string): null {
  if (names.size <= MAX_NAMES) names.add(name);
  return null;
}

/** How the fields of a CSV or TSV record are read. */
export interface Layout {
  width: number;
  /** -1 where rows are accounts. */
  from: number;
  /** Also the account, where rows are accounts. */
  to: number;
  /** The optional columns in use, with their place. */
  optional: { at: number; column: Column }[];
}

export type FirstRecord =
  | { kind: 'header'; layout: Layout }
  /** The record is the first row: exactly two columns, from and to, or one where rows are accounts. */
  | { kind: 'row'; layout: Layout; warning?: string }
  /** What is wrong, and what to do if nothing more is known of the cause. */
  | { kind: 'error'; message: string; advice: string };

/** Decides what the first record of a CSV or TSV file is. */
export function readFirstRecord(cells: string[], names: ColumnNames): FirstRecord {
  return names.operation.rows === 'accounts' ? firstOfAccounts(cells, names) : firstOfPairs(cells, names);
}

function firstOfAccounts(cells: string[], names: ColumnNames): FirstRecord {
  const columns = cells.map((cell) => columnOf(cell, names.operation));
  if (columns.some((column) => column?.kind === 'account')) return readHeader(cells, names);
  if (cells.length === 1 && columns[0] === null) {
    const layout = { width: 1, from: -1, to: 0, optional: [] };
    const warning = looksLikeName(cells[0] as string)
      ? readAsRow(cells, 'does not name a column of accounts', 'account')
      : undefined;
    return { kind: 'row', layout, warning };
  }
  return {
    kind: 'error',
    message: `no column of accounts among its ${columnCount(cells)}`,
    advice:
      'Name the column "account" (or "from") in the first line, or give a file of exactly one column, an account a ' +
      'line, without a header',
  };
}

function firstOfPairs(cells: string[], names: ColumnNames): FirstRecord {
  const plain = cells.map((cell) => columnNamed(cell));
  const froms = plain.filter((column) => column?.kind === 'from').length;
  const tos = plain.filter((column) => column?.kind === 'to').length;
  if (froms > 0 && tos > 0) return readHeader(cells, names);
  if (froms + tos === 0 && cells.length === 2) {
    if (names.operation.edits) return changesNothing(cells, names.operation);
    return {
      kind: 'row',
      layout: { width: 2, from: 0, to: 1, optional: [] },
      warning: lookLikeNames(cells) ? readAsRow(cells, 'names neither from nor to', 'from and to') : undefined,
    };
  }
  const lack = froms === 0 && tos === 0 ? 'neither from nor to' : froms === 0 ? 'no from' : 'no to';
  return {
    kind: 'error',
    message: `${lack} among its ${columnCount(cells)}`,
    advice:
      'Name the columns "from" and "to" in the first line (From_Account and To_Account do too), ' +
      'or give a file of exactly two columns, from and to, without a header',
  };
}

/** `2 columns ("a", "b")`. */
export function columnCount(cells: string[]): string {
  return `${cells.length} column${cells.length === 1 ? '' : 's'} (${cellsText(cells)})`;
}

function cellsText(cells: string[]): string {
  return cells
    .slice(0, MAX_NAMES)
    .map((cell) => JSON.stringify(cell.slice(0, MAX_SHOWN)))
    .join(', ');
}

function readHeader(cells: string[], names: ColumnNames): FirstRecord {
  const layout: Layout = { width: cells.length, from: -1, to: -1, optional: [] };
  const seen = new Map<string, string>();
  for (const [at, cell] of cells.entries()) {
    const column = names.use(cell);
    if (column === null) continue;
    const key = keyOf(column);
    const twin = seen.get(key);
    if (twin !== undefined) {
      const message = `the columns ${JSON.stringify(twin)} and ${JSON.stringify(cell)} both mean ${key}`;
      return { kind: 'error', message, advice: 'Remove or rename one' };
    }
    seen.set(key, cell);
    if (column.kind === 'to' && names.operation.rows === 'accounts') return isOfPairs(cells, names.operation);
    if (column.kind === 'from') layout.from = at;
    else if (column.kind === 'to' || column.kind === 'account') layout.to = at;
    else layout.optional.push({ at, column });
  }
  if (names.operation.edits && layout.optional.length === 0) return changesNothing(cells, names.operation);
  return { kind: 'header', layout };
}

function isOfPairs(cells: string[], operation: Operation): FirstRecord {
  return {
    kind: 'error',
    message: `pairs among its ${columnCount(cells)}, and ${pairRefused(operation)}`,
    advice:
      operation.ofPairs === null
        ? 'befriend import FILE --dry-run --preflight checks both ends and lists the accounts that the app lacks in ' +
          'FILE.missing-accounts.txt, which accounts import takes. Or remove the column of the friends'
        : 'Remove the column of the friends if their accounts alone are meant',
  };
}

function changesNothing(cells: string[], { name }: Operation): FirstRecord {
  return {
    kind: 'error',
    message: `nothing to ${name} among its ${columnCount(cells)}`,
    advice: 'Name the columns in the first line: from, to, and what to change: remark, group, custom.<Tag>',
  };
}

/**
 * Whether a record below the first looks like a header, as files that were put together with `cat` have them: read as
 * a row it would befriend two accounts called "from" and "to", or check one called "account".
 */
export function isHeader(cells: readonly string[], { from, to }: Layout): boolean {
  const names = from < 0 ? ['account', 'from'] : ['from', 'to'];
  const ids = from < 0 ? [to] : [from, to];
  return ids.every((at) => names.includes(columnNamed(cells[at] ?? '')?.kind ?? ''));
}

function readAsRow(cells: string[], lack: string, columns: string): string {
  return (
    `the first record (${cellsText(cells)}) was read as a row: it ${lack}. If it is a header, call its columns as ` +
    `docs/formats.md has them; if it is a row, a line above it that names ${columns} ends this warning`
  );
}

/** Ids nearly always have a digit, words of a header never: better a line too many than a header sent as a row. */
function lookLikeNames(cells: string[]): boolean {
  return !cells.some((cell) => /\d/.test(cell));
}

/** What headers of lists of accounts are made of: `user_name`, `Member ID`, `uids`. */
const WORDS_OF_HEADERS = /^(?:(?:account|user|member|friend|login|name|nick|uid|id|identifier)s?|from|im|chat|app)+$/i;

/**
 * Lists of ids without a header are common, and many an id has letters alone: so only what is made of such words, or is
 * one of the names of the column with a slip.
 */
function looksLikeName(cell: string): boolean {
  if (cell.length > MAX_SHOWN || /\d/.test(cell)) return false;
  return WORDS_OF_HEADERS.test(cell.replace(/[^a-z]/gi, '')) || similarName(cell, ['account', 'UserID']) !== undefined;
}
