import type { OperationName } from '../domain/operation.ts';

/** The words of an operation's command, as a person types and reads them: `accounts check`, `delete-all`. */
export function wordsOf(operation: OperationName): string[] {
  const [, ofAccounts] = /^accounts-(.+)$/.exec(operation) ?? [];
  return ofAccounts === undefined ? [operation] : ['accounts', ofAccounts];
}
