import { Command } from 'commander';
import { OPERATION_NAMES } from '../domain/operation.ts';
import { wordsOf } from './command-words.ts';
import { operationCommand } from './operation-command.ts';

/** `befriend accounts check FILE`, `befriend accounts import FILE`: what is not about friends. */
export function accountsCommand(exit: (code: number) => void): Command {
  const accounts = new Command('accounts')
    .description('ask which accounts the app has, or import them')
    .addHelpText('after', ({ error }) =>
      error
        ? '\nbefriend: accounts needs a command: accounts check FILE or accounts import FILE'
        : '\nExample:\n  befriend accounts check accounts.txt',
    );
  for (const operation of OPERATION_NAMES.filter((name) => wordsOf(name).length > 1)) {
    accounts.addCommand(operationCommand(operation, exit));
  }
  return accounts;
}
