import type { RowDirection } from '../domain/chunk.ts';
import { markedOnly, type TakesRow } from './again.ts';
import { readSorted } from './cut-rows.ts';
import { Degrees } from './degrees.ts';
import { BY_U, BY_V, type Graph } from './plan.ts';
import { planBeside } from './planner.ts';
import { type SortOptions, sortRows } from './sort.ts';
import { Stage } from './stage.ts';

export interface PlanOptions {
  /** Items of one call. */
  capacity: number;
  /** Rows in the sorted file that may count, duplicates included: at least so many. */
  rows: number;
  /** Only rows with a mark count. */
  marked: boolean;
  /** Most memory for the graph. Bytes. */
  memoryBytes: number;
  sort: SortOptions;
  /** Somewhere to write what is sorted then. */
  scratch: string;
  duplicate(line: number, first: number, from: string, to: string): void;
  /** Between pieces of the file. */
  flush(): Promise<void>;
}

export interface PlannedRows {
  /** False: no end is better than the rows' own, and `planned` is of no use. Duplicates are told all the same. */
  isPlanned: boolean;
  /** Rows that count: each once. */
  accepted: number;
  duplicates: number;
  /** Distinct accounts in `from`. */
  accounts: number;
  /** Calls when every account in `from` is asked about its own rows. */
  everyAccount: number;
  /** No plan takes fewer calls, as far as is known. */
  lowerBound: number;
}

/**
 * Chooses from which end each pair of accounts is asked, where an answer tells both directions, and writes what is asked to
 * `planned` as it is cut: `asked TAB peer TAB line TAB rows`, sorted; a pair whose rows run both ways may have a line for
 * each. Rows come from `sorted`; duplicates are found on the way. The plan is greedy (plan.ts) while the graph fits the
 * memory; beyond, the better-connected end is asked, unless the rows' own ends take fewer calls.
 */
export async function planRows(sorted: string, planned: string, options: PlanOptions): Promise<PlannedRows> {
  const { capacity, sort, marked, scratch } = options;
  const edges = new Edges(options);
  const rows = new DistinctRows(options, edges);
  const read = (path: string, take: TakesRow, flush = options.flush) => readSorted(path, take, sort.signal, flush);
  const ofMarked = (take: TakesRow) => (marked ? markedOnly(take) : take);
  await read(
    sorted,
    ofMarked((line, from, to) => rows.row(line, from, to)),
  );
  rows.end();
  const { accepted, duplicates, accounts, everyAccount } = rows;
  const told = { accepted, duplicates, accounts, everyAccount };
  if (edges.tooMany) {
    await writeByDegree((take, flush) => read(sorted, ofMarked(onlyFirst(take)), flush), scratch);
    await sortRows(scratch, planned, sort);
    const calls = await callsOf((take) => read(planned, onlyFirst(take)), capacity);
    return { ...told, isPlanned: calls <= everyAccount, lowerBound: Math.ceil(accepted / 2 / capacity) };
  }
  const { graph: found, directions } = edges.graph();
  const { graph, asks, lowerBound } = await planBeside(
    { graph: found, simple: ownEnds(directions), capacity },
    sort.signal,
  );
  await writePairs(scratch, graph, directions, asks, edges.names, options);
  await sortRows(scratch, planned, sort);
  return { ...told, isPlanned: true, lowerBound };
}

type ReadRows = (take: TakesRow, flush?: () => Promise<void>) => Promise<void>;

/** Of sorted rows that name the same accounts the first alone. */
function onlyFirst(take: TakesRow): TakesRow {
  let last: { from: string; to: string } | null = null;
  return (line, from, to, ...rest) => {
    if (last?.from === from && last.to === to) return;
    last = { from, to };
    take(line, from, to, ...rest);
  };
}

/** Each row from the end that more rows name. Both rows of a pair fall to the same end, whatever the counts say. */
async function writeByDegree(read: ReadRows, path: string): Promise<void> {
  const degrees = new Degrees();
  await read((_, from, to) => {
    degrees.count(from);
    degrees.count(to);
  });
  const stage = await Stage.create(path);
  try {
    const row: TakesRow = (line, from, to) => {
      const more = degrees.of(from) - degrees.of(to);
      if (more > 0 || (more === 0 && from < to)) stage.row(line, from, to, 'forward');
      else stage.row(line, to, from, 'reverse');
    };
    await read(row, () => stage.flush());
  } finally {
    await stage.close();
  }
}

async function callsOf(read: ReadRows, capacity: number): Promise<number> {
  let calls = 0;
  let asked: string | null = null;
  let peers = 0;
  await read((_, from) => {
    if (from !== asked) peers = 0;
    asked = from;
    if (peers % capacity === 0) calls += 1;
    peers += 1;
  });
  return calls;
}

/** Rows sorted by from, to and line: what is there twice, and what asking each account would take. */
class DistinctRows {
  accepted = 0;
  duplicates = 0;
  accounts = 0;
  everyAccount = 0;
  readonly #options: PlanOptions;
  readonly #edges: Edges;
  #from: string | null = null;
  #to = '';
  #line = 0;
  #ofFrom = 0;

  constructor(options: PlanOptions, edges: Edges) {
    this.#options = options;
    this.#edges = edges;
  }

  row(line: number, from: string, to: string): void {
    if (from !== this.#from) {
      this.end();
      this.#from = from;
      this.#ofFrom = 0;
      this.accounts += 1;
    } else if (to === this.#to) {
      this.duplicates += 1;
      return this.#options.duplicate(line, this.#line, from, to);
    }
    this.#to = to;
    this.#line = line;
    this.#ofFrom += 1;
    this.accepted += 1;
    this.#edges.add(from, to);
  }

  /** After the last row, or the last one of an account. */
  end(): void {
    if (this.#from !== null) this.everyAccount += Math.ceil(this.#ofFrom / this.#options.capacity);
  }
}

/** Bytes of an account: its id of 32 bytes at most, its place in a map and in arrays of the plan. */
const ACCOUNT_BYTES = 180;
/** Bytes of a row: its key, and what the plan has of its edge. */
const ROW_BYTES = 36;
/** A row's key is exact in a double up to so many accounts. */
const MOST_ACCOUNTS = 2 ** 26;

/** Which rows an edge stands for. */
const U_TO_V = 1;
const V_TO_U = 2;

/** Rows as the edges of a graph of numbered accounts. */
class Edges {
  readonly names: string[] = [];
  readonly #numbers = new Map<string, number>();
  /** Of a row between accounts a < b: (a × 2²⁶ + b) × 2, and 1 where it runs from b to a. */
  readonly #keys: Float64Array;
  readonly #mostAccounts: number;
  #rows = 0;
  #from = { name: '', number: -1 };
  tooMany: boolean;

  constructor({ rows, memoryBytes }: PlanOptions) {
    this.#mostAccounts = Math.min(MOST_ACCOUNTS, (memoryBytes - rows * ROW_BYTES) / ACCOUNT_BYTES);
    this.tooMany = this.#mostAccounts < 2;
    this.#keys = new Float64Array(this.tooMany ? 0 : rows);
  }

  /** The rows of one account come one after the other. */
  add(from: string, to: string): void {
    if (this.tooMany) return;
    if (from !== this.#from.name) this.#from = { name: from, number: this.#numberOf(from) };
    const [a, b] = [this.#from.number, this.#numberOf(to)];
    this.#keys[this.#rows++] = a < b ? (a * MOST_ACCOUNTS + b) * 2 : (b * MOST_ACCOUNTS + a) * 2 + 1;
    if (this.names.length > this.#mostAccounts) this.#giveUp();
  }

  #numberOf(name: string): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    // A copy: a piece of the file's text would keep all of that.
    const copy = Buffer.from(name).toString();
    this.#numbers.set(copy, this.names.length);
    return this.names.push(copy) - 1;
  }

  #giveUp(): void {
    this.tooMany = true;
    this.names.length = 0;
    this.#numbers.clear();
  }

  graph(): { graph: Graph; directions: Uint8Array } {
    this.#numbers.clear();
    const keys = this.#keys.subarray(0, this.#rows);
    // In place: a copy would take as much memory again.
    // oxlint-disable-next-line unicorn/no-array-sort
    keys.sort();
    let edges = 0;
    let last = -1;
    for (const key of keys) {
      const pair = Math.floor(key / 2);
      if (pair !== last) edges += 1;
      last = pair;
    }
    const graph = { accounts: this.names.length, u: new Uint32Array(edges), v: new Uint32Array(edges) };
    const directions = new Uint8Array(edges);
    let at = -1;
    last = -1;
    for (const key of keys) {
      const pair = Math.floor(key / 2);
      if (pair !== last) {
        at += 1;
        graph.u[at] = Math.floor(pair / MOST_ACCOUNTS);
        graph.v[at] = pair % MOST_ACCOUNTS;
      }
      directions[at]! |= key % 2 === 0 ? U_TO_V : V_TO_U;
      last = pair;
    }
    return { graph, directions };
  }
}

/** Each edge from the end that a row of it begins at. */
const ownEnds = (directions: Uint8Array): Uint8Array =>
  directions.map((direction) => ((direction & U_TO_V) === 0 ? BY_V : BY_U));

/** Edges between two flushes: about a megabyte. */
const FLUSH_EDGES = 16_384;

async function writePairs(
  path: string,
  { u, v }: Graph,
  directions: Uint8Array,
  asks: Uint8Array,
  names: readonly string[],
  { sort: { signal } }: PlanOptions,
): Promise<void> {
  const stage = await Stage.create(path);
  try {
    for (let e = 0; e < asks.length; e++) {
      const [asked, peer] = asks[e] === BY_U ? [u[e]!, v[e]!] : [v[e]!, u[e]!];
      stage.row(e, names[asked]!, names[peer]!, rowsOf(directions[e]!, asks[e] === BY_U ? U_TO_V : V_TO_U));
      if (e % FLUSH_EDGES !== 0) continue;
      signal?.throwIfAborted();
      await stage.flush();
    }
  } finally {
    await stage.close();
  }
}

/** @param own the direction of a row from the account that is asked */
function rowsOf(directions: number, own: number): RowDirection {
  if (directions === (U_TO_V | V_TO_U)) return 'both';
  return directions === own ? 'forward' : 'reverse';
}
