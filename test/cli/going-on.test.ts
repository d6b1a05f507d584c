import { expect, test } from 'vitest';
import { goingOn } from '../../src/cli/going-on.ts';
import type { JobStatus } from '../../src/domain/job.ts';

const found = (state: JobStatus['state'], open: number, retryOf?: string) =>
  goingOn({ id: 'j-2', state, totals: { accepted: 12_000, open }, retryOf } as JobStatus, 'row');

test('what was found is told as it was, with what is left of it', () => {
  expect(found('paused', 9964)).toBe('job j-2 was paused: going on with its 9,964 open rows of 12,000 accepted');
  expect(found('stopped', 1)).toBe('job j-2 had stopped: going on with its 1 open row of 12,000 accepted');
  expect(found('running', 2)).toBe('job j-2 had been begun: going on with its 2 open rows of 12,000 accepted');
  expect(found('cancelled', 2)).toBe('job j-2 was cancelled: ending its 2 open rows of 12,000 accepted');
  expect(found('paused', 0)).toBe('job j-2 was paused: going on with its 0 open rows of 12,000 accepted');
  expect(found('cancelled', 0)).toBe('job j-2 was cancelled: none of its 12,000 rows is open');
  expect(found('completed', 0)).toBe('job j-2 was completed already: none of its 12,000 rows is open');
  expect(found('paused', 2, 'j-1')).toMatch(/^job j-2, a retry of j-1, was paused: going on/);
});
