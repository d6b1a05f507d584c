import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Vitest starts with the largest files. The longest of all are small: begun last, they would be waited for alone. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification) => moduleId.includes('/test/readings/');
    // oxlint-disable-next-line unicorn/no-array-sort -- a method of Vitest's, not of an array
    const bySize = await super.sort(files);
    return bySize.toSorted((a, b) => Number(isLong(b)) - Number(isLong(a)));
  }
}

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/build.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Most of what a test does is waiting, for processes and for time on the wire.
    maxWorkers: 4,
    sequence: { sequencer: LongestFirst },
  },
});
