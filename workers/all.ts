import { explain } from '../src/cli/context.ts';
import { runWorker } from '../src/cli/worker-command.ts';
import { ROLES } from '../src/domain/role.ts';

/** All roles: `node dist/workers/all.js`. The same as `befriend worker`. */
process.exit(await runWorker(ROLES).catch(explain));
