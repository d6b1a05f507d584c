import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { codeBlocks } from './markdown.ts';

/** Something of a document to run, and what must come of it. */
export interface Step {
  /** Line of the document, from 1. */
  line: number;
  command: string;
  /** Lines of output, `…` for any text, a line of `…` alone for any lines; null: only that nothing fails. */
  expected: string[] | null;
}

/**
 * What a document tells its reader to run. A `sh` block is one step in which every command must succeed. In a `console`
 * block each line that begins with `$ ` is one, and the lines below it are what it prints.
 */
export function stepsOf(text: string): Step[] {
  return codeBlocks(text).flatMap(({ language, line, lines }): Step[] => {
    if (language === 'sh') return [{ line, command: lines.join('\n'), expected: null }];
    return language === 'console' ? consoleSteps(line, lines) : [];
  });
}

function consoleSteps(first: number, lines: readonly string[]): Step[] {
  const steps: (Step & { expected: string[] })[] = [];
  for (const [index, text] of lines.entries()) {
    const last = steps.at(-1);
    if (text.startsWith('$ ')) steps.push({ line: first + index, command: text.slice(2), expected: [] });
    else if (last) last.expected.push(text);
    else throw new Error(`line ${first + index}: a console block begins with "$ "`);
  }
  return steps;
}

/** Whether output is as expected. Blanks at the ends of lines and empty lines at the end do not count. */
export function matches(output: string, expected: readonly string[]): boolean {
  const pattern = expected.map((line) => {
    if (line.trim() === '…') return '(?:.*\n)*?';
    return `${line.trimEnd().split('…').map(escaped).join('.*')}\n`;
  });
  return new RegExp(`^${pattern.join('')}$`, 'u').test(plain(output));
}

const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');

function plain(output: string): string {
  const text = output.replace(/[^\S\n]+$/gm, '').trimEnd();
  return text === '' ? '' : `${text}\n`;
}

export interface Ran {
  /** stdout and stderr, as a terminal shows them. */
  output: string;
  /** Exit code of the last command; of a `sh` block, of the last one that failed. */
  code: number;
}

/** A bash that stays: what one step exports, starts behind or changes into is there for the next. */
export interface Shell {
  run(step: Pick<Step, 'command' | 'expected'>): Promise<Ran>;
  /** Kills it with everything that it started and that did not go to a process group of its own. */
  close(): Promise<void>;
}

const END = '\u0001';

/** Commands come on descriptor 3, so that none of them reads the next one as its input. */
const LOOP = String.raw`
last=0
while IFS= read -r -d '' all <&3 && IFS= read -r -d '' step <&3; do
  failed=0
  if [ "$all" = 1 ]; then
    trap 'failed=$?' ERR
    eval "$step"
    trap - ERR
    last=$failed
  else
    (exit "$last")
    eval "$step"
    last=$?
  fi
  printf '\001%s\001' "$last"
done`;

export function openShell(cwd: string, env: Record<string, string>): Shell {
  const child: ChildProcess = spawn('bash', ['--noprofile', '--norc', '-c', `exec 2>&1\n${LOOP}`], {
    cwd,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  const closed = once(child, 'close');
  let seen = '';
  let look = (): void => {};
  (child.stdout as Readable).setEncoding('utf8').on('data', (text: string) => {
    seen += text;
    look();
  });
  void closed.then(() => look());

  return {
    async run({ command, expected }) {
      (child.stdio[3] as Writable).write(`${expected === null ? 1 : 0}\0${command}\0`);
      return new Promise<Ran>((done, fail) => {
        look = () => {
          const [output, code, rest] = seen.split(END);
          if (code !== undefined && rest !== undefined) {
            seen = rest;
            done({ output: output as string, code: Number(code) });
          } else if (child.exitCode !== null || child.signalCode !== null) fail(new Error(`bash ended: ${seen}`));
        };
        look();
      });
    },
    async close() {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      await closed;
    },
  };
}
