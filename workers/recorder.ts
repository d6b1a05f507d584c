import { explain } from '../src/cli/context.ts';
import { runWorker } from '../src/cli/worker-command.ts';

/** The role `record` alone: `node dist/workers/recorder.js`. Settings as everywhere, from the environment or .env. */
process.exit(await runWorker(['record']).catch(explain));
