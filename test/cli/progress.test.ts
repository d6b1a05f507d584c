import { PassThrough } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import { expect, test } from 'vitest';
import type { Pace } from '../../src/cli/pace.ts';
import { jobLines, openProgress, readingLine } from '../../src/cli/progress.ts';
import type { JobStatus } from '../../src/domain/job.ts';
import { totalsOf } from '../../src/domain/totals.ts';

/** A stream that remembers what was written to it; a terminal where it has columns. */
function screen(columns?: number) {
  const stream = new PassThrough() as unknown as NodeJS.WriteStream & PassThrough;
  Object.assign(stream, columns === undefined ? {} : { isTTY: true, columns });
  return { stream, text: () => String(stream.read() ?? '') };
}

const pace = (given: Partial<Pace> = {}): Pace => ({
  job: {
    calls: { planned: 123_456, made: 98_765, throttled: 12, retried: 1234 },
    totals: totalsOf(
      { rows: 12_345_678, invalid: 0, duplicate: 0, accepted: 12_345_678 },
      { ok: 9_876_543, failed: 7, unknown: 2 },
    ),
  } as JobStatus,
  callsPerSecond: 197.6,
  limit: 200,
  callsLeft: 26_235,
  secondsLeft: 124,
  others: 1,
  note: null,
  ...given,
});

test('a terminal of 80 columns shows rows, time, calls, rate, retries and throttling of a large job', () => {
  const { stream, text } = screen(80);
  openProgress(stream, () => 0).show(...jobLines('import', pace()));
  const shown = stripVTControlCharacters(text()).replace('\r', '').split('\n');
  expect(shown).toEqual([
    'import  ████████░░  80 %  9,876,552/12,345,678 rows  2 min 4 s left',
    '        98,765/~125,000 calls  198 of 200 calls/s  1,234 retried  12 throttled',
    '        7 failed  2 unknown',
  ]);
  expect(Math.max(...shown.map((line) => line.length))).toBeLessThan(80);
});

test('a total of calls that is more than planned is marked as a guess', () => {
  const shown = (callsLeft: number) => jobLines('import', pace({ callsLeft }))[1]![1];
  expect(shown(24_691)).toBe('98,765/123,456 calls');
  expect(shown(24_692)).toBe('98,765/~123,457 calls');
});

test('rows that failed and rows that may hold are told apart, and neither is named where there is none', () => {
  const lines = (settled: { failed?: number; unknown?: number }) => {
    const { job, ...rest } = pace();
    const totals = totalsOf({ rows: 9, invalid: 0, duplicate: 0, accepted: 9 }, settled);
    return jobLines('import', { ...rest, job: { ...job, totals } }).slice(2);
  };
  expect(lines({})).toEqual([]);
  expect(lines({ failed: 3 })).toEqual([['      ', { text: '3 failed', style: 'yellow' }]]);
  expect(lines({ unknown: 2 })).toEqual([['      ', { text: '2 unknown', style: 'yellow' }]]);
});

test('what does not fit is left out from the end, and no line wraps', () => {
  for (const columns of [20, 40, 79, 80, 200]) {
    const { stream, text } = screen(columns);
    openProgress(stream, () => 0).show(...jobLines('import', pace({ note: 'x'.repeat(300) })));
    const shown = stripVTControlCharacters(text()).replace('\r', '').split('\n');
    expect(shown).toHaveLength(4);
    for (const line of shown) expect(line.length).toBeLessThan(columns);
  }
});

test('lines are redrawn in place, also when there are fewer than before, and the end leaves a clean line', () => {
  const { stream, text } = screen(80);
  const progress = openProgress(stream, () => 0);
  progress.show(['one'], ['two'], ['three']);
  text();
  progress.show(['four']);
  expect(text()).toBe('\u001b[2A\r\u001b[0Jfour');
  progress.end();
  expect(text()).toBe('\r\u001b[0J');
  progress.end();
  expect(text()).toBe('');
});

test('where there is no terminal it is a plain line after two seconds and every five, without colour', () => {
  const { stream, text } = screen();
  let now = 0;
  const progress = openProgress(stream, () => now);
  for (; now < 14_000; now += 500) progress.show(...jobLines('import', pace({ note: 'a note' })));
  const line =
    'import · ████████░░ · 80 % · 9,876,552/12,345,678 rows · 2 min 4 s left · 98,765/~125,000 calls · ' +
    '198 of 200 calls/s · 1,234 retried · 12 throttled · 7 failed · 2 unknown · a note\n';
  expect(text()).toBe(line.repeat(3));
  progress.end();
  expect(text()).toBe('');
});

test('intake shows rows and bytes, of how many where that is known, and says when it sorts', () => {
  expect(readingLine({ rows: 1200, bytes: 34_500_000 }, null)).toEqual(['reading', '1,200 rows', '34.5 MB']);
  expect(readingLine({ rows: 1200, bytes: 25_000_000 }, 100_000_000)).toEqual([
    'reading',
    '██░░░░░░░░ 25 %',
    '1,200 rows',
    '25.0 MB of 100.0 MB',
  ]);
  expect(readingLine({ rows: 5000, bytes: 800 }, 800)).toEqual(['sorting', '5,000 rows']);
  expect(readingLine({ rows: 0, bytes: 0 }, 0)).toEqual(['sorting', '0 rows']);
  // Full is done, and nothing else is.
  expect(readingLine({ rows: 5000, bytes: 999 }, 1000)[1]).toBe('█████████░ 99 %');
});
