import { Argument, Command, Option } from 'commander';
import { type Operation, type OperationName, OPERATIONS } from '../domain/operation.ts';
import { type Flags, runOperation } from './run-operation.ts';

const ABOUT: Record<OperationName, string> = {
  check: 'ask how the two accounts of each row are related',
  import: "write each row's friendship into the list of its from: silently, without consent",
  add: 'add friends as a user would: consent, blocklists and limits apply',
  'accounts-check': 'ask which of the accounts the app has',
};

const FILE: Record<Operation['rows'], string> = {
  pairs: 'CSV, TSV or JSON lines with columns from,to; .gz too; - reads stdin',
  accounts: 'CSV, TSV or JSON lines with a column account (or from), or an id a line; .gz too; - reads stdin',
};

/** `befriend check|import|add FILE`, `befriend accounts check FILE`: the whole job in one process. */
export function operationCommand(operation: OperationName, exit: (code: number) => void): Command {
  const words = operation.split('-');
  const { rows, writeSet } = OPERATIONS[operation];
  const command = new Command(words.at(-1))
    .description(ABOUT[operation])
    .addArgument(new Argument('<file>', FILE[rows]))
    .option('--out <file>', 'results, one JSON line a row; - for stdout (default: <file>.<job>.results.jsonl)')
    .option('--rejects <file>', 'rows not accepted, with line and reason; - for stdout (default: <file>.rejects.jsonl)')
    .option('--dry-run', 'read and validate only: rows, rejects, calls, time at the limit')
    .option('--detach', 'print the job id and return; workers elsewhere do the work (needs REDIS_URL)')
    .option('--allow-rejects', 'invalid rows do not make the exit code 1')
    .option('--loose-ids', 'accept ids with characters that the vendor does not list')
    .option('--name <name>', 'a name for people')
    .addOption(new Option('--priority <priority>').choices(['high', 'normal', 'low']).default('normal'))
    .option('--json', 'the report as one JSON object on stdout')
    .option('--idempotency-key <key>', 'the same key always means the same job')
    .option('--new', 'start another job where an unfinished one of the same rows exists');
  if (writeSet({}) !== 'none') {
    command.option('--preflight', 'first check that the app has all accounts of the rows; if not, write nothing');
  }
  if (operation === 'check') {
    const types = new Option('--type <type>', 'ask for both directions or for one').choices(['both', 'single']);
    command.addOption(types.default('both'));
  }
  if (operation === 'add') {
    command.option('--single', "write only into the list of the row's from");
    command.option('--force', "add without the peer's consent");
  }
  const example = `befriend ${words.join(' ')} ${rows === 'accounts' ? 'accounts.txt' : 'friends.csv'}`;
  command.addHelpText('after', `\nExamples:\n  ${example} --dry-run    # sends nothing\n  ${example}`);
  return command.action(async (file: string, flags: Flags) => exit(await runOperation(operation, file, flags)));
}
