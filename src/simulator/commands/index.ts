import { accountCheck } from './account-check.ts';
import type { Command } from './command.ts';
import { friendAdd } from './friend-add.ts';
import { friendCheck } from './friend-check.ts';
import { friendImport } from './friend-import.ts';

/** Every command the simulator knows. */
export const COMMANDS: readonly Command[] = [friendCheck, friendImport, friendAdd, accountCheck];

const BY_PATH = new Map(COMMANDS.map((command) => [command.path, command]));
const BY_NAME = new Map(COMMANDS.map((command) => [command.name, command]));

/** `path` is under `/v4/`. */
export function commandAt(path: string): Command | undefined {
  return BY_PATH.get(path);
}

export function commandNamed(name: string): Command | undefined {
  return BY_NAME.get(name);
}
