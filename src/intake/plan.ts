/**
 * From which end each edge of a graph is asked, so that the calls are few. One call asks about up to `capacity` edges of one
 * account, and each edge can be asked from either end: a vertex cover with capacities. Finding the fewest is NP-hard; this
 * is a greedy cover after leaf reduction (Karp and Sipser, FOCS 1981), then edges are moved until no call is saved that way.
 * The same graph always gives the same plan.
 */

/** Edges between accounts 0…n-1. No edge is there twice, and none joins an account with itself. */
export interface Graph {
  accounts: number;
  u: Uint32Array;
  v: Uint32Array;
}

export interface Plan {
  /** Per edge: 1 where its `u` asks, 2 where its `v` does. */
  asks: Uint8Array;
  calls: number;
}

/** Who asks an edge. */
export const BY_U = 1;
export const BY_V = 2;

/** Calls of accounts that ask about so many edges each. */
export function callsOf(loads: Uint32Array, capacity: number): number {
  let calls = 0;
  for (const load of loads) calls += Math.ceil(load / capacity);
  return calls;
}

/** A plan with few calls: `simple` itself where nothing is saved, and never more than of the better-connected ends. */
export function plan(graph: Graph, simple: Uint8Array, capacity: number): Plan {
  const calls = callsOf(loadsOf(graph, simple), capacity);
  const covers = [greedyCover(graph), betterConnected(graph)].map((asks) => ({
    asks,
    calls: callsOf(loadsOf(graph, asks), capacity),
  }));
  const best = improved(graph, (covers[0]!.calls <= covers[1]!.calls ? covers[0]! : covers[1]!).asks, capacity);
  return best.calls < calls ? best : { asks: simple, calls };
}

/** A graph to be planned; `simple` as of `plan`. */
export interface Asked {
  graph: Graph;
  simple: Uint8Array;
  /** Edges of one call. */
  capacity: number;
}

export interface Planned {
  /** As of `Plan`. */
  asks: Uint8Array;
  /** No plan takes fewer calls, as far as is known. */
  lowerBound: number;
}

export function planned({ graph, simple, capacity }: Asked): Planned {
  return { asks: plan(graph, simple, capacity).asks, lowerBound: lowerBound(graph, capacity) };
}

/** How many edges each account asks about. */
export function loadsOf({ accounts, u, v }: Graph, asks: Uint8Array): Uint32Array {
  const loads = new Uint32Array(accounts);
  for (let e = 0; e < u.length; e++) loads[asks[e] === BY_U ? u[e]! : v[e]!]! += 1;
  return loads;
}

/** Each edge from the end that has more of them; where both have as many, from `u`. */
export function betterConnected({ accounts, u, v }: Graph): Uint8Array {
  const degree = new Uint32Array(accounts);
  for (let e = 0; e < u.length; e++) {
    degree[u[e]!]! += 1;
    degree[v[e]!]! += 1;
  }
  return Uint8Array.from(u, (a, e) => (degree[a]! >= degree[v[e]!]! ? BY_U : BY_V));
}

/** Edges of each account: those of account a are `edges[first[a]]` to `edges[first[a + 1] - 1]`. */
function adjacency({ accounts, u, v }: Graph): { first: Uint32Array; edges: Uint32Array } {
  const first = new Uint32Array(accounts + 1);
  for (let e = 0; e < u.length; e++) {
    first[u[e]! + 1]! += 1;
    first[v[e]! + 1]! += 1;
  }
  for (let a = 0; a < accounts; a++) first[a + 1]! += first[a]!;
  const at = first.slice(0, accounts);
  const edges = new Uint32Array(2 * u.length);
  for (let e = 0; e < u.length; e++) {
    edges[at[u[e]!]!++] = e;
    edges[at[v[e]!]!++] = e;
  }
  return { first, edges };
}

/** Accounts by how many open edges they have; the number only ever falls. */
class ByDegree {
  readonly degree: Uint32Array;
  readonly #head: Int32Array;
  readonly #next: Int32Array;
  readonly #before: Int32Array;
  #most: number;
  #fewest = 1;

  constructor(first: Uint32Array) {
    const accounts = first.length - 1;
    this.degree = new Uint32Array(accounts);
    this.#next = new Int32Array(accounts).fill(-1);
    this.#before = new Int32Array(accounts).fill(-1);
    let most = 0;
    for (let a = 0; a < accounts; a++) {
      this.degree[a] = first[a + 1]! - first[a]!;
      most = Math.max(most, this.degree[a]!);
    }
    this.#most = most;
    this.#head = new Int32Array(most + 1).fill(-1);
    for (let a = accounts - 1; a >= 0; a--) this.#put(a);
  }

  /** One with a single open edge, or -1. */
  leaf(): number {
    return this.#head[1] ?? -1;
  }

  /** The one with fewest open edges; -1 when there is none with any. */
  fewest(): number {
    while (this.#fewest < this.#head.length && this.#head[this.#fewest] === -1) this.#fewest += 1;
    return this.#head[this.#fewest] ?? -1;
  }

  /** The one with most open edges; -1 when there is none with any. */
  most(): number {
    while (this.#most > 0 && this.#head[this.#most] === -1) this.#most -= 1;
    return this.#most === 0 ? -1 : this.#head[this.#most]!;
  }

  lower(account: number): void {
    this.#take(account);
    const degree = (this.degree[account]! -= 1);
    if (degree > 0 && degree < this.#fewest) this.#fewest = degree;
    this.#put(account);
  }

  #take(account: number): void {
    const [before, next] = [this.#before[account]!, this.#next[account]!];
    if (before === -1) this.#head[this.degree[account]!] = next;
    else this.#next[before] = next;
    if (next !== -1) this.#before[next] = before;
  }

  #put(account: number): void {
    const degree = this.degree[account]!;
    const next = this.#head[degree]!;
    this.#before[account] = -1;
    this.#next[account] = next;
    if (next !== -1) this.#before[next] = account;
    this.#head[degree] = account;
  }
}

/**
 * An account with a single open edge need not ask: its neighbour asks all of its own. Where there is none, whoever has most
 * open edges asks them.
 */
function greedyCover(graph: Graph): Uint8Array {
  const { u, v } = graph;
  const { first, edges } = adjacency(graph);
  const asks = new Uint8Array(u.length);
  const open = new ByDegree(first);
  const openEdge = (account: number): number => {
    let at = first[account]!;
    while (asks[edges[at]!] !== 0) at += 1;
    return edges[at]!;
  };
  for (;;) {
    const leaf = open.leaf();
    const asker = leaf === -1 ? open.most() : otherEnd(graph, openEdge(leaf), leaf);
    if (asker === -1) return asks;
    for (let at = first[asker]!; at < first[asker + 1]!; at++) {
      const e = edges[at]!;
      if (asks[e] !== 0) continue;
      asks[e] = u[e] === asker ? BY_U : BY_V;
      open.lower(u[e]!);
      open.lower(v[e]!);
    }
  }
}

const otherEnd = ({ u, v }: Graph, edge: number, end: number): number => (u[edge] === end ? v[edge]! : u[edge]!);

/** Rounds of moving: each is a look at every account, and few save anything after the second. */
const MOST_ROUNDS = 8;

/**
 * Moves edges to their other ends where that saves calls: those of an account's last call, if each of their other ends asks
 * anyway and has room in its own last call.
 */
export function improved(graph: Graph, given: Uint8Array, capacity: number): Plan {
  const { accounts, u, v } = graph;
  const asks = given.slice();
  const { first, edges } = adjacency(graph);
  const load = loadsOf(graph, asks);
  const asker = (e: number): number => (asks[e] === BY_U ? u[e]! : v[e]!);
  const hasRoom = (account: number): boolean => load[account]! % capacity !== 0;
  const moved: number[] = [];

  const move = (e: number, to: number): void => {
    load[asker(e)]! -= 1;
    load[to]! += 1;
    asks[e] = u[e] === to ? BY_U : BY_V;
  };
  /** @returns whether a call of the account is saved */
  const savesCall = (account: number): boolean => {
    let left = lastCall(load[account]!, capacity);
    moved.length = 0;
    for (let at = first[account]!; left > 0 && at < first[account + 1]!; at++) {
      const e = edges[at]!;
      if (asker(e) !== account) continue;
      const peer = otherEnd(graph, e, account);
      if (!hasRoom(peer)) continue;
      move(e, peer);
      moved.push(e);
      left -= 1;
    }
    if (left > 0) for (const e of moved) move(e, account);
    return left === 0;
  };

  // Those with the fewest edges in their last call have the fewest to move.
  const order = Uint32Array.from({ length: accounts }, (_, a) => a);
  for (let round = 0, saved = true; saved && round < MOST_ROUNDS; round++) {
    saved = false;
    const last = load.map((of) => (of === 0 ? 0 : lastCall(of, capacity)));
    order.sort((a, b) => last[a]! - last[b]! || a - b);
    for (const account of order) {
      if (load[account]! > 0 && savesCall(account)) saved = true;
    }
  }
  return { asks, calls: callsOf(load, capacity) };
}

/** Edges in the last of an account's calls. */
const lastCall = (load: number, capacity: number): number => ((load - 1) % capacity) + 1;

/**
 * No plan has fewer calls: edges of a matching have no end in common, so each needs an asking account of its own; and a call
 * asks about `capacity` edges. The matching is found as in the leaf reduction, so it is nearly as large as there is.
 */
export function lowerBound(graph: Graph, capacity: number): number {
  const { accounts, u, v } = graph;
  const { first, edges } = adjacency(graph);
  const open = new ByDegree(first);
  const matched = new Uint8Array(accounts);
  const gone = new Uint8Array(u.length);
  const drop = (account: number): void => {
    matched[account] = 1;
    for (let at = first[account]!; at < first[account + 1]!; at++) {
      const e = edges[at]!;
      if (gone[e] === 1) continue;
      gone[e] = 1;
      open.lower(u[e]!);
      open.lower(v[e]!);
    }
  };
  let size = 0;
  for (let account = open.fewest(); account !== -1; account = open.fewest()) {
    const peer = fewestOf(graph, account, { first, edges, gone, degree: open.degree });
    size += 1;
    drop(account);
    drop(peer);
  }
  return Math.max(size, Math.ceil(u.length / capacity));
}

/** The neighbour with the fewest open edges: others find partners more easily. */
function fewestOf(
  graph: Graph,
  account: number,
  { first, edges, gone, degree }: { first: Uint32Array; edges: Uint32Array; gone: Uint8Array; degree: Uint32Array },
): number {
  let fewest = -1;
  for (let at = first[account]!; at < first[account + 1]!; at++) {
    const e = edges[at]!;
    if (gone[e] === 1) continue;
    const peer = otherEnd(graph, e, account);
    if (fewest === -1 || degree[peer]! < degree[fewest]!) fewest = peer;
  }
  return fewest;
}
