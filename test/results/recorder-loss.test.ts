/**
 * Redis comes back without its last entries, as after a power cut or a fail-over to a replica that was behind: the
 * results file is cut back, and ends with one outcome for every row.
 */
import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { aofWritten } from '../jobs/support.ts';
import { delivered, expectWhole, outcomesIn, recorderBench, rowsIn, rowsOf, until } from './recorder-bench.ts';

const bench = recorderBench();

const copies: string[] = [];
afterEach(() => {
  for (const copy of copies.splice(0)) rmSync(copy, { recursive: true, force: true });
});

/** What Redis has said so far, as it stands on its disk. */
async function copyOfRedis(): Promise<string> {
  await aofWritten(bench.server.redis);
  const copy = mkdtempSync(join(tmpdir(), 'befriend-copy-'));
  copies.push(copy);
  for (const name of dataOf()) cpSync(join(bench.server.dir, name), join(copy, name), { recursive: true });
  return copy;
}

const dataOf = (): string[] => readdirSync(bench.server.dir).filter((name) => name.startsWith('appendonly'));

/** As after a power cut, or a fail-over to a replica that was behind. */
async function goBackTo(copy: string): Promise<void> {
  await bench.server.kill();
  for (const name of dataOf()) rmSync(join(bench.server.dir, name), { recursive: true });
  cpSync(copy, bench.server.dir, { recursive: true });
  await bench.server.start();
}

const AGAIN = { status: 'satisfied', code: 30_001 } as const;

test.each([
  { before: [0, 1, 2], batches: 'one each' },
  { before: [0, 1, 2], batches: 'one for all' },
  { before: [], batches: 'one each' },
  { before: [], batches: 'one for all' },
])('after $before.length entries that stay, batches: $batches', async ({ before, batches }) => {
  const of = await bench.jobOf(6);
  const each = batches === 'one each';
  if (each) await bench.start();
  for (const [n, chunk] of before.entries()) {
    await bench.settle(of, chunk);
    if (each) await delivered(of, 2 * (n + 1));
  }
  const copy = await copyOfRedis();
  const lost = [3, 4];
  for (const [n, chunk] of lost.entries()) {
    await bench.settle(of, chunk);
    if (each) await delivered(of, 2 * (before.length + n + 1));
  }
  if (!each) await bench.start();
  await delivered(of, 2 * (before.length + lost.length));

  await goBackTo(copy);
  // Their rows are called again, in another order and with another result.
  const open = [5, 4, 3, 2, 1, 0].filter((chunk) => !before.includes(chunk));
  for (const chunk of open) await bench.settle(of, chunk, AGAIN);
  await bench.finished(of);
  expectWhole(of, 6);
  const again = outcomesIn(of).filter(({ status }) => status === AGAIN.status);
  expect(again.map(({ from, to }) => `${from}>${to}`)).toEqual(rowsOf(...open));
  expect(bench.logged.join('')).toContain('Redis lost a tail');
});

test('twice, the second time further back than the first', async () => {
  const of = await bench.jobOf(5);
  await bench.start();
  await bench.settle(of, 0);
  await delivered(of, 2);
  const early = await copyOfRedis();
  await bench.settle(of, 1);
  await delivered(of, 4);
  const late = await copyOfRedis();
  await bench.settle(of, 2);
  await delivered(of, 6);
  await goBackTo(late);
  await bench.settle(of, 3);
  await until(() => rowsIn(of).includes('a3>b'));
  await goBackTo(early);
  for (const chunk of [4, 3, 2, 1]) await bench.settle(of, chunk, AGAIN);
  await bench.finished(of);
  expect(rowsIn(of)).toEqual(rowsOf(0, 4, 3, 2, 1));
});

test('two recorders cut back at once', async () => {
  const of = await bench.jobOf(6);
  await Promise.all([bench.start(), bench.start()]);
  await bench.settle(of, 0);
  const copy = await copyOfRedis();
  for (const chunk of [1, 2, 3]) await bench.settle(of, chunk);
  await delivered(of, 8);
  await goBackTo(copy);
  for (const chunk of [5, 4, 3, 2, 1]) await bench.settle(of, chunk, AGAIN);
  await bench.finished(of);
  expectWhole(of, 6);
});

test('while nobody records: the file is cut back by the recorder that comes next', async () => {
  const of = await bench.jobOf(3);
  const stop = await bench.start();
  const copy = await copyOfRedis();
  await bench.settle(of, 0);
  await bench.settle(of, 1);
  await delivered(of, 4);
  await stop();
  await goBackTo(copy);
  for (const chunk of [2, 1, 0]) await bench.settle(of, chunk, AGAIN);
  await bench.start();
  await bench.finished(of);
  expect(rowsIn(of)).toEqual(rowsOf(2, 1, 0));
});
