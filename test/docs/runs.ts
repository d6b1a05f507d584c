import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { matches, openShell, type Ran, type Shell, type Step } from './console.ts';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** A folder for what one document's commands make, in which `npx befriend` is this checkout's. */
export interface Folder {
  dir: string;
  env: Record<string, string>;
  remove(): void;
}

export function freshFolder(): Folder {
  const dir = mkdtempSync(join(tmpdir(), 'befriend-docs-'));
  const bin = join(dir, 'node_modules/.bin');
  mkdirSync(bin, { recursive: true });
  symlinkSync(join(root, 'dist/src/cli/befriend.js'), join(bin, 'befriend'));
  // No setting of the machine gets in, mktemp stays inside, and the log is that of a terminal.
  const env = { PATH: `${process.env.PATH}:${bin}`, HOME: dir, TMPDIR: dir, LOG_LEVEL: 'error' };
  return { dir, env, remove: () => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }) };
}

/** Two texts that are the same where the step did what the document says, and otherwise show what is different. */
function compared({ expected }: Step, { output, code }: Ran): { got: string; wanted: string } {
  const wanted = expected === null ? 'every command succeeds' : `${expected.join('\n')}\n`;
  const good = expected === null ? code === 0 : matches(output, expected);
  return { got: good ? wanted : `${expected === null ? `exit code ${code}\n` : ''}${output}`, wanted };
}

/** One test a step, in one shell that begins in `cwd`. After the first that fails the others would say nothing new. */
export function runsAsItStands(document: string, steps: readonly Step[], cwd: string, env: Folder['env']): void {
  describe(`${document} runs as it stands`, () => {
    let shell: Shell;
    let failed = false;
    beforeAll(() => {
      shell = openShell(cwd, env);
    });
    afterAll(() => shell.close());

    for (const step of steps) {
      const { line, command } = step;
      test(`line ${line}: ${command.split('\n', 1)[0]}`, async ({ skip }) => {
        if (failed) skip();
        failed = true;
        const { got, wanted } = compared(step, await shell.run(step));
        expect(got, `${document}, line ${line} (… stands for any text)`).toBe(wanted);
        failed = false;
      });
    }
  });
}
