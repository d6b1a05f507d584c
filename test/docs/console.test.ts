/** The tool that runs documents notices what a reader would. */
import { tmpdir } from 'node:os';
import { afterAll, describe, expect, test } from 'vitest';
import { matches, openShell, stepsOf } from './console.ts';

describe('stepsOf', () => {
  test('takes sh blocks whole and console blocks by command, with their lines', () => {
    const text = ['# A', '```sh', 'a=1', 'b=2', '```', '', '```console', '$ echo $a', '1', '$ true', '```', '```json'];
    expect(stepsOf(text.join('\n'))).toEqual([
      { line: 3, command: 'a=1\nb=2', expected: null },
      { line: 8, command: 'echo $a', expected: ['1'] },
      { line: 10, command: 'true', expected: [] },
    ]);
  });

  test('refuses a console block that begins with output', () => {
    expect(() => stepsOf('```console\nhello\n```')).toThrow('line 2');
  });
});

describe('matches', () => {
  test.each([
    ['a\nb\n', ['a', 'b'], true],
    ['a  \nb\n\n', ['a', 'b'], true],
    ['a\n', ['a', 'b'], false],
    ['a\nb\n', ['a'], false],
    ['', [], true],
    ['a\n', [], false],
    ['took 12 s (1.5)\n', ['took … s (1.5)'], true],
    ['took 12 s (1x5)\n', ['took … s (1.5)'], false],
    ['took 12 s\nmore\n', ['took …'], false],
    ['a\nb\nc\n', ['a', '…', 'c'], true],
    ['a\nc\n', ['a', '…', 'c'], true],
    ['a\nb\nd\n', ['a', '…', 'c'], false],
    ['a\nb\n', ['…'], true],
    ['', ['…'], true],
  ])('%j against %j: %s', (output, expected, answer) => {
    expect(matches(output, expected)).toBe(answer);
  });
});

describe('openShell', () => {
  const shell = openShell(tmpdir(), { PATH: process.env.PATH ?? '' });
  afterAll(() => shell.close());
  const run = (command: string, expected: string[] | null = []) => shell.run({ command, expected });

  test('keeps variables, folders, exit codes and background processes from step to step', async () => {
    await run('a=1; cd /; sleep 60 & pid=$!');
    expect(await run('echo $a $PWD; kill $pid; wait $pid')).toEqual({
      code: 143,
      output: expect.stringMatching(/^1 \//),
    });
    expect(await run('echo $?')).toEqual({ code: 0, output: '143\n' });
  });

  test('gives stdout and stderr in the order they came', async () => {
    expect(await run('echo a; echo b >&2; echo c')).toEqual({ code: 0, output: 'a\nb\nc\n' });
  });

  test('a command does not read the steps that follow', async () => {
    expect(await run('cat; echo end')).toEqual({ code: 0, output: 'end\n' });
  });

  test('runs here-documents', async () => {
    expect(await run("cat <<'EOF'\n$x\nEOF")).toEqual({ code: 0, output: '$x\n' });
  });

  test('tells of a block in which any command failed', async () => {
    expect(await run('true\nfalse\ntrue', null)).toMatchObject({ code: 1 });
    expect(await run('true\nif false; then :; fi', null)).toMatchObject({ code: 0 });
  });
});
