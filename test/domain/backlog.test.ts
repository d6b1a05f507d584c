import { expect, test } from 'vitest';
import { type Backlog, heldBackText, standingOf } from '../../src/domain/backlog.ts';

const MB = 1e6;
const LIMITS = { mostBytes: 64 * MB, keptBytes: 8 * MB };
const ROOMY = { usedBytes: 900 * MB, mostBytes: 0 };
type Job = Backlog['jobs'][number];
const job = (name: string, bytes: number, groups: Job['groups'] = []): Job => ({
  job: name,
  bytes,
  entries: 100,
  groups,
});

test.each<[string, Backlog, RegExp | null]>([
  ['nothing there', { memory: ROOMY, jobs: [] }, null],
  ['just the limit', { memory: ROOMY, jobs: [job('a', 72 * MB)] }, null],
  [
    'what is kept anyway does not count, of however many jobs',
    { memory: ROOMY, jobs: Array.from({ length: 50 }, () => job('a', 8 * MB)) },
    null,
  ],
  [
    'nobody writes',
    { memory: ROOMY, jobs: [job('a', 90 * MB)] },
    /^82 MB of outcomes wait in Redis, since no worker writes/,
  ],
  [
    'several jobs together',
    { memory: ROOMY, jobs: [job('a', 42 * MB), job('b', 43 * MB)] },
    /^69 MB .* no worker writes/,
  ],
  [
    'a durable group, the slowest',
    {
      memory: ROOMY,
      jobs: [
        job('a', 90 * MB, [
          { group: 'x', entries: 60 },
          { group: 'y', entries: 90 },
        ]),
      ],
    },
    /since durable group y does not acknowledge those of job a$/,
  ],
  [
    'a group that keeps up is not to blame',
    { memory: ROOMY, jobs: [job('a', 90 * MB, [{ group: 'x', entries: 3 }])] },
    /no worker writes/,
  ],
  [
    'Redis is nearly full of something else',
    { memory: { usedBytes: 86 * MB, mostBytes: 100 * MB }, jobs: [] },
    /^Redis is nearly full \(86 MB of 100 MB\)$/,
  ],
  [
    'and of this',
    { memory: { usedBytes: 86 * MB, mostBytes: 100 * MB }, jobs: [job('a', 20 * MB)] },
    /^Redis is nearly full \(86 MB of 100 MB\), and 12 MB of outcomes wait/,
  ],
  ['a limit that is far', { memory: { usedBytes: 85 * MB, mostBytes: 100 * MB }, jobs: [job('a', 20 * MB)] }, null],
])('%s', (_, backlog, text) => {
  const said = heldBackText(backlog, LIMITS);
  expect(said ?? '').toMatch(text ?? /^$/);
});

test('how groups stand: also those that have nothing to come', () => {
  const groups = (x: number, y: number): Job['groups'] => [
    { group: 'x', entries: x },
    { group: 'y', entries: y },
  ];
  const backlog = { memory: ROOMY, jobs: [job('a', 1, groups(3, 0)), job('b', 1, groups(4, 1)), job('c', 1)] };
  expect(standingOf(['w', 'y'], backlog)).toEqual([
    { group: 'w', jobs: 0, entries: 0 },
    { group: 'x', jobs: 2, entries: 7 },
    { group: 'y', jobs: 1, entries: 1 },
  ]);
});
