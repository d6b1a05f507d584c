import { Command } from 'commander';
import type { GroupStanding } from '../befriend.ts';
import { EXIT, readContext, tell, UsageError, withBefriend } from './context.ts';
import { plural } from './figures.ts';

interface Flags {
  forget?: string;
  json?: boolean;
}

/** `befriend jobs groups`: durable consumer groups and what they hold back; one that is gone for good can be forgotten. */
export function groupsCommand(exit: (code: number) => void): Command {
  return new Command('groups')
    .description('durable consumer groups of programs, and the outcomes that wait for them')
    .option('--forget <group>', 'a group whose program is gone for good: nothing waits for it any more')
    .option('--json', 'one JSON array')
    .addHelpText('after', '\nExample:\n  befriend jobs groups')
    .action(async (_flags: Flags, command: Command) => exit(await groups(command.optsWithGlobals<Flags>())));
}

async function groups({ forget, json }: Flags): Promise<number> {
  const standing = await withBefriend(readContext('app'), async (befriend) => {
    if (forget !== undefined && !(await befriend.forgetGroup(forget))) {
      throw new UsageError(`There is no durable group ${forget}. befriend jobs groups lists all.`);
    }
    return befriend.durableGroups();
  });
  if (forget !== undefined) tell(`group ${forget} is forgotten`);
  if (json) process.stdout.write(`${JSON.stringify(standing)}\n`);
  else process.stdout.write(standing.length === 0 ? 'no durable groups\n' : standing.map(groupLine).join(''));
  return EXIT.ok;
}

function groupLine({ group, jobs, entries }: GroupStanding): string {
  const calls = `outcomes of ${plural(entries, 'call')}`;
  return `${group}  ${entries === 0 ? 'has acknowledged all' : `${calls} wait, in ${plural(jobs, 'job')}`}\n`;
}
