/** The documents say what the code says: names, numbers, paths and links of one are looked up in the other. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { EXIT } from '../../src/cli/context.ts';
import { type Steering, TRANSITIONS } from '../../src/domain/job.ts';
import { STATUSES } from '../../src/domain/outcome.ts';
import { SWITCHES } from '../../src/simulator/index.ts';
import { tableRows } from './markdown.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

const rowsOf = (path: string): string[][] => tableRows(read(path));

const markdown = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name));
const decisions = readdirSync(join(root, 'docs/decisions')).filter((name) => /^\d{4}-.*\.md$/.test(name));

describe('docs/operations.md', () => {
  const rows = rowsOf('docs/operations.md');

  test.each(Object.entries(EXIT))('names the exit code of %s', (_name, code) => {
    expect(rows.map(([first]) => first)).toContain(String(code));
  });
});

describe('docs/lifecycle.md', () => {
  const rows = rowsOf('docs/lifecycle.md');

  test('has the table of transitions as it is', () => {
    const expected = (Object.keys(TRANSITIONS) as Steering[]).map((event) => {
      const { from, to, by } = TRANSITIONS[event];
      return [event, from.join(', '), to, by];
    });
    const start = rows.findIndex(([first]) => first === 'event');
    expect(rows.slice(start + 1).filter((row) => row.length === 4 && Object.hasOwn(TRANSITIONS, row[0] ?? ''))).toEqual(
      expected,
    );
  });

  test.each(STATUSES)('explains the status %s', (status) => {
    expect(rows.map(([first]) => first)).toContain(status);
  });
});

describe('docs/guarantees.md', () => {
  test('has a row for each of G1 to G10', () => {
    const names = rowsOf('docs/guarantees.md').flatMap(([first = '']) => (/^G\d+$/.test(first) ? [first] : []));
    expect(names).toEqual(Array.from({ length: 10 }, (_, n) => `G${n + 1}`));
  });
});

describe('docs/api-notes.md', () => {
  test.each(Object.entries(SWITCHES))(
    'has the switch %s with its number and readings',
    (name, { number, readings }) => {
      const row = rowsOf('docs/api-notes.md').find(([, second]) => second === name);
      expect(row?.[0]).toBe(String(number));
      expect(row?.[3]).toBe(readings.join(', '));
    },
  );
});

describe('docs/dependencies.md', () => {
  const manifest = JSON.parse(read('package.json')) as Record<string, Record<string, string>>;
  const wanted = [manifest.dependencies, manifest.devDependencies].flatMap((group) => Object.keys(group ?? {}));
  const rows = rowsOf('docs/dependencies.md').map(([first]) => first);

  test.each(wanted)('says why %s is there', (name) => {
    expect(rows).toContain(name);
  });

  test.each(Object.keys(manifest.overrides ?? {}))('explains the override of %s', (name) => {
    expect(rows.find((row) => row?.includes('overrides') && row.includes(name))).toBeDefined();
  });
});

describe('docs/decisions', () => {
  const index = read('docs/decisions/README.md');

  test.each(decisions)('%s is linked by its title, is numbered, and has its sections in order', (name) => {
    const text = read(join('docs/decisions', name));
    const [, number, title] = /^# (\d+)\. (.+)$/m.exec(text) ?? [];
    expect(Number(number)).toBe(Number(name.slice(0, 4)));
    expect(index).toContain(`| ${number} | [${title}](${name}) |`);
    expect([...text.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading)).toEqual([
      'Context',
      'Decision',
      'Consequences',
    ]);
  });
});

describe.each([...markdown('docs'), 'CHANGELOG.md'])('%s', (path) => {
  const text = read(path);

  test('names only files of the repository that exist', () => {
    const named = [...text.matchAll(/\b(?:src|test|scripts|docs)\/[\w./-]*\w/g)].map(([match]) => match);
    expect(named.filter((name) => !existsSync(join(root, name)))).toEqual([]);
  });

  test('links to files that exist', () => {
    const links = [...text.matchAll(/\]\(([^)#]+)[^)]*\)/g)].map(([, link]) => link as string);
    const local = links.filter((link) => !/^https?:/.test(link));
    expect(local.filter((link) => !existsSync(join(root, dirname(path), link)))).toEqual([]);
  });
});
