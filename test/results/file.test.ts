import { truncateSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { openResultsFile } from '../../src/results/file.ts';
import { comparePositions, formatPosition, parsePosition, type Position, START } from '../../src/results/position.ts';
import { addBytes, type Folder, folderWith, makeFolder } from './support.ts';

const at = (sequence: number, generation = 1): Position => ({ generation, sequence });

/** One line a sequence, each of the same length. */
const lines = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, n) => `line ${String(from + n).padStart(4, '0')}\n`).join('');

let folder: Folder;
afterEach(() => folder.remove());

test('batches stand behind each other; the file opened again goes on where it was', async () => {
  folder = makeFolder();
  const first = await openResultsFile(folder.dir);
  expect(first.position).toEqual(START);
  await first.append('a\nb\n', at(2));
  await first.close();
  const second = await openResultsFile(folder.dir);
  expect(second.position).toEqual(at(2));
  await second.append('é\n', at(3));
  await second.append('', at(4));
  await second.append('d\n', at(5));
  await second.close();
  expect(folder.text()).toBe('a\nb\né\nd\n');
  expect(folder.boundaries()).toEqual(['1 2 4', '1 3 7', '1 4 7', '1 5 9']);
});

test('what a crash left behind the last boundary is written over', async () => {
  folder = await folderWith([1, 2]);
  addBytes(folder.results, '#3\n#4 a longer line that was to');
  const file = await openResultsFile(folder.dir);
  expect(file.position).toEqual(at(2));
  await file.append('#3\n', at(3));
  await file.trimTail();
  await file.close();
  expect(folder.text()).toBe('#1\n#2\n#3\n');
});

test.each(['1', '1 3', '1 3 9', '17'])(
  'a torn last line "%s" of the index is no boundary, now or later',
  async (torn) => {
    folder = await folderWith([1, 2]);
    addBytes(folder.results, '#3\n');
    addBytes(folder.index, torn);
    const file = await openResultsFile(folder.dir);
    expect(file.position).toEqual(at(2));
    await file.append('#3\n', at(3));
    await file.append('#4\n', at(4));
    await file.close();
    // The torn piece must not become part of a line.
    const again = await openResultsFile(folder.dir);
    expect(again.position).toEqual(at(4));
    await again.cutBack(at(3), 2);
    expect(again.position).toEqual(at(3));
    await again.close();
    expect(folder.text()).toBe('#1\n#2\n#3\n');
  },
);

test('a results file shorter than its index says goes on from the last boundary it reaches', async () => {
  folder = await folderWith([1, 2, 3]);
  truncateSync(folder.results, 7);
  const file = await openResultsFile(folder.dir);
  expect(file.position).toEqual(at(2));
  await file.append('#3\n', at(3));
  await file.close();
  expect(folder.text()).toBe('#1\n#2\n#3\n');
  const again = await openResultsFile(folder.dir);
  expect(again.position).toEqual(at(3));
  await again.close();
});

test('boundaries beyond the end of a shorter file are forgotten: another generation may be written there', async () => {
  folder = await folderWith([1, 5, 9]);
  truncateSync(folder.results, 6);
  const file = await openResultsFile(folder.dir);
  await file.append('new\n', at(8, 2));
  await file.cutBack(at(7, 2), 3);
  expect(file.position).toEqual(at(5));
  await file.close();
  expect(folder.text()).toBe('#1\n#5\n');
});

test.each([
  { fork: at(5), kept: [1, 5] },
  { fork: at(6), kept: [1, 5] },
  { fork: at(8), kept: [1, 5] },
  { fork: at(9), kept: [1, 5, 9] },
  { fork: START, kept: [] },
])('cut back to $fork.sequence, the batches up to it stay: $kept', async ({ fork, kept }) => {
  folder = await folderWith([1, 5, 9]);
  const file = await openResultsFile(folder.dir);
  await file.cutBack(fork, 2);
  expect(file.position).toEqual(kept.length === 0 ? START : at(kept.at(-1) as number));
  expect(folder.text()).toBe(kept.map((sequence) => `#${sequence}\n`).join(''));
  await file.append('new\n', at(10, 2));
  await file.close();
  const again = await openResultsFile(folder.dir);
  expect(again.position).toEqual(at(10, 2));
  await again.close();
  expect(folder.text()).toBe(kept.map((sequence) => `#${sequence}\n`).join('') + 'new\n');
});

test('cut back within a later generation, what earlier generations had stays', async () => {
  folder = await folderWith([1, 5]);
  const file = await openResultsFile(folder.dir);
  await file.append('#6\n', at(6, 2));
  await file.append('#9\n', at(9, 2));
  await file.cutBack(at(7, 2), 3);
  await file.close();
  expect(folder.text()).toBe('#1\n#5\n#6\n');
});

test('two writers of the same entries, cut into batches differently, give one right file', async () => {
  folder = makeFolder();
  const [one, other] = await Promise.all([openResultsFile(folder.dir), openResultsFile(folder.dir)]);
  await one.append(lines(1, 12), at(12));
  await other.append(lines(1, 4), at(4));
  await Promise.all([one.append(lines(13, 15), at(15)), other.append(lines(5, 15), at(15))]);
  await other.append(lines(16, 20), at(20));
  await one.append(lines(16, 17), at(17));
  await one.refresh();
  expect(one.position).toEqual(at(20));
  await Promise.all([one.close(), other.close()]);
  expect(folder.text()).toBe(lines(1, 20));
});

test('cut back after two writers whose boundaries came out of order: no lost entry comes back', async () => {
  folder = makeFolder();
  const [ahead, behind] = await Promise.all([openResultsFile(folder.dir), openResultsFile(folder.dir)]);
  await ahead.append(lines(1, 300), at(300));
  await ahead.append(lines(301, 600), at(600));
  await behind.append(lines(1, 2), at(2));
  await behind.append(lines(3, 400), at(400));
  await Promise.all([ahead.close(), behind.close()]);

  const file = await openResultsFile(folder.dir);
  await file.cutBack(at(400), 2);
  await file.append(lines(401, 700), at(700, 2));
  await file.close();
  expect(folder.boundaries()).not.toContain(`1 600 ${lines(1, 600).length}`);
  const again = await openResultsFile(folder.dir);
  expect(again.position).toEqual(at(700, 2));
  await again.cutBack(at(400), 3);
  await again.close();
  expect(folder.text()).toBe(lines(1, 400));
});

test('two writers cut back one after the other: what the first has written since stays', async () => {
  folder = await folderWith([1, 5, 9]);
  const [first, second] = await Promise.all([openResultsFile(folder.dir), openResultsFile(folder.dir)]);
  await first.cutBack(at(6), 2);
  await first.append('new\n', at(7, 2));
  await second.cutBack(at(6), 2);
  expect(second.position).toEqual(at(7, 2));
  await Promise.all([first.close(), second.close()]);
  expect(folder.text()).toBe('#1\n#5\nnew\n');
});

test('a writer that came late with lost entries, after another has cut back: cut back again', async () => {
  folder = await folderWith([1, 5]);
  const [first, late] = await Promise.all([openResultsFile(folder.dir), openResultsFile(folder.dir)]);
  await first.append('#9\n', at(9));
  await first.cutBack(at(6), 2);
  await first.append('new\n', at(7, 2));
  await late.append('#9\n', at(9));
  await late.cutBack(at(6), 2);
  expect(late.position).toEqual(at(5));
  await late.append('new\n', at(7, 2));
  await Promise.all([first.close(), late.close()]);
  expect(folder.text()).toBe('#1\n#5\nnew\n');
});

test('a writer whose file was cut back by another one leaves no hole: it must open it again', async () => {
  folder = await folderWith([1, 5, 9]);
  const [first, second] = await Promise.all([openResultsFile(folder.dir), openResultsFile(folder.dir)]);
  await first.cutBack(at(6), 2);
  await expect(second.append('#10\n', at(10))).rejects.toThrow('another recorder has cut the results back');
  await Promise.all([first.close(), second.close()]);
  expect(folder.text()).toBe('#1\n#5\n');
});

test('positions are written and read as ids of entries, and compare by generation, then sequence', () => {
  expect(parsePosition('1795251600-42')).toEqual({ generation: 1_795_251_600, sequence: 42 });
  expect(formatPosition({ generation: 3, sequence: 9 })).toBe('3-9');
  expect(() => parsePosition('nonsense')).toThrow('not an entry id: nonsense');
  const positions = [at(10, 2), at(9, 10), at(100, 1), at(9, 2)];
  expect(positions.toSorted(comparePositions)).toEqual([at(100, 1), at(9, 2), at(10, 2), at(9, 10)]);
});
