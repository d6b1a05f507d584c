import type { Redis } from 'ioredis';
import { OPERATIONS } from '../domain/operation.ts';
import { quietOf } from './breaker.ts';
import type { Keys } from './keys.ts';
import type { Ledger } from './ledger.ts';
import type { ChunkQueue } from './queue.ts';
import { troubleOf } from './trouble.ts';
import type { Sight } from './watchdog.ts';

export interface SightParts {
  redis: Redis;
  keys: Keys;
  ledger: Ledger;
  queueOf: (command: string) => ChunkQueue;
  /** Look at this job alone. */
  only?: string;
}

/** The running jobs as the watchdog sees them. Looks only. */
export async function sightsOf({ redis, keys, ledger, queueOf, only }: SightParts): Promise<Sight[]> {
  const ids = (await ledger.active()).filter((id) => only === undefined || id === only);
  const jobs = (await Promise.all(ids.map((id) => ledger.status(id)))).filter((job) => job?.state === 'running');
  const [quiet, notFed] = await Promise.all([quietOf(redis, keys), ledger.heldBack()]);
  return Promise.all(
    jobs.map(async (job) => {
      const { command } = OPERATIONS[job!.operation];
      const [counts, trouble] = await Promise.all([
        queueOf(command).getJobCounts('wait', 'prioritized', 'active', 'delayed'),
        troubleOf(redis, keys, command),
      ]);
      const { wait = 0, prioritized = 0, active = 0, delayed = 0 } = counts;
      const heldBack = quiet ?? notFed ?? trouble;
      return { job: job!, ready: wait + prioritized, inHand: active, delayed, heldBack };
    }),
  );
}
