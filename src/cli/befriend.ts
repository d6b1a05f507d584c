#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { isOperationName, OPERATION_NAMES } from '../domain/operation.ts';
import { explain } from './context.ts';
import { demoCommand } from './demo-command.ts';
import { jobCommands } from './job-commands.ts';
import { operationCommand } from './operation-command.ts';
import { simulateCommand } from './simulate-command.ts';
import { workerCommand } from './worker-command.ts';

const exit = (code: number): void => {
  process.exitCode = code;
};

const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const program = new Command('befriend')
  .description('Bulk processor for the friend graph of Tencent Cloud Chat')
  .version(version)
  .exitOverride()
  .configureHelp({ showGlobalOptions: true })
  .addHelpText('after', '\nSettings come from the environment or a .env file: see the README.');
const commands = [
  ...OPERATION_NAMES.map((operation) => operationCommand(operation, exit)),
  ...jobCommands(exit),
  workerCommand(exit),
  simulateCommand(exit),
  demoCommand(exit),
];
for (const command of commands) program.addCommand(command.exitOverride());

// A reader that has enough (head) closes the pipe: that is no error of ours, and no reason to leave a job half done.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  if (!isOperationName(process.argv[2] ?? '')) process.exit(0);
});

try {
  await program.parseAsync();
} catch (error) {
  exit(explain(error));
}
// Everything is closed by now; a socket that lingers must not keep the command.
process.exit();
