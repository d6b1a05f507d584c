import { explain } from '../src/cli/context.ts';
import { runWorker } from '../src/cli/worker-command.ts';

/** The role `feed` alone: `node dist/workers/feeder.js`. Settings as everywhere, from the environment or .env. */
process.exit(await runWorker(['feed']).catch(explain));
