import { defineConfig } from 'vitest/config';

/** The whole fault suite: minutes, so it is no part of `npm test`, which runs a short seeded part of it. */
export default defineConfig({
  test: {
    include: ['test/faults/*.suite.ts'],
    globalSetup: ['test/support/build.ts'],
    // Faults of one suite must not be load for another.
    fileParallelism: false,
  },
});
