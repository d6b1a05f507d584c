import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeChunk } from '../../src/domain/block.ts';
import type { Chunk, Fields } from '../../src/domain/chunk.ts';
import { OPERATIONS, type OperationName } from '../../src/domain/operation.ts';
import { type Origin, prepare, type Prepared, type PrepareOptions } from '../../src/intake/prepare.ts';
import { openSpool } from '../../src/intake/spool.ts';

export interface Reject {
  line: number;
  reason: string;
  row: string;
}

export interface Taken {
  prepared: Prepared;
  /** As the file has them. */
  rejects: Reject[];
  chunks: Chunk[];
  /** Accepted rows, sorted by from and to. */
  rows: { from: string | null; to: string; fields?: Fields }[];
  /** `from>to` of the accepted rows, sorted. */
  pairs: string[];
}

export type Settings = Partial<Omit<PrepareOptions, 'operation' | 'dir'>> & {
  operation?: OperationName;
  name?: string;
};

/** A folder for one test file; `remove` in `afterAll`. */
export function makeFolder(): { path: string; next(): string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'befriend-intake-'));
  let count = 0;
  return {
    path,
    next: () => join(path, String(count++)),
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

export function optionsFor(base: string, given: Settings = {}): PrepareOptions {
  const { operation = 'check', ...settings } = given;
  return {
    operation: OPERATIONS[operation],
    options: {},
    dir: `${base}.spool`,
    rejectsPath: `${base}.rejects.jsonl`,
    threads: 1,
    ...settings,
  };
}

/** Takes in the bytes of a file called `name`. */
export async function takeFile(base: string, content: string | Buffer, settings: Settings = {}): Promise<Taken> {
  const path = `${base}-${settings.name ?? 'in.csv'}`;
  writeFileSync(path, content);
  return take(base, { kind: 'file', path }, settings);
}

export async function take(base: string, source: Origin, settings: Settings = {}): Promise<Taken> {
  const options = optionsFor(base, settings);
  const prepared = await prepare(source, options);
  const chunks = await readChunks(options.dir);
  const rows = chunks
    .flatMap(({ from, items }) =>
      items.flatMap(({ to, rows: asked, fields }) => [
        ...(asked === 'reverse' ? [] : [{ from, to, ...(fields && { fields }) }]),
        ...(asked === 'forward' ? [] : [{ from: to, to: from as string }]),
      ]),
    )
    .toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  return { prepared, rejects: readRejects(options.rejectsPath), chunks, rows, pairs: rows.map(keyOf) };
}

export async function readChunks(dir: string): Promise<Chunk[]> {
  const spool = await openSpool(dir);
  try {
    const blocks: Buffer[] = [];
    for (let first = 0; first < spool.chunks; first += 7) blocks.push(...(await spool.read(first, 7)));
    return blocks.map((block) => decodeChunk(block));
  } finally {
    await spool.close();
  }
}

export function readRejects(path: string): Reject[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n');
  if (lines.pop() !== '') throw new Error('the rejects file does not end with a newline');
  return lines.map((line) => JSON.parse(line) as Reject);
}

/** `line reason` of every reject. */
export function reasons(taken: Taken): string[] {
  return taken.rejects.map(({ line, reason }) => `${line} ${reason}`);
}

function keyOf({ from, to }: { from: string | null; to: string }): string {
  return `${from}>${to}`;
}
