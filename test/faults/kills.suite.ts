/** G2, G3, G4, G8: a process of each role dies at every point of its talk with Redis, and nothing is lost or untrue. */
import { test } from 'vitest';
import { expectDeathsSurvived } from './kills.ts';
import { seedOf } from './plan.ts';
import { POINTS } from './points.ts';

test('kill -9 at every point', async () => {
  const seed = seedOf();
  console.log(`seed ${seed}`);
  const { tried, jobs, rows, calls } = await expectDeathsSurvived(seed, POINTS);
  console.log(`kill -9: ${tried} points tried, ${tried} survived; ${jobs} jobs, ${rows} rows, ${calls} calls`);
}, 900_000);
