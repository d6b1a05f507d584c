/** Every command in README and docs is right, and was run by a test; so are the examples in the help of the commands. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { createProgram } from '../../src/cli/program.ts';
import { commandsIn, inlineCommands, type Named, wordsOf } from './commands.ts';
import { root } from './runs.ts';

const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const documents = [
  'README.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
];
const named = documents.flatMap((path) => commandsIn(read(path)).map((one) => ({ path, ...one })));

/** Documents whose blocks a test runs as they stand; of README only the section "Rehearse on the simulator". */
const RUN_AS_THEY_STAND: Record<string, (command: Named) => boolean> = {
  'docs/tutorial.md': () => true,
  'README.md': ({ line }) => {
    const lines = read('README.md').split('\n');
    const start = lines.indexOf('## Rehearse on the simulator');
    const end = lines.findIndex((text, index) => index > start && text.startsWith('## '));
    return line > start && line <= end;
  },
};

/**
 * All other commands: where they run, and by which words there. Where nothing can run them as they are, it is where the
 * same is done: CI has no docker engine, and the demo runs with fewer accounts.
 */
const RUN_ELSEWHERE: [command: RegExp, file: string, words: string][] = [
  [/^npm run demo$/, '.ci/image.mjs', "'demo'"],
  [/^npm test$/, '.ci/run', 'npm test'],
  [/^npm run setup$/, '.ci/run', 'node scripts/setup.mjs'],
  [/^befriend import friends\.csv$/, 'test/docs/readme.test.ts', 'runsAsItStands'],
  [/^befriend import friends\.csv --detach$/, 'test/containers/compose.test.ts', "['import', file, '--detach']"],
  [/^befriend worker --roles feed,record$/, 'test/guarantees/g1-limit.test.ts', "'--roles', 'feed,record'"],
  [/^befriend worker --roles call$/, 'test/guarantees/g1-limit.test.ts', "'--roles', 'call'"],
  [/^befriend status \S+ --watch$/, 'test/guarantees/g1-limit.test.ts', "'--watch'"],
  [/^befriend pause \S+$/, 'test/guarantees/g4-totals.test.ts', "run('pause', job)"],
  [/^befriend priority \S+ \S+$/, 'test/cli/shares.test.ts', "run('priority', one, 'low')"],
  [/^befriend limit( import .+)?$/, 'test/cli/limit.test.ts', "run('limit', 'import', 'full', '--in-flight', '3')"],
  [/^befriend results \S+ --status failed$/, 'test/end-to-end.test.ts', "'--status', 'failed'"],
  [/^befriend doctor$/, 'test/docs/tutorial.test.ts', 'runsAsItStands'],
  [/^befriend retry \S+ --detach$/, 'test/cli/retry.test.ts', "'retry', parent, '--detach'"],
  [/^befriend jobs prune .*--dry-run$/, 'test/cli/prune.test.ts', "'--dry-run', '--json'"],
  [/^befriend jobs prune /, 'test/cli/prune.test.ts', "'jobs', 'prune', '--older-than', '30d', '--keep-bytes', '1GB'"],
  [/^docker build /, 'test/containers/dockerfile.test.ts', 'Dockerfile'],
  [/^docker run .* befriend demo$/, '.ci/image.mjs', "'demo'"],
  [/^docker compose /, 'test/containers/compose.test.ts', 'servicesOf'],
];

/** Parses as the real program does and runs nothing. @throws what a wrong call says */
async function parse(args: readonly string[]): Promise<void> {
  const program = createProgram('0.0.0', () => {});
  const silence = (command: Command): void => {
    command.configureOutput({ writeOut: () => {}, writeErr: () => {} });
    // `jobs` runs by itself too.
    if (command.commands.length === 0 || command.name() === 'jobs') command.action(() => {});
    command.commands.forEach(silence);
  };
  silence(program);
  await program.parseAsync(args, { from: 'user' });
}

const title = ({ path, line, command }: Named & { path: string }) => `${path}:${line} ${command}`;
const cases = named.map((one) => [title(one), one] as const);

test('the documents have commands', () => {
  expect(new Set(named.map(({ path }) => path)).size).toBeGreaterThan(2);
  expect(named.length).toBeGreaterThan(25);
});

describe('is a command of befriend or a script of npm', () => {
  const scripts = Object.keys((JSON.parse(read('package.json')) as { scripts: object }).scripts);

  test.each(cases.filter(([, { command }]) => command.startsWith('befriend')))('%s', async (_title, { command }) => {
    await expect(parse(wordsOf(command).slice(1))).resolves.toBeUndefined();
  });

  test.each(cases.filter(([, { command }]) => command.startsWith('npm')))('%s', (_title, { command }) => {
    expect(scripts).toContain(command.replace(/^npm (run )?/, ''));
  });

  test.each([
    [['imprt', 'friends.csv'], 'imprt'],
    [['import'], 'file'],
    [['import', 'friends.csv', '--drye-run'], '--drye-run'],
    [['check', 'a.csv', '--type', 'many'], 'many'],
  ])('%j is none', async (args, about) => {
    await expect(parse(args)).rejects.toThrow(about);
  });
});

describe('is run', () => {
  test.each(cases.filter(([, one]) => RUN_AS_THEY_STAND[one.path]?.(one) !== true))('%s', (_title, { command }) => {
    const [, file, words] = RUN_ELSEWHERE.find(([pattern]) => pattern.test(command)) ?? [];
    expect(file, `${command}: no test runs it. Write one, and name it in RUN_ELSEWHERE`).toBeDefined();
    expect(read(file as string)).toContain(words);
  });
});

describe('the running text names only commands that there are', () => {
  const names = new Set(createProgram('', () => {}).commands.map((command) => command.name()));

  test.each(documents)('%s', (path) => {
    expect(inlineCommands(read(path)).filter((name) => !names.has(name))).toEqual([]);
  });
});

describe('the help', () => {
  const below = (command: Command): Command[] => command.commands.flatMap((child) => [child, ...below(child)]);
  const helps = below(createProgram('', () => {})).map((command) => {
    let text = '';
    command.configureOutput({ writeOut: (part) => (text += part) }).outputHelp();
    return [command.name(), text] as const;
  });

  test.each(helps)('of %s has an example, and it is right', async (name, text) => {
    const examples = text.split('\n').flatMap((line) => /^ +(befriend .*?)(?: {2,}#.*)?$/.exec(line)?.[1] ?? []);
    const own = name === 'completion' ? [`befriend ${name} bash`] : examples;
    expect(own.length).toBeGreaterThan(0);
    for (const example of own) await parse(wordsOf(example).slice(1));
  });

  test('of befriend groups its commands and has every exit code', () => {
    let text = '';
    createProgram('', () => {})
      .configureOutput({ writeOut: (part) => (text += part) })
      .outputHelp();
    expect([...text.matchAll(/^(\w+):$/gm)].map(([, group]) => group)).toEqual([
      'Options',
      'Data',
      'Jobs',
      'Run',
      'Learn',
    ]);
    for (const code of [0, 1, 2, 3, 4, 70, 130]) expect(text).toMatch(new RegExp(`^ {2}${code} `, 'm'));
    expect(text).toContain('docs/configuration.md');
  });
});
