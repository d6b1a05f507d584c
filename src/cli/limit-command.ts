import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import type { Befriend } from '../befriend.ts';
import { OPERATION_NAMES, type OperationName } from '../domain/operation.ts';
import { type Allowance, allowanceProblem } from '../jobs/allowance.ts';
import type { Outlook } from '../jobs/outlook.ts';
import { type CliContext, EXIT, readContext, tell, UsageError, withBefriend } from './context.ts';
import { limitText, slowedText } from './rate-in-force.ts';

interface Flags {
  /** Infinity: any number. */
  inFlight?: number;
  json?: boolean;
}

const ABOUT = `
Example:
  befriend limit import 50
  befriend limit import full

Holds at once for all workers and running jobs, and until it is changed.
It never raises a limit above what the settings give.`;

/** `befriend limit`: what an operator allows of the calls of an operation, while jobs run. */
export function limitCommand(exit: (code: number) => void): Command {
  return new Command('limit')
    .description('lower the calls of an operation while jobs run, and raise them again; alone: what holds now')
    .addArgument(new Argument('[operation]', 'whose calls').choices(OPERATION_NAMES))
    .addArgument(new Argument('[rate]', 'calls/s, or full: as many as the settings give').argParser(orAll('full')))
    .addOption(
      new Option('--in-flight <n>', 'most calls in flight at once, of all workers, or any').argParser(orAll('any')),
    )
    .option('--json', 'one JSON array')
    .addHelpText('after', ABOUT)
    .action(async (operation: OperationName | undefined, rate: number | undefined, { inFlight, json }: Flags) =>
      exit(await limit(operation, { callsPerSecond: allowed(rate), inFlight: allowed(inFlight) }, json)),
    );
}

/** A number, or the word for no limit: Infinity. */
const orAll =
  (word: string) =>
  (text: string): number => {
    if (text === word) return Infinity;
    const number = Number(text);
    if (text.trim() !== '' && Number.isFinite(number)) return number;
    throw new InvalidArgumentError(`Expected a number, or ${word}.`);
  };

/** Undefined: it is not to be changed. */
const allowed = (asked: number | undefined): number | null | undefined => (asked === Infinity ? null : asked);

async function limit(operation: OperationName | undefined, asked: Partial<Allowance>, json = false): Promise<number> {
  const context = readContext('app');
  const changes = asked.callsPerSecond !== undefined || asked.inFlight !== undefined;
  mustMakeSense(operation, asked, context, changes);
  return withBefriend(context, async (befriend) => {
    if (operation !== undefined && changes) await befriend.limit(operation, asked);
    const found = await outlooks(befriend, operation === undefined ? OPERATION_NAMES : [operation]);
    if (json) process.stdout.write(`${JSON.stringify(found.map(jsonOf))}\n`);
    else if (changes) for (const [name, outlook] of found) tell(`${name}: ${lineOf(outlook)}`);
    else for (const [name, outlook] of found) process.stdout.write(`${name.padEnd(WIDTH)}${lineOf(outlook)}\n`);
    return EXIT.ok;
  });
}

const WIDTH = Math.max(...OPERATION_NAMES.map(({ length }) => length)) + 2;

function mustMakeSense(
  operation: OperationName | undefined,
  asked: Partial<Allowance>,
  { config }: CliContext,
  changes: boolean,
): void {
  if (operation === undefined) {
    if (changes) throw new UsageError('--in-flight is of an operation: befriend limit import --in-flight 10.');
    return;
  }
  const problem = allowanceProblem(operation, asked, config.tuning);
  if (problem !== null) throw new UsageError(problem);
}

const outlooks = (
  befriend: Befriend,
  operations: readonly OperationName[],
): Promise<(readonly [OperationName, Outlook])[]> =>
  Promise.all(operations.map(async (name) => [name, await befriend.outlook(name)] as const));

const lineOf = (outlook: Outlook): string => slowedText(outlook) ?? limitText(outlook);

const jsonOf = ([operation, outlook]: readonly [OperationName, Outlook]) => ({
  operation,
  ceiling: outlook.ceiling,
  limit: outlook.limit,
  allowed: outlook.allowed,
});
