/** Documents that the code writes are committed as it would write them. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { CODE_ROWS } from '../../src/chat/codes.ts';
import { createProgram } from '../../src/cli/program.ts';
import { type Setting, SETTING_NAMES, SETTINGS } from '../../src/settings.ts';
import { tableRows } from './markdown.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const fresh = mkdtempSync(join(tmpdir(), 'befriend-docs-'));
execFileSync(process.execPath, [join(root, 'scripts/docs.mjs'), fresh]);
const written = (name: string): string => readFileSync(join(fresh, name), 'utf8');
afterAll(() => rmSync(fresh, { recursive: true, force: true }));

test.each(readdirSync(fresh))('docs/%s is up to date: if not, run `npm run docs` and commit', (name) => {
  expect(readFileSync(join(root, 'docs', name), 'utf8')).toBe(written(name));
});

describe('what is written', () => {
  test('has each setting once, with its default, expectation and whether it is secret', () => {
    const rows = tableRows(written('configuration.md')).filter(([name = '']) => Object.hasOwn(SETTINGS, name));
    const expected = SETTING_NAMES.map((name) => {
      const { default: value = 'none', expected: wanted, secret }: Setting<unknown> = SETTINGS[name];
      return [name, value, wanted, secret ? 'yes' : ''];
    });
    expect(rows.map(([name, value, wanted, , secret]) => [name, value, wanted, secret])).toEqual(expected);
  });

  test('has each line of the code table, in the order of codes', () => {
    const rows = tableRows(written('codes.md')).filter(([first = '']) => /^\d{5}/.test(first));
    const firsts = CODE_ROWS.map(({ codes }) => codes.flat()[0] as number).toSorted((a, b) => a - b);
    expect(rows.map(([codes = '']) => Number(codes.slice(0, 5)))).toEqual(firsts);
    expect(rows.filter((row) => row.length !== 6 || row.includes(''))).toEqual([]);
  });

  test.each([
    ['30003', '`failed`, never sent again'],
    ['30001', 'import: `satisfied` where the text ends in `_Exist`'],
    ['30008', 'soon'],
    ['30539', 'add: `pending`'],
    ['60007', 'halves the rate'],
    ['60008', '3 calls in all; then `failed`, a write `unknown`'],
    ['60010', 'stops the job'],
    ['70001', 'makes a new UserSig once'],
    ['70017', '2 calls in all; then stops the job'],
  ])('says of %s: %s', (code, words) => {
    expect(
      written('codes.md')
        .split('\n')
        .find((line) => line.startsWith(`| ${code} |`)),
    ).toContain(words);
  });

  test('has the help of every command, at most 80 columns wide', () => {
    const text = written('cli.md');
    const names = createProgram('', () => {}).commands.map((command) => command.name());
    expect(names.length).toBeGreaterThan(8);
    for (const name of names) expect(text).toContain(`\nUsage: befriend ${name} `);
    expect(text.split('\n').filter((line) => line.length > 80 && !line.startsWith('<!--'))).toEqual([
      expect.stringContaining('[operations](operations.md#exit-codes)'),
    ]);
  });
});
