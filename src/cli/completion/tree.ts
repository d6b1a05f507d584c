import type { Argument, Command, Option } from 'commander';

/** What may stand in a place of the command line. */
export type Kind = 'file' | 'folder' | 'job' | 'other' | readonly string[];

export interface OptionNode {
  /** `-h`, `--help`: as typed, the short one first. */
  names: readonly string[];
  about: string;
  /** Null: the option takes no value. */
  value: Kind | null;
}

/** One command as completion needs it; the root is `befriend` itself. */
export interface CommandNode {
  /** The words that lead to it, `befriend` first. */
  path: readonly string[];
  about: string;
  options: readonly OptionNode[];
  arguments: readonly Kind[];
  /** The last argument may come again and again. */
  repeats: boolean;
  commands: readonly CommandNode[];
}

/** The tree of a program, as its help shows it: hidden commands and options stay out. */
export function treeOf(
  command: Command,
  before: readonly string[] = [],
  siblings: readonly string[] = [],
): CommandNode {
  const help = command.createHelp();
  const path = [...before, command.name()];
  const children = help.visibleCommands(command);
  const names = children.map((child) => child.name());
  return {
    path,
    about: command.description(),
    options: help.visibleOptions(command).map(optionNode),
    arguments: command.registeredArguments.map((argument) => argumentKind(argument, siblings)),
    repeats: command.registeredArguments.at(-1)?.variadic ?? false,
    commands: children.map((child) => treeOf(child, path, names)),
  };
}

/** The command and all below it, parents first. */
export function allCommands(node: CommandNode): CommandNode[] {
  return [node, ...node.commands.flatMap(allCommands)];
}

/** The last word of a command's path. */
export const nameOf = ({ path }: CommandNode): string => path.at(-1) as string;

function optionNode({ short, long, description, required, optional, flags, argChoices }: Option): OptionNode {
  const placeholder = /[<[]([^>\]]+)[>\]]/.exec(flags)?.[1] ?? '';
  return {
    names: [short, long].filter((name) => name !== undefined),
    about: description,
    value: required || optional ? kindOf(placeholder, argChoices) : null,
  };
}

/** `help [command]` takes the commands beside it. */
function argumentKind(argument: Argument, siblings: readonly string[]): Kind {
  const choices = argument.name() === 'command' ? siblings : argument.argChoices;
  return kindOf(argument.name(), choices);
}

/** The name of a placeholder says what it holds: `<file>`, `<job>`. */
function kindOf(placeholder: string, choices: readonly string[] | undefined): Kind {
  if (choices !== undefined) return choices;
  const named = { file: 'file', files: 'file', folder: 'folder', job: 'job' } as const;
  return named[placeholder.replace(/\.+$/, '') as keyof typeof named] ?? 'other';
}
