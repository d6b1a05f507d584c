/**
 * Whatever happens to a results file and its index between two recorders, and to Redis, and in whatever order: at the
 * end every row has one outcome in the file, the one that Redis has.
 */
import { copyFileSync, existsSync, rmSync, statSync, truncateSync } from 'node:fs';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { continuing } from '../../src/results/continue.ts';
import type { ParsedEntry, StreamEntry } from '../../src/results/entry.ts';
import { openResultsFile } from '../../src/results/file.ts';
import { linesOf } from '../../src/results/lines.ts';
import { formatPosition, type Position, START } from '../../src/results/position.ts';
import { AT } from '../jobs/support.ts';
import { addBytes, type Folder, makeFolder } from './support.ts';

const ROWS = 24;
const JOB = { id: 'job', operation: 'import' };

/** A part of a file, 0: nothing of it. */
const part = fc.double({ min: 0, max: 1, noNaN: true });
const anyStep = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('record' as const), entries: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('deliver' as const), most: fc.integer({ min: 1, max: 5 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('lose the tail' as const), entries: fc.integer({ min: 1, max: 6 }) }),
  },
  fc.record({
    kind: fc.constant('die in a batch' as const),
    most: fc.integer({ min: 1, max: 5 }),
    lines: part,
    index: part,
  }),
  fc.record({ kind: fc.constant('truncate the results' as const), to: part }),
  fc.record({ kind: fc.constant('truncate the index' as const), to: part }),
  fc.record({ kind: fc.constant('lose the index' as const) }),
  fc.record({ kind: fc.constant('save the index' as const) }),
  fc.record({ kind: fc.constant('bring the saved index back' as const) }),
);
type Step = typeof anyStep extends fc.Arbitrary<infer S> ? S : never;

/** A job's stream and what its ledger keeps of it, as record.lua leaves them. */
class Stream {
  entries: { position: Position; row: number; call: number }[] = [];
  readonly forks = new Map<number, Position>();
  generation = 1;
  calls = 0;

  get last(): Position {
    return this.entries.at(-1)?.position ?? START;
  }

  /** A call for a row without an outcome. */
  record(): void {
    const settled = new Set(this.entries.map(({ row }) => row));
    const row = Array.from({ length: ROWS }, (_, n) => n).find((n) => !settled.has(n));
    if (row === undefined) return;
    const position = { generation: this.generation, sequence: this.last.sequence + 1 };
    this.entries.push({ position, row, call: (this.calls += 1) });
  }

  /** Another server answers, which has not heard of the last entries. */
  loseTail(entries: number): void {
    this.entries.splice(Math.max(0, this.entries.length - entries));
    this.generation += 1;
    this.forks.set(this.generation, this.last);
  }

  behind({ generation, sequence }: Position, most: number): StreamEntry[] {
    return this.entries
      .filter(({ position: p }) => p.generation > generation || (p.generation === generation && p.sequence > sequence))
      .slice(0, most)
      .map(({ position, row, call }) => [
        formatPosition(position),
        [
          'chunk',
          String(row),
          'from',
          'a',
          'attempt',
          String(call),
          'at',
          AT,
          'n',
          '1',
          'outcomes',
          outcome(row, call),
        ],
      ]);
  }
}

const outcome = (row: number, call: number): string =>
  JSON.stringify([{ status: 'ok', code: 0, info: 'x'.repeat(call % 7), attempts: call, to: [`b${row}`] }]);

const linesIn = (run: readonly ParsedEntry[]): string => run.map(({ entry }) => linesOf(JOB, entry)).join('');

/** What a recorder does of one read, and dies of its end or in its midst. @returns whether there was anything to do */
async function deliver(folder: Folder, stream: Stream, most: number, torn?: { lines: number; index: number }) {
  const file = await openResultsFile(folder.dir);
  const entries = stream.behind(file.position, most);
  const forkOf = async (generation: number): Promise<Position> => stream.forks.get(generation) ?? START;
  const run = await continuing(file, entries, { job: 'job', forkOf });
  const end = run.at(-1);
  if (end !== undefined && torn === undefined) await file.append(linesIn(run), end.position);
  if (end !== undefined && torn !== undefined) {
    // All lines before anything of the index: that is what the first sync is for.
    const lines = linesIn(run);
    await file.trimTail();
    const before = statSync(folder.results).size;
    const whole = torn.index > 0;
    addBytes(folder.results, whole ? lines : lines.slice(0, Math.floor(torn.lines * lines.length)));
    const line = `${end.position.generation} ${end.position.sequence} ${before + Buffer.byteLength(lines)}\n`;
    if (whole) addBytes(folder.index, line.slice(0, Math.floor(torn.index * line.length)));
  }
  await file.close();
  return entries.length > 0;
}

function cut(path: string, to: number): void {
  if (existsSync(path)) truncateSync(path, Math.floor(to * statSync(path).size));
}

async function take(step: Step, folder: Folder, stream: Stream): Promise<void> {
  const saved = `${folder.index}.saved`;
  switch (step.kind) {
    case 'record':
      for (let n = 0; n < step.entries; n += 1) stream.record();
      break;
    case 'deliver':
      await deliver(folder, stream, step.most);
      break;
    case 'die in a batch':
      await deliver(folder, stream, step.most, step);
      break;
    case 'lose the tail':
      stream.loseTail(step.entries);
      break;
    case 'truncate the results':
      cut(folder.results, step.to);
      break;
    case 'truncate the index':
      cut(folder.index, step.to);
      break;
    case 'lose the index':
      rmSync(folder.index, { force: true });
      break;
    case 'save the index':
      if (existsSync(folder.index)) copyFileSync(folder.index, saved);
      break;
    case 'bring the saved index back':
      if (existsSync(saved)) copyFileSync(saved, folder.index);
  }
}

test('any sequence of deaths, cuts, lost and stale indexes and lost tails ends with one outcome a row', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { maxLength: 40 }), async (steps) => {
      const folder = makeFolder();
      try {
        const stream = new Stream();
        for (const each of steps) await take(each, folder, stream);
        for (let n = 0; n < ROWS; n += 1) stream.record();
        while (await deliver(folder, stream, 5)) continue;
        const file = await openResultsFile(folder.dir);
        await file.trimTail();
        expect(file.position).toEqual(stream.last);
        await file.close();
        const found = folder
          .text()
          .split('\n')
          .slice(0, -1)
          .map((line) => JSON.parse(line) as { to: string; attempts: number })
          .map(({ to, attempts }) => `${to} of call ${attempts}`);
        expect(found).toEqual(stream.entries.map(({ row, call }) => `b${row} of call ${call}`));
        expect(stream.entries).toHaveLength(ROWS);
      } finally {
        folder.remove();
      }
    }),
    { numRuns: Number(process.env.BEFRIEND_TEST_RUNS ?? 150) },
  );
}, 60_000);
