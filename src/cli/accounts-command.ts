import { Command } from 'commander';
import { operationCommand } from './operation-command.ts';

/** `befriend accounts check FILE`: operations whose rows are accounts. */
export function accountsCommand(exit: (code: number) => void): Command {
  return new Command('accounts')
    .description('ask about accounts: `accounts check` tells which of them the app has')
    .addCommand(operationCommand('accounts-check', exit));
}
