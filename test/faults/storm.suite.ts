/** G1 to G5, G8: whatever befalls processes, Redis, the network and the service, jobs come out whole. */
import { test } from 'vitest';
import { seedOf } from './plan.ts';
import { DISTURBANCES, expectStormSurvived } from './storm.ts';

test('every disturbance', async () => {
  const seed = seedOf();
  console.log(`seed ${seed}`);
  const { tried, jobs, rows, calls } = await expectStormSurvived(seed, DISTURBANCES);
  console.log(`${tried.length} disturbances tried and survived; ${jobs} jobs, ${rows} rows, ${calls} calls`);
}, 900_000);
