import { seededRandom } from '../../src/simulator/graph.ts';
import type { Trap } from './kill-proxy.ts';
import { PARTIES, type Party, type Point } from './points.ts';

/** Places of a job that are often come by may be died at later than at the first time: up to so many times later. */
const OFTEN: Record<string, number> = {
  claim: 40,
  record: 40,
  lease: 6,
  feed: 6,
  'queue.moveToActive': 20,
  'queue.moveToFinished': 30,
  'queue.moveToDelayed': 3,
  'read-results': 4,
};

/** The seed of this run: BEFRIEND_TEST_SEED, or any. The same seed makes the same plan; every failure names it. */
export function seedOf(env: NodeJS.ProcessEnv = process.env): number {
  return Number(env.BEFRIEND_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
}

/** In which order each party dies where, and at which time that it comes by there. */
export function killPlan(seed: number, points: readonly Point[]): Record<Party, (Point & Trap)[]> {
  const random = seededRandom(seed);
  const drawn = shuffle(points, random).map((point) => ({
    ...point,
    nth: 1 + Math.floor(random() * (OFTEN[point.name] ?? 1)),
  }));
  return Object.fromEntries(PARTIES.map((party) => [party, drawn.filter((point) => point.party === party)])) as Record<
    Party,
    (Point & Trap)[]
  >;
}

export function shuffle<T>(all: readonly T[], random: () => number): T[] {
  return all
    .map((one) => ({ one, place: random() }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ one }) => one);
}
