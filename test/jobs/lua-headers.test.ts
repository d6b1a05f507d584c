import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const SRC = fileURLToPath(new URL('../../src', import.meta.url));

const scripts = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.lua'))
  .map((path) => {
    const text = readFileSync(join(SRC, path), 'utf8');
    const end = text.indexOf(']]');
    return { path, header: text.slice(0, end), body: text.slice(end + 2) };
  });

/** The numbers n of `KEYS[n]` or `ARGV[n]` in a text, each once, in order. */
function numbersOf(name: 'KEYS' | 'ARGV', text: string): number[] {
  const found = [...text.matchAll(new RegExp(`\\b${name}\\[(\\d+)\\]`, 'g'))].map((match) => Number(match[1]));
  return [...new Set(found)].toSorted((a, b) => a - b);
}

/** The n of `ARGV[n…]`: from there on arguments are read in a loop. Infinity where there is none. */
const restOf = (header: string): number => Number(/ARGV\[(\d+)…\]/.exec(header)?.[1] ?? Number.POSITIVE_INFINITY);

test('there are scripts to read', () => {
  expect(scripts.length).toBeGreaterThanOrEqual(7);
});

describe.each(scripts)('$path', ({ path, header, body }) => {
  test('begins with a header that says what it is for and what it returns', () => {
    const name = path.split('/').at(-1) as string;
    expect(header.startsWith(`--[[ ${name}: `)).toBe(true);
    expect(header).toMatch(/^ {2}Returns {2}/m);
  });

  test('documents its keys: those it uses, no others, without a gap', () => {
    const used = numbersOf('KEYS', body);
    expect(used).toEqual(used.map((_, n) => n + 1));
    expect(numbersOf('KEYS', header)).toEqual(used);
  });

  test('documents its arguments: those it uses, no others, without a gap', () => {
    const documented = numbersOf('ARGV', header);
    expect(documented).toEqual(documented.map((_, n) => n + 1));
    // The first ones of a rest may be used by their number.
    const single = numbersOf('ARGV', body).filter((n) => n < restOf(header));
    expect(single).toEqual(documented);
  });
});

test.each(scripts.filter(({ header }) => Number.isFinite(restOf(header))))(
  '$path: the rest of its arguments begins after the single ones, and is read in a loop',
  ({ header, body }) => {
    expect(restOf(header)).toBe(numbersOf('ARGV', header).length + 1);
    expect(body).toMatch(/ARGV\[[a-z]/);
  },
);
