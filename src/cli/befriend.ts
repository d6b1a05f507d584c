#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { isOperationName } from '../domain/operation.ts';
import { explain, UsageError } from './context.ts';
import { createProgram } from './program.ts';

const exit = (code: number): void => {
  process.exitCode = code;
};

const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

// A reader that has enough (head) closes the pipe: that is no error of ours, and no reason to leave a job half done.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') {
    process.exit(explain(new UsageError(`stdout cannot be written: ${error.message}. Results are kept in the home.`)));
  }
  const [, , command = ''] = process.argv;
  if (!isOperationName(command) && command !== 'accounts' && command !== 'retry') process.exit(0);
});

try {
  await createProgram(version, exit).parseAsync();
} catch (error) {
  exit(explain(error));
}
// A write that failed is told in its own time. Then everything is closed; a socket that lingers must not keep the command.
await new Promise(setImmediate);
process.exit();
