/** G2, G3, G4, G8: a process of each role dies at every point of its talk with Redis, and nothing is lost or untrue. */
import { test } from 'vitest';
import { expectDeathsAloneSurvived, expectDeathsSurvived, expectSteeringSurvived } from './kills.ts';
import { seedOf } from './plan.ts';
import { POINTS } from './points.ts';

test('kill -9 at every point', async () => {
  const seed = seedOf();
  console.log(`seed ${seed}`);
  const { tried, jobs, rows, calls } = await expectDeathsSurvived(seed, POINTS);
  console.log(`kill -9: ${tried} points tried, ${tried} survived; ${jobs} jobs, ${rows} rows, ${calls} calls`);
}, 900_000);

test('kill -9 of a command that does all by itself, at every point', async () => {
  const seed = seedOf();
  console.log(`seed ${seed}`);
  const { tried, jobs, rows, calls } = await expectDeathsAloneSurvived(seed);
  console.log(`kill -9 alone: ${tried} points tried, ${tried} survived; ${jobs} jobs, ${rows} rows, ${calls} calls`);
}, 900_000);

test('kill -9 of each steering command at each phase of its script', async () => {
  const seed = seedOf();
  console.log(`seed ${seed}`);
  const tried = await expectSteeringSurvived(seed);
  console.log(`kill -9 of steering commands: ${tried} points tried, ${tried} survived`);
}, 900_000);
