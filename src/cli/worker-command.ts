import { once } from 'node:events';
import { Command } from 'commander';
import { type Role, ROLES } from '../domain/role.ts';
import { EXIT, onInterrupt, readContext, UsageError, withBefriend } from './context.ts';

/** `befriend worker`: runs roles until stopped. */
export function workerCommand(exit: (code: number) => void): Command {
  return new Command('worker')
    .description('run roles until stopped: feed (spool to queue), call (the API), record (results files)')
    .option('--roles <list>', 'some of feed,call,record', ROLES.join(','))
    .addHelpText('after', '\nExample:\n  befriend worker --roles feed,record')
    .action(async ({ roles }: { roles: string }) => exit(await runWorker(parseRoles(roles))));
}

function parseRoles(text: string): Role[] {
  const roles = text.split(',').map((role) => role.trim());
  const odd = roles.filter((role) => !ROLES.includes(role as Role));
  if (odd.length > 0) throw new UsageError(`--roles ${odd.join(',')}: expected some of ${ROLES.join(', ')}.`);
  return roles as Role[];
}

/** Runs roles until SIGINT or SIGTERM: stops taking work, ends what is in hand, goes. A second signal ends it at once. */
export async function runWorker(roles: readonly Role[]): Promise<number> {
  const context = roles.includes('call') ? readContext('chat', 'info') : readContext('app', 'info');
  const { signal, release } = onInterrupt();
  try {
    return await withBefriend(context, async (befriend) => {
      await befriend.work(roles).started;
      context.log.info({ roles }, 'worker started');
      if (!signal.aborted) await once(signal, 'abort');
      context.log.info('worker stopping');
      return EXIT.ok;
    });
  } finally {
    release();
  }
}
