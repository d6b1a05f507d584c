import { explain } from '../src/cli/context.ts';
import { runWorker } from '../src/cli/worker-command.ts';

/** The role `call` alone: `node dist/workers/caller.js`. Settings as everywhere, from the environment or .env. */
process.exit(await runWorker(['call']).catch(explain));
