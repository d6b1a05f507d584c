import { accountCheck } from './account-check.ts';
import type { Command } from './command.ts';
import { friendAdd } from './friend-add.ts';
import { friendCheck } from './friend-check.ts';
import { friendDelete } from './friend-delete.ts';
import { friendDeleteAll } from './friend-delete-all.ts';
import { friendGet } from './friend-get.ts';
import { friendGetList } from './friend-get-list.ts';
import { friendImport } from './friend-import.ts';
import { friendUpdate } from './friend-update.ts';
import { multiaccountImport } from './multiaccount-import.ts';

/** Every command the simulator knows. */
export const COMMANDS: readonly Command[] = [
  friendCheck,
  friendImport,
  friendAdd,
  friendUpdate,
  friendDelete,
  friendDeleteAll,
  friendGet,
  friendGetList,
  accountCheck,
  multiaccountImport,
];

const BY_PATH = new Map(COMMANDS.map((command) => [command.path, command]));
const BY_NAME = new Map(COMMANDS.map((command) => [command.name, command]));

/** `path` is under `/v4/`. */
export function commandAt(path: string): Command | undefined {
  return BY_PATH.get(path);
}

export function commandNamed(name: string): Command | undefined {
  return BY_NAME.get(name);
}
