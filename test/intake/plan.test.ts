/** Plans of calls: each edge asked once, no call too large, never worse than simpler plans, near the best there is. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { betterConnected, BY_U, BY_V, callsOf, type Graph, loadsOf, lowerBound, plan } from '../../src/intake/plan.ts';
import { seededRandom } from '../../src/simulator/graph.ts';

function graphOf(pairs: readonly (readonly [number, number])[]): Graph {
  const edges = [...new Set(pairs.filter(([a, b]) => a !== b).map(([a, b]) => `${Math.min(a, b)} ${Math.max(a, b)}`))];
  const ends = edges.map((edge) => edge.split(' ').map(Number) as [number, number]);
  return {
    accounts: Math.max(-1, ...ends.flat()) + 1,
    u: Uint32Array.from(ends, ([u]) => u),
    v: Uint32Array.from(ends, ([, v]) => v),
  };
}

const callsIn = (graph: Graph, asks: Uint8Array, capacity: number): number => callsOf(loadsOf(graph, asks), capacity);

/** The fewest calls, by looking at every plan. */
function fewest(graph: Graph, capacity: number): number {
  let best = Infinity;
  const edges = graph.u.length;
  for (let n = 0; n < 2 ** edges; n += 1) {
    const asks = Uint8Array.from({ length: edges }, (_, e) => ((n >> e) % 2 === 0 ? BY_U : BY_V));
    best = Math.min(best, callsIn(graph, asks, capacity));
  }
  return edges === 0 ? 0 : best;
}

const graphs = (accounts: number, edges: number) =>
  fc.array(fc.tuple(fc.nat({ max: accounts - 1 }), fc.nat({ max: accounts - 1 })), { maxLength: edges }).map(graphOf);
/** Who asks where nobody plans. */
const simpleOf = ({ u }: Graph, seed: number): Uint8Array => {
  const random = seededRandom(seed);
  return Uint8Array.from(u, () => (random() < 0.5 ? BY_U : BY_V));
};

test('every edge is asked from one of its ends, in no more calls than any simpler plan, and in no fewer than can be', () => {
  fc.assert(
    fc.property(graphs(30, 120), fc.integer({ min: 1, max: 6 }), fc.nat(), (graph, capacity, seed) => {
      const simple = simpleOf(graph, seed);
      const { asks, calls } = plan(graph, simple, capacity);
      expect(asks.length).toBe(graph.u.length);
      expect(asks.every((by) => by === BY_U || by === BY_V)).toBe(true);
      expect(calls).toBe(callsIn(graph, asks, capacity));
      expect(calls).toBeLessThanOrEqual(callsIn(graph, simple, capacity));
      expect(calls).toBeLessThanOrEqual(callsIn(graph, betterConnected(graph), capacity));
      expect(lowerBound(graph, capacity)).toBeLessThanOrEqual(calls);
      expect(plan(graph, simple, capacity)).toEqual({ asks, calls });
    }),
    { numRuns: 500 },
  );
});

test('beside the best plan of small graphs: one call more at most in any, and 3 % in all', () => {
  let [mine, best] = [0, 0];
  fc.assert(
    fc.property(graphs(7, 12), fc.integer({ min: 1, max: 4 }), (graph, capacity) => {
      const { calls } = plan(graph, simpleOf(graph, 1), capacity);
      const least = fewest(graph, capacity);
      expect(lowerBound(graph, capacity)).toBeLessThanOrEqual(least);
      expect(calls).toBeLessThanOrEqual(least + 1);
      mine += calls;
      best += least;
    }),
    { numRuns: 300, seed: 7 },
  );
  expect(mine / best).toBeLessThan(1.03);
});

test.each([
  [
    'a star is asked from its middle',
    [
      [0, 1],
      [0, 2],
      [0, 3],
    ],
    1000,
    1,
  ],
  [
    'a path of five from its second and fourth',
    [
      [0, 1],
      [1, 2],
      [2, 3],
      [3, 4],
    ],
    1000,
    2,
  ],
  [
    'a hub with one friend too many leaves that one to a friend who asks anyway',
    [
      [0, 1],
      [0, 2],
      [0, 3],
      [3, 4],
      [3, 5],
    ],
    2,
    3,
  ],
  ['nothing', [], 1000, 0],
] as [string, [number, number][], number, number][])('%s', (_, pairs, capacity, calls) => {
  const graph = graphOf(pairs);
  expect(plan(graph, new Uint8Array(graph.u.length).fill(BY_U), capacity).calls).toBe(calls);
});
