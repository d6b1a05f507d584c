import { Command } from 'commander';
import { OPERATION_NAMES } from '../domain/operation.ts';
import { accountsCommand } from './accounts-command.ts';
import { wordsOf } from './command-words.ts';
import { completionCommand } from './completion-command.ts';
import { demoCommand } from './demo-command.ts';
import { doctorCommand } from './doctor-command.ts';
import { jobCommands } from './job-commands.ts';
import { limitCommand } from './limit-command.ts';
import { operationCommand } from './operation-command.ts';
import { retryCommand } from './retry-command.ts';
import { simulateCommand } from './simulate-command.ts';
import { tellAllProblems } from './usage.ts';
import { workerCommand } from './worker-command.ts';

const AFTER = `
Exit codes:
  0    every row holds or waits for its peer
  1    finished, but some rows failed, are unknown or were invalid
  2    a wrong call, setting or file
  3    the job was stopped, paused or cancelled
  4    Redis or the API cannot be reached
  70   a fault of befriend itself
  130  interrupted: the same command goes on

Settings come from the environment or a .env file: docs/configuration.md has
all of them. befriend <command> --help shows a command's options.`;

/** The whole command line as a tree that runs nothing until it is parsed. `exit` takes the exit code of a command. */
export function createProgram(version: string, exit: (code: number) => void): Command {
  const program = new Command('befriend')
    .description('Bulk processor for the friend graph of Tencent Cloud Chat')
    .version(version)
    .configureHelp({ showGlobalOptions: true })
    // The group of commander's own `help`, which is made with it.
    .commandsGroup('Learn:')
    .helpCommand('help [command]', "show a command's help")
    .addHelpText('after', AFTER);
  const add = (heading: string, ...commands: Command[]): void => {
    for (const command of commands) program.addCommand(command.helpGroup(heading));
  };
  const ofFriends = OPERATION_NAMES.filter((operation) => wordsOf(operation).length === 1);
  add('Data:', ...ofFriends.map((operation) => operationCommand(operation, exit)), accountsCommand(exit));
  add('Jobs:', ...jobCommands(exit), retryCommand(exit), limitCommand(exit));
  add('Run:', doctorCommand(exit), workerCommand(exit));
  add('Learn:', simulateCommand(exit), demoCommand(exit), completionCommand(exit));
  tellAllProblems(program);
  return throwing(program);
}

/** Commander throws instead of ending the process, in every command of the tree. */
function throwing(command: Command): Command {
  command.commands.forEach(throwing);
  return command.exitOverride();
}
