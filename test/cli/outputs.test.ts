/** Where a command writes: never over its input, nowhere it cannot, and told before anything is read or sent. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { COMPRESSED_LIMIT, outcomesIn, type Workplace, workplace } from '../support/command.ts';
import { type TestSimulator, testSimulator } from '../support/simulator.ts';

let simulator: TestSimulator;
let place: Workplace;
let file: string;

beforeAll(async () => {
  simulator = await testSimulator({ ...COMPRESSED_LIMIT });
  place = workplace(simulator);
  file = place.csv(
    'friends.csv',
    Array.from({ length: 3000 }, (_, n) => [`a${n % 300}`, `b${n}`] as const),
  );
});
afterAll(async () => {
  await place.remove();
  await simulator.close();
});

test.each([
  { args: ['--out', 'friends.csv'], says: 'is also the input' },
  { args: ['--rejects', './friends.csv'], says: 'is also the input' },
  { args: ['--out', 'x', '--rejects', 'x'], says: 'is also --out' },
  {
    args: ['--out', 'no/such/folder'],
    says: '--out no/such/folder cannot be written: there is no such folder. Nothing',
  },
  {
    args: ['--out', 'friends.csv/x'],
    says: '--out friends.csv/x cannot be written: a file is where its folder should',
  },
  { args: ['--out', '.'], says: 'is a directory' },
  { args: ['--out', 'x'.repeat(300)], says: 'has too long a name' },
  ...(process.platform === 'linux' ? [{ args: ['--out', '/proc/x'], says: 'cannot be written' }] : []),
])('$args is refused before anything is sent', async ({ args, says }) => {
  const before = readFileSync(file, 'utf8');
  const { code, stderr } = await place.run('check', file, ...args);
  expect({ code, says: stderr.includes(says) }).toEqual({ code: 2, says: true });
  expect(readFileSync(file, 'utf8')).toBe(before);
  expect((await simulator.meter('friend_check')).calls).toBe(0);
});

test('without rejects a file of an earlier run goes, and what is no file is left alone', async () => {
  const stale = join(place.dir, 'friends.csv.rejects.jsonl');
  writeFileSync(stale, 'of an earlier run\n');
  expect((await place.report('check', file)).report.rejects).toBeNull();
  expect(existsSync(stale)).toBe(false);

  // As /dev/null is, which root may remove.
  const pipe = join(place.dir, 'pipe');
  execFileSync('mkfifo', [pipe]);
  expect((await place.run('check', file, '--rejects', pipe)).code).toBe(0);
  expect(statSync(pipe).isFIFO()).toBe(true);
});

test('a reader that closes the pipe early ends the printing, not the job', async () => {
  const command = place.start('check', file, '--out', '-');
  command.child.stdout?.once('data', () => command.child.stdout?.destroy());
  const { code, stderr } = await command.done;
  expect({ code, completed: stderr.includes('completed') }).toEqual({ code: 0, completed: true });
});

test('--out and the default name hold every outcome; --json leaves stdout to the report', async () => {
  const { report } = await place.report('check', file, '--out', 'mine.jsonl');
  expect(report.results).toBe('mine.jsonl');
  expect(outcomesIn(join(place.dir, 'mine.jsonl'))).toHaveLength(3000);
  const named = await place.report('check', file);
  expect(named.report.results).toBe(`${file}.${named.report.job}.results.jsonl`);
  expect(outcomesIn(named.report.results as string)).toHaveLength(3000);
});
