/** The part of the fault suite that every run of the tests has: a death at each frequent name, and a disturbance of each kind. */
import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { seededRandom } from '../../src/simulator/graph.ts';
import { expectDeathsSurvived } from './kills.ts';
import { killPlan, seedOf, shuffle } from './plan.ts';
import { APART, ELSEWHERE, NAMES, OUR_SCRIPTS, PARTIES, PHASES, type Point, POINTS } from './points.ts';
import { DISTURBANCES, expectStormSurvived } from './storm.ts';

const SEED = seedOf({ BEFRIEND_TEST_SEED: '1', ...process.env });
/** What every job comes by again and again: nobody waits for it. */
const FREQUENT = new Set(
  ['submit', 'feed', 'claim', 'record', 'lease', 'agree', 'finish', 'read-results'].concat(
    ['addPrioritizedJob', 'moveToActive', 'moveToFinished'].map((name) => `queue.${name}`),
  ),
);
/** Of each kind one that takes no longer than it must. */
const QUICK = [
  'kill -9 of Redis, back with its AOF',
  'SCRIPT FLUSH',
  'maxmemory reached',
  'connections are cut on the way to Redis',
  'half-open connections on the way to the API',
  'service: resets after applying',
];
const ACCOUNTS = 600;

test('every script of ours has points, or a test of its own', () => {
  const named = new Set([...PARTIES.flatMap((party) => NAMES[party]), ...Object.keys(ELSEWHERE)]);
  expect(Object.values(ELSEWHERE).filter((path) => !existsSync(path))).toEqual([]);
  expect([...OUR_SCRIPTS.keys()].filter((name) => !named.has(name))).toEqual([]);
});

test('a seed makes one plan, and another seed another', () => {
  const drawn = (seed: number) => killPlan(seed, POINTS);
  expect(drawn(7)).toEqual(drawn(7));
  expect(drawn(7)).not.toEqual(drawn(8));
  expect(APART.flatMap((party) => drawn(7)[party])).toHaveLength(POINTS.length);
});

test('processes die at one point of each name that is frequent', async () => {
  const random = seededRandom(SEED);
  const points = APART.flatMap((party) =>
    NAMES[party]
      .filter((name) => FREQUENT.has(name))
      .map((name): Point => ({ party, name, phase: shuffle(PHASES, random)[0]! })),
  );
  await expectDeathsSurvived(SEED, points);
}, 120_000);

test('a disturbance of each kind', async () => {
  const chosen = DISTURBANCES.filter(({ name }) => QUICK.includes(name));
  expect(chosen).toHaveLength(QUICK.length);
  const { tried } = await expectStormSurvived(SEED, chosen, ACCOUNTS);
  expect(tried).toHaveLength(QUICK.length);
}, 120_000);
