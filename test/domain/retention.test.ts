import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { chooseExpired, type KeepLimits, LEAST_AGE_MS, type OverJob } from '../../src/domain/retention.ts';

const NOW = 1_000_000_000;
const HOUR = 3_600_000;

/** Jobs of a few ages and sizes; some ran the rows of another one again, some are held. */
const jobs = fc
  .array(
    fc.record({
      age: fc.oneof(fc.nat(2 * LEAST_AGE_MS), fc.nat(100 * HOUR)),
      bytes: fc.nat(1000),
      held: fc.boolean(),
      retryOf: fc.option(fc.nat(9), { nil: undefined }),
    }),
    { maxLength: 10 },
  )
  .map((all) =>
    all.map(({ age, retryOf, ...job }, n): OverJob => ({
      id: `job-${n}`,
      finishedAt: NOW - age,
      ...job,
      // Nothing is a retry of itself.
      ...(retryOf !== undefined && retryOf !== n && { retryOf: `job-${retryOf}` }),
    })),
  );
const limits: fc.Arbitrary<KeepLimits> = fc.record({
  olderThanMs: fc.option(fc.nat(100 * HOUR)),
  keepBytes: fc.option(fc.nat(5000)),
});

const bytesOf = (all: readonly OverJob[]): number => all.reduce((sum, { bytes }) => sum + bytes, 0);

test('what goes was free to go: not held, not fresh, and no retry of one that stays', () => {
  fc.assert(
    fc.property(jobs, limits, (all, asked) => {
      const gone = chooseExpired(all, asked, NOW);
      expect(new Set(gone).size).toBe(gone.length);
      for (const [n, id] of gone.entries()) {
        const job = all.find((one) => one.id === id)!;
        expect(job.held).toBe(false);
        expect(NOW - job.finishedAt).toBeGreaterThanOrEqual(LEAST_AGE_MS);
        // Removed in this order, so that a crash between two leaves no retry without its job either.
        const parents = all.filter((one) => one.id === job.retryOf).map((one) => one.id);
        expect(gone.slice(0, n)).toEqual(expect.arrayContaining(parents));
      }
    }),
  );
});

test('everything goes for a limit: too old, or more than may be kept when its turn came; the oldest first', () => {
  fc.assert(
    fc.property(jobs, limits, (all, { olderThanMs, keepBytes }) => {
      const gone = chooseExpired(all, { olderThanMs, keepBytes }, NOW).map((id) => all.find((one) => one.id === id)!);
      expect(gone.map(({ finishedAt }) => finishedAt)).toEqual(
        gone.map(({ finishedAt }) => finishedAt).toSorted((a, b) => a - b),
      );
      for (const [n, job] of gone.entries()) {
        const left = bytesOf(all) - bytesOf(gone.slice(0, n));
        const tooOld = olderThanMs !== null && NOW - job.finishedAt >= olderThanMs;
        expect(tooOld || (keepBytes !== null && left > keepBytes)).toBe(true);
      }
    }),
  );
});

test('what stays beyond a limit could not go', () => {
  fc.assert(
    fc.property(jobs, limits, (all, { olderThanMs, keepBytes }) => {
      const gone = new Set(chooseExpired(all, { olderThanMs, keepBytes }, NOW));
      const staying = all.filter(({ id }) => !gone.has(id));
      const free = staying.filter(
        ({ held, finishedAt, retryOf }) =>
          !held && NOW - finishedAt >= LEAST_AGE_MS && !all.some(({ id }) => id === retryOf),
      );
      const tooMuch = keepBytes !== null && bytesOf(staying) > keepBytes;
      const tooOld = free.filter(({ finishedAt }) => olderThanMs !== null && NOW - finishedAt >= olderThanMs);
      expect(tooMuch ? free : tooOld).toEqual([]);
    }),
  );
});

const job = (id: string, hours: number, bytes = 10, more: Partial<OverJob> = {}): OverJob => ({
  id,
  finishedAt: NOW - hours * HOUR,
  bytes,
  held: false,
  ...more,
});

test.each<[string, OverJob[], Partial<KeepLimits>, string[]]>([
  ['no limit: nothing', [job('a', 900)], {}, []],
  ['by age, oldest first', [job('a', 1), job('b', 30), job('c', 50)], { olderThanMs: 24 * HOUR }, ['c', 'b']],
  ['by size, until the rest fits', [job('a', 1), job('b', 2), job('c', 3)], { keepBytes: 10 }, ['c', 'b']],
  ['what just fits stays', [job('a', 1), job('b', 2)], { keepBytes: 20 }, []],
  [
    'a held one counts, and the next one goes in its place',
    [job('a', 1), job('b', 2, 10, { held: true })],
    { keepBytes: 10 },
    ['a'],
  ],
  ['one that ended just now stays', [job('a', 0)], { olderThanMs: 0, keepBytes: 0 }, []],
  [
    'a chain of retries, whole',
    [job('a', 9), job('b', 8, 1, { retryOf: 'a' }), job('c', 7, 1, { retryOf: 'b' })],
    { keepBytes: 0 },
    ['a', 'b', 'c'],
  ],
  [
    'the retry of one that is held stays',
    [job('a', 9, 1, { held: true }), job('b', 8, 1, { retryOf: 'a' })],
    { keepBytes: 0 },
    [],
  ],
  ['the retry of one that went long ago goes', [job('b', 8, 1, { retryOf: 'a' })], { keepBytes: 0 }, ['b']],
])('%s', (_, all, asked, gone) => {
  expect(chooseExpired(all, { olderThanMs: null, keepBytes: null, ...asked }, NOW)).toEqual(gone);
});
