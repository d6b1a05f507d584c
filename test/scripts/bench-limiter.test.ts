import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { tableRows } from '../docs/markdown.ts';

const script = (path: string): string => fileURLToPath(new URL(`../../scripts/bench/${path}`, import.meta.url));
const { useOf } = (await import(script('limiter/use.mjs'))) as {
  useOf(stamps: number[], rate: { limit: number; windowMs: number }): number | null;
};

function bench(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [script('limiter.mjs'), ...args], { encoding: 'utf8' });
}

describe('the use that is read from arrivals', () => {
  const rate = { limit: 10, windowMs: 1000 };
  const every = (us: number, count: number): number[] => Array.from({ length: count }, (_, n) => 5e6 + n * us);

  it('is 1 at the limit and a half at half of it, whether calls come evenly or in bursts', () => {
    expect(useOf(every(100_000, 60), rate)).toBe(1);
    expect(useOf(every(200_000, 30), rate)).toBe(0.5);
    const bursts = every(1e6, 7).flatMap((at) => Array.from({ length: 10 }, (_, n) => at + n));
    expect(useOf(bursts, rate)).toBe(1);
  });

  it('leaves the first second and the end out', () => {
    const storm = Array.from({ length: 500 }, (_, n) => 5e6 + n * 1000);
    expect(useOf([...storm, ...every(100_000, 60)], rate)).toBe(1);
  });

  it('is unknown where there is not a whole window to look at', () => {
    expect(useOf([], rate)).toBeNull();
    expect(useOf(every(100_000, 20), rate)).toBeNull();
  });
});

describe('npm run bench:limiter', () => {
  it('measures befriend and a peer, and prints a row of each', () => {
    const setting = '--processes 1 --bodies small --load idle --network plain --seconds 2.5'.split(' ');
    const { status, stdout, stderr } = bench('--only', 'befriend,lua-bucket', ...setting);
    expect({ status, stderr }).toEqual({
      status: 0,
      stderr: expect.stringMatching(/befriend 1 .*\nlua-bucket 1 .*\n$/),
    });
    const rows = tableRows(stdout);
    const [head = [], line = [], befriend = [], bucket = [], ...own] = rows;
    for (const row of [line, befriend, bucket]) expect(row).toHaveLength(head.length);
    const figure = (row: string[], column: string): number => Number.parseFloat(row[head.indexOf(column)] as string);
    expect(befriend[0]).toBe('befriend');
    expect(figure(befriend, 'certain max')).toBeGreaterThan(100);
    expect(figure(befriend, 'certain max')).toBeLessThanOrEqual(200);
    expect(figure(befriend, 'commands a call')).toBeGreaterThan(0);
    expect(figure(befriend, 'CPU a call, ms')).toBeGreaterThan(0);
    // It lets the bucket's content through beside what flows in: the meter must see it.
    expect(bucket[0]).toBe('lua-bucket');
    expect(figure(bucket, 'certain max')).toBeGreaterThan(200);
    const [ownHead = [], , ...ownRows] = own;
    expect(ownRows).toHaveLength(1);
    expect(ownRows[0]).toHaveLength(ownHead.length);
  });

  it('says which candidates there are when it does not know one', () => {
    const { status, stderr } = bench('--only', 'none');
    expect(status).toBe(1);
    expect(stderr).toContain('--only: no "none" (there are: peers, classes, jobs, befriend, bullmq-window');
  });
});
