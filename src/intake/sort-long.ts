import { createReadStream, readSync } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { AppendFile } from './append-file.ts';
import { STAGE_MAX_ROW } from './stage.ts';

const TAB = 9;
const NEWLINE = 10;
/** Of the files that are read. Bytes. */
const PIECE = 1 << 20;

/** How lines are put in order. */
export interface Order {
  /** The tab, counted from 1, before which stands what they are sorted by, together different for each line. */
  keyTabs: number;
  /** Whether that stands in what comes out, too. */
  keepsKey: boolean;
}

/**
 * Sorts lines that are too long for the engine, which wants all of them at once: their keys are sorted, each with the place
 * of its line, and the lines are then fetched one by one.
 * @param sortShort sorts the lines of a file by their bytes
 */
export async function sortLong(
  inputs: readonly string[],
  output: string,
  order: Order,
  sortShort: (input: string, output: string) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  const [keys, sorted] = [`${output}.keys`, `${output}.keys.sorted`];
  await writeKeys(inputs, keys, order, signal);
  await sortShort(keys, sorted);
  await rm(keys);
  await fetchLines(inputs, sorted, output, order, signal);
  await rm(sorted);
}

/** Of each line its key, then the number of its file, where it begins behind the key, and how many bytes it has from there on. */
async function writeKeys(
  inputs: readonly string[],
  path: string,
  { keyTabs, keepsKey }: Order,
  signal: AbortSignal | undefined,
): Promise<void> {
  const keys = await AppendFile.create(path);
  try {
    for (const [n, input] of inputs.entries()) {
      let rest = Buffer.alloc(0);
      let at = 0;
      for await (const piece of createReadStream(input, { highWaterMark: PIECE, signal })) {
        const block = Buffer.concat([rest, piece as Buffer]);
        let start = 0;
        for (let end = block.indexOf(NEWLINE); end >= 0; end = block.indexOf(NEWLINE, start)) {
          const keyEnd = tabOf(block, start, keyTabs);
          const from = keepsKey ? start : keyEnd + 1;
          keys.bytes(block.subarray(start, keyEnd));
          keys.text(`\t${n}\t${at + from}\t${end + 1 - from}\n`);
          start = end + 1;
        }
        at += start;
        rest = block.subarray(start);
        await keys.flush();
      }
    }
    await keys.flush(true);
  } finally {
    await keys.close();
  }
}

function tabOf(block: Buffer, start: number, nth: number): number {
  let at = start - 1;
  for (let n = 0; n < nth; n++) at = block.indexOf(TAB, at + 1);
  return at;
}

async function fetchLines(
  inputs: readonly string[],
  sorted: string,
  path: string,
  { keyTabs }: Order,
  signal: AbortSignal | undefined,
): Promise<void> {
  const lines = await AppendFile.create(path);
  const files: FileHandle[] = [];
  const line = Buffer.allocUnsafe(STAGE_MAX_ROW);
  try {
    for (const input of inputs) files.push(await open(input));
    let rest = '';
    for await (const piece of createReadStream(sorted, { encoding: 'utf8', highWaterMark: PIECE / 16, signal })) {
      const places = (rest + (piece as string)).split('\n');
      rest = places.pop() as string;
      for (const place of places) {
        const [n, at, length] = place.split('\t').slice(keyTabs).map(Number) as [number, number, number];
        // In place: each of these would take ten times as long as a promise, and the files have just been written.
        const got = readSync((files[n] as FileHandle).fd, line, 0, length, at);
        if (got < length) throw new Error(`${inputs[n]} became shorter while it was sorted`);
        lines.bytes(line.subarray(0, length));
      }
      await lines.flush();
    }
    await lines.flush(true);
  } finally {
    await Promise.all([lines.close(), ...files.map((file) => file.close())]);
  }
}
