/** The disk of the results is full and has room again: nothing is lost, whatever of a batch or the index was torn. */
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { noSmallDisk, type SmallDisk, smallDisk } from '../support/small-disk.ts';
import { delivered, expectWhole, recorderBench, rowsIn, until } from './recorder-bench.ts';
import { folderAt, makeFolder } from './support.ts';

const reason = noSmallDisk();

describe.skipIf(reason !== null)(`on a small disk${reason === null ? '' : ` (skipped: ${reason})`}`, () => {
  const bench = recorderBench();
  const outside = makeFolder();
  let disk: SmallDisk;

  beforeAll(async () => {
    disk = await smallDisk(join(outside.dir, 'disk'), '256k');
  });
  afterAll(async () => {
    await disk.close();
    outside.remove();
  });

  test('the recorder tries again until there is room, then the file is whole', async () => {
    const of = await bench.jobOf(40);
    of.folder.remove();
    mkdirSync(join(disk.seen, 'job'));
    of.folder = folderAt(join(disk.seen, 'job'));
    bench.folders.set(of.job.id, of.folder);
    await bench.start();
    await bench.settle(of, 0);
    await delivered(of, 2);
    disk.fill();
    // More than the page that the file has already: a batch that fits in part.
    for (let chunk = 1; chunk < 40; chunk += 1) await bench.settle(of, chunk, { info: 'x'.repeat(300) });
    await until(() => bench.logged.some((line) => line.includes('ENOSPC')));
    expect(await bench.stateOf(of)).toBe('running');
    expect(rowsIn(of).length).toBeLessThan(80);
    // Tried again and again, it takes no room of its own.
    await until(() => bench.logged.filter((line) => line.includes('ENOSPC')).length > 3);
    expect(readdirSync(join(disk.seen, 'job')).toSorted()).toEqual(['results.index', 'results.jsonl']);
    disk.free();
    await bench.finished(of);
    expectWhole(of, 40);
  });
});
