/** The check of the fault suite, checked: of a job that came out whole it finds nothing, and whatever is bent then it finds. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Input, openWorld, type World } from './world.ts';

let world: World;
let input: Input;
let job: string;
let results: string;
let whole: string;

beforeAll(async () => {
  world = await openWorld({ seed: 1 });
  input = world.input(20, 3);
  world.work();
  job = await world.submit(input);
  await world.over(job);
  results = join(world.place.home, 'jobs', job, 'results.jsonl');
  whole = readFileSync(results, 'utf8');
});
afterAll(() => world.close());

const wrong = async (): Promise<string[]> => (await world.verdict(job, input)).wrong;

test('a whole job', async () => {
  const { rows, statuses, wrong: nothing } = await world.verdict(job, input);
  expect({ rows, nothing }).toEqual({ rows: 60, nothing: [] });
  expect(Object.values(statuses).reduce((sum, n) => sum + n, 0)).toBe(60);
});

test.each([
  ['a row is lost', (lines: string[]) => lines.slice(1), '1 lost'],
  ['a row is there twice', (lines: string[]) => [...lines, lines[0]!], '1 twice'],
  [
    'a row is of nobody',
    (lines: string[]) => [...lines, lines[0]!.replace(/"to":"\w+"/, '"to":"x"')],
    '1 not asked for',
  ],
  [
    'a row says another status',
    (lines: string[]) => [lines[0]!.replace(/"(ok|satisfied)"/, '"failed"'), ...lines.slice(1)],
    '1 untrue',
  ],
])('the file is bent: %s', async (_, bend, finding) => {
  writeFileSync(results, `${bend(whole.trimEnd().split('\n')).join('\n')}\n`);
  try {
    expect((await wrong()).join('\n')).toContain(finding);
  } finally {
    writeFileSync(results, whole);
  }
});

test('the file ends within a line', async () => {
  writeFileSync(results, whole.trimEnd());
  expect(await wrong()).toEqual(['the file ends within a line']);
  writeFileSync(results, whole);
});

test('the ledger is bent', async () => {
  const { redis } = world.redis;
  const [counts = ''] = await redis.keys(`*:counts:${job}`);
  await redis.hincrby(counts, 'status:ok', 1);
  expect((await wrong()).join('\n')).toMatch(/ledger: ok is \d+, not \d+\nledger: sum of statuses is 61, not 60/);
  await redis.hincrby(counts, 'status:ok', -1);
  await redis.set(`${counts.replace(/:counts:.*/, '')}:open:${job}`, 1);
  expect(await wrong()).toEqual([expect.stringContaining('keys left over')]);
  await redis.del(`${counts.replace(/:counts:.*/, '')}:open:${job}`);
});

test('the service has what nobody asked for', async () => {
  await world.simulator.seedFriends([['i1a0', 'stranger']]);
  expect(await wrong()).toEqual(['1 written that nobody asked for: i1a0→stranger']);
});

test('an entry of the stream is gone', async () => {
  const { redis } = world.redis;
  const [key = ''] = await redis.keys(`*:job:${job}:results`);
  const [[id] = ['']] = await redis.xrange(key, '-', '+', 'COUNT', 1);
  await redis.xdel(key, id);
  expect((await wrong()).join('\n')).toContain('otherwise in the stream');
});
