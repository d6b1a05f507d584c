import { type Argument, type Command, InvalidArgumentError, type Option } from 'commander';
import { ConfigError } from '../config.ts';
import { readContext, UsageError } from './context.ts';

/**
 * Makes every command of the tree tell all that is wrong with a call at once, bad settings included, instead of the
 * first mistake alone. Nothing has run by then.
 */
export function tellAllProblems(program: Command): void {
  const problems: string[] = [];
  collect(program, problems);
  program.hook('preAction', (_, command) => {
    if (problems.length === 0) return;
    const name = pathOf(command);
    const all = [...problems, ...badSettings()].map((problem) => `  ${problem}`).join('\n');
    throw new UsageError(`${name} cannot run like this:\n${all}\nbefriend ${name} --help shows how.`);
  });
}

function collect(command: Command, problems: string[]): void {
  let unknown: string[] = [];
  command.error = ((message: string, options?: { code?: string }) => {
    const problem = message.replace(/^error: /, '').replace('\n', ' ');
    // Without a command nothing will run that could tell it later.
    const isGroup = command.commands.length > 0;
    if (isGroup && ['commander.unknownCommand', 'commander.unknownOption'].includes(options?.code ?? '')) {
      const listed =
        command.parent === null ? 'befriend --help lists all' : `befriend ${pathOf(command)} --help lists its`;
      throw new UsageError(`${problem}. ${listed} commands.`);
    }
    // What stands behind an unknown option may be its value.
    if (options?.code === 'commander.excessArguments' && unknown.length > 0) return;
    problems.push(problem);
    if (options?.code !== 'commander.unknownOption') return;
    // The parser stops at the first one and would take the others for arguments.
    unknown = command.args.filter(looksLikeOption);
    problems.push(...unknown.slice(1).map((flag) => `unknown option '${flag}'`));
    command.args = command.args.filter((arg) => !looksLikeOption(arg));
  }) as Command['error'];
  for (const option of command.options) collectFrom(option, `option '${option.flags}'`, problems);
  for (const argument of command.registeredArguments) collectFrom(argument, `argument '${argument.name()}'`, problems);
  for (const child of command.commands) collect(child, problems);
}

/** Commander would end the parsing at the first bad value. */
function collectFrom(place: Option | Argument, name: string, problems: string[]): void {
  const parse = place.parseArg;
  if (parse === undefined) return;
  place.parseArg = <T>(value: string | undefined, previous: T): T => {
    // An option without its value: told already.
    if (value === undefined) return previous;
    try {
      return parse(value, previous);
    } catch (error) {
      if (!(error instanceof InvalidArgumentError)) throw error;
      problems.push(`${name} cannot be '${value}'. ${error.message}`);
      return previous;
    }
  };
}

const looksLikeOption = (arg: string): boolean => arg.length > 1 && arg.startsWith('-');

function pathOf(command: Command): string {
  return command.parent?.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();
}

function badSettings(): readonly string[] {
  try {
    readContext('nothing');
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}
