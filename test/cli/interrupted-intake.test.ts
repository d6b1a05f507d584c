/** A command that is stopped while it takes an input in leaves nothing behind, whatever it was doing; killed, until the next. */
import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../results/recorder-bench.ts';
import { COMPRESSED_LIMIT, type Workplace, workplace } from '../support/command.ts';
import { type TestSimulator, testSimulator } from '../support/simulator.ts';

let simulator: TestSimulator;
let place: Workplace;

beforeAll(async () => {
  simulator = await testSimulator({ ...COMPRESSED_LIMIT });
  place = workplace(simulator);
  // Enough for each phase to last; every account once in each of its rows, in no order, and some bad ones.
  const rows = Array.from({ length: 600_000 }, (_, n) => {
    const k = (n * 7919) % 600_000;
    return k % 1000 === 0 ? `bad row,${k}` : `u${k % 9973},f${k}`;
  });
  writeFileSync(join(place.dir, 'rows.csv'), `from,to\n${rows.join('\n')}\n`);
});
afterAll(async () => {
  await place.remove();
  await simulator.close();
});

const intakes = (): string[] => (existsSync(join(place.home, 'intake')) ? readdirSync(join(place.home, 'intake')) : []);

/** Whether the one intake has written to a file of its folder. */
function hasWritten(file: string): boolean {
  const [folder] = intakes();
  if (folder === undefined) return false;
  const path = join(place.home, 'intake', folder, file);
  try {
    return statSync(path).isDirectory() ? readdirSync(path).length > 0 : statSync(path).size > 0;
  } catch {
    return false;
  }
}

function expectNothingLeft(): void {
  expect(intakes()).toEqual([]);
  expect(readdirSync(join(place.home, 'jobs'))).toEqual([]);
  expect(existsSync(join(place.dir, 'rows.csv.rejects.jsonl'))).toBe(false);
}

test.each([
  ['SIGINT', 'reading', 'intake.tmp/stage'],
  ['SIGTERM', 'sorting', 'intake.tmp/sorted'],
  ['SIGINT', 'cutting', 'spool.blocks'],
] as const)('%s while %s: exit code 130, nothing left', async (signal, _, file) => {
  const { child, done } = place.start('import', 'rows.csv');
  await until(() => hasWritten(file));
  child.kill(signal);
  const { code, stdout, stderr } = await done;
  expect(stderr).toMatch(/intake was interrupted; nothing was accepted/);
  expect({ code, stdout }).toEqual({ code: 130, stdout: '' });
  expectNothingLeft();
});

test('kill -9 while cutting: the next intake removes what is left', async () => {
  const { child, done } = place.start('import', 'rows.csv');
  await until(() => hasWritten('spool.blocks'));
  child.kill('SIGKILL');
  await done;
  expect(intakes()).toHaveLength(1);
  expect((await place.run('import', place.csv('few.csv', [['a', 'b']]))).code).toBe(0);
  expect(intakes()).toEqual([]);
  rmSync(join(place.dir, 'rows.csv'));
});
