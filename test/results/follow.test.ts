import { rmSync, writeFileSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { openResultsFile } from '../../src/results/file.ts';
import { followLines, followOutcomes } from '../../src/results/follow.ts';
import { addBytes, type Folder, folderWith, makeFolder } from './support.ts';

let folder: Folder;
afterEach(() => folder.remove());

/** Follows `path`; `steps` run one before each look at the file, and the last look comes after the last of them. */
async function follow(path: string, steps: (() => unknown)[]): Promise<string[]> {
  const left = [...steps];
  const over = async (): Promise<boolean> => {
    await left.shift()?.();
    return left.length === 0;
  };
  const pieces: string[] = [];
  for await (const piece of followLines(path, over)) pieces.push(piece.toString());
  return pieces;
}

const nothing = (): void => {};

test('a growing file comes as whole lines; one that is still being written waits for its end', async () => {
  folder = makeFolder();
  const pieces = await follow(folder.results, [
    nothing,
    () => addBytes(folder.results, 'one\ntw'),
    () => addBytes(folder.results, 'o\nthree\n'),
    () => addBytes(folder.results, 'four\n'),
  ]);
  expect(pieces).toEqual(['one\n', 'two\nthree\n', 'four\n']);
});

test('a file that is there already is read to its end at once; a torn last line is left out', async () => {
  folder = makeFolder();
  addBytes(folder.results, 'one\ntwo\nthr');
  expect(await follow(folder.results, [nothing])).toEqual(['one\ntwo\n']);
});

test('no file: nothing, and no error', async () => {
  folder = makeFolder();
  expect(await follow(folder.results, [nothing])).toEqual([]);
});

test('lines longer than one read come whole', async () => {
  folder = makeFolder();
  const long = `${'x'.repeat(3 * 1024 * 1024)}\n`;
  addBytes(folder.results, `short\n${long}`);
  expect((await follow(folder.results, [nothing])).join('')).toBe(`short\n${long}`);
});

test('outcomes are the lines, parsed', async () => {
  folder = makeFolder();
  addBytes(folder.results, '{"to":"a\\nb"}\n{"to":"é"}\n');
  const outcomes = [];
  for await (const outcome of followOutcomes(folder.results, async () => true)) outcomes.push(outcome);
  expect(outcomes).toEqual([{ to: 'a\nb' }, { to: 'é' }]);
});

test('cut back while followed: rows that came instead are told, whether or not the file was seen shorter', async () => {
  folder = await folderWith([1, 2, 3]);
  const cut = async (instead: string): Promise<void> => {
    const file = await openResultsFile(folder.dir);
    await file.cutBack({ generation: 1, sequence: 2 }, 2);
    if (instead !== '') await file.append(instead, { generation: 2, sequence: 4 });
    await file.close();
  };
  for (const instead of ['', '#4\n', '#four\n#5\n']) {
    const lines = (await follow(folder.results, [nothing, () => cut(instead)])).join('').split('\n').slice(0, -1);
    const now = folder.text().split('\n').slice(0, -1);
    // Upsert by row: some may come twice, none may be missing, and every line is a line of the file, now or before.
    expect(lines).toEqual(expect.arrayContaining(now));
    expect(['#1', '#2', '#3', '#4', '#four', '#5']).toEqual(expect.arrayContaining(lines));
    folder.remove();
    folder = await folderWith([1, 2, 3]);
  }
});

test('a file that is removed while it is read is no shorter one: an error', async () => {
  folder = makeFolder();
  writeFileSync(folder.results, '{"a":"0123456789"}\n'.repeat(300_000));
  writeFileSync(folder.index, '1 1 5700000\n');
  const read = async (): Promise<void> => {
    for await (const lines of followLines(folder.results, async () => true)) {
      expect(lines.length).toBeGreaterThan(0);
      rmSync(folder.dir, { recursive: true, force: true });
    }
  };
  await expect(read()).rejects.toThrow(
    /results.jsonl was removed while it was read, after \d+ bytes: its job was pruned/,
  );
});
