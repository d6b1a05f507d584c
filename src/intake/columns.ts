import type { FieldName, Operation } from '../domain/operation.ts';

/** Where a value of the input belongs: an end of the pair, an optional field, or one custom field by its tag. */
export type Column =
  | { kind: 'from' }
  | { kind: 'to' }
  | { kind: 'field'; field: Exclude<FieldName, 'custom'> }
  | { kind: 'custom'; tag: string }
  /** A whole set of custom fields: an object by tag, or the API's `[{Tag, Value}]`. JSONL only. */
  | { kind: 'custom-set' };

/** befriend's names and the API's own, in lower case (Chat API 1047/34903 for the latter). */
const NAMES: Record<string, Column> = {
  from: { kind: 'from' },
  from_account: { kind: 'from' },
  to: { kind: 'to' },
  to_account: { kind: 'to' },
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
  custom: { kind: 'custom-set' },
  customitem: { kind: 'custom-set' },
};

const CUSTOM_TAG = /^(?:custom\.|tag_sns_custom_)(.+)$/i;

/** The column a name stands for; null when it means nothing to befriend. Case does not matter, but in tags. */
export function columnNamed(name: string): Column | null {
  const known = NAMES[name.trim().toLowerCase()];
  if (known) return known;
  const tag = CUSTOM_TAG.exec(name.trim())?.[1];
  return tag === undefined ? null : { kind: 'custom', tag };
}

/** One key per thing a row can have: two columns with the same key contradict each other. */
export function keyOf(column: Column): string {
  if (column.kind === 'field') return column.field;
  if (column.kind === 'custom') return `custom.${column.tag}`;
  return column.kind === 'custom-set' ? 'custom' : column.kind;
}

const MAX_NAMES = 20;

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

  #resolve(name: string): Column | null {
    const column = columnNamed(name);
    if (column === null) return note(this.#unknown, name);
    if (column.kind === 'from' || column.kind === 'to') return column;
    const field = column.kind === 'field' ? column.field : 'custom';
    return this.#operation.fields.includes(field) ? column : note(this.#notTaken, name);
  }
}

/** `"a", "b" and others`. */
function list(names: Set<string>): string {
  const shown = [...names].slice(0, MAX_NAMES).map((name) => JSON.stringify(name.slice(0, 64)));
  return shown.join(', ') + (names.size > MAX_NAMES ? ' and others' : '');
}

function note(names: Set<string>, name: string): null {
  if (names.size <= MAX_NAMES) names.add(name);
  return null;
}

/** How the fields of a CSV or TSV record are read. */
export interface Layout {
  width: number;
  from: number;
  to: number;
  /** The optional columns in use, with their place. */
  optional: { at: number; column: Column }[];
}

export type FirstRecord =
  | { kind: 'header'; layout: Layout }
  /** The record is the first row: exactly two columns, from and to. */
  | { kind: 'row'; layout: Layout; warning?: string }
  | { kind: 'error'; message: string };

/** Decides what the first record of a CSV or TSV file is. */
export function readFirstRecord(cells: string[], names: ColumnNames): FirstRecord {
  const plain = cells.map((cell) => columnNamed(cell));
  const froms = plain.filter((column) => column?.kind === 'from').length;
  const tos = plain.filter((column) => column?.kind === 'to').length;
  if (froms > 0 && tos > 0) return readHeader(cells, names);
  if (froms + tos === 0 && cells.length === 2) {
    return { kind: 'row', layout: { width: 2, from: 0, to: 1, optional: [] }, warning: lookLikeNames(cells) };
  }
  const found = cells.slice(0, MAX_NAMES).map((cell) => JSON.stringify(cell.slice(0, 64)));
  const lack = froms === 0 && tos === 0 ? 'neither from nor to' : froms === 0 ? 'no from' : 'no to';
  return {
    kind: 'error',
    message:
      `${lack} among its ${cells.length} column${cells.length === 1 ? '' : 's'} (${found.join(', ')}). ` +
      'Name the columns "from" and "to" in the first line (From_Account and To_Account do too), ' +
      'or give a file of exactly two columns, from and to, without a header',
  };
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
      return { kind: 'error', message: `the columns "${twin}" and "${cell}" both mean ${key}. Remove or rename one` };
    }
    seen.set(key, cell);
    if (column.kind === 'from') layout.from = at;
    else if (column.kind === 'to') layout.to = at;
    else layout.optional.push({ at, column });
  }
  return { kind: 'header', layout };
}

/** Ids nearly always have a digit, words of a header never: better a line too many than a header sent as a row. */
function lookLikeNames(cells: string[]): string | undefined {
  if (cells.some((cell) => /\d/.test(cell))) return undefined;
  return `the first record (${cells.map((cell) => JSON.stringify(cell.slice(0, 64))).join(', ')}) was read as a row: it names neither from nor to`;
}
