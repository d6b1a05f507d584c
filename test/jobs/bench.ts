import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { createChatClient } from '../../src/chat/client.ts';
import { userSigFromKey } from '../../src/chat/usersig-source.ts';
import { DEFAULT_CURVES } from '../../src/domain/backoff.ts';
import type { OutcomeGroup } from '../../src/domain/outcome.ts';
import type { Breaker } from '../../src/jobs/breaker.ts';
import type { CallParts } from '../../src/jobs/call.ts';
import { Halts } from '../../src/jobs/halts.ts';
import { createLedger } from '../../src/jobs/ledger.ts';
import { createLimiter, type Limiter } from '../../src/limiter/limiter.ts';
import { reportTrouble } from '../../src/jobs/trouble.ts';
import { Turns } from '../../src/jobs/turns.ts';
import { createLog } from '../../src/log.ts';
import type { SimulatorSettings } from '../../src/simulator/simulate.ts';
import { APP, AT, KEYS } from './support.ts';

export const SERVICE_LIMIT_MS = 400;
export const CALL_TIMEOUT_MS = 2000;

/** For tests of anything else: it hears, and never finds an outage. */
export const NO_BREAKER: Breaker = { calling: true, heard: async () => false, wait: async () => false };

/** The parts of a caller, and the one limiter that they share, whatever the command. */
export interface BenchParts extends CallParts {
  limiter: Limiter;
}

/** The real parts of a caller, at a rate that keeps nobody waiting. */
export function callParts(redis: Redis, simulator: SimulatorSettings, given: Partial<BenchParts> = {}): BenchParts {
  const { baseUrl, sdkappid, admin, key } = simulator;
  const limiter = given.limiter ?? freshLimiter(redis);
  const now = () => performance.now();
  const ledger = createLedger(redis, KEYS);
  return {
    ledger,
    halts: new Halts(ledger),
    chat: createChatClient({
      baseUrl,
      sdkappid,
      admin,
      userSig: userSigFromKey({ sdkappid, key, identifier: admin, now: Date.now }),
      timeoutMs: CALL_TIMEOUT_MS,
      random: Math.random,
    }),
    limiter,
    limiterOf: () => limiter,
    turns: new Turns({ limiter, now }),
    trouble: reportTrouble(redis, KEYS, 'friend_import', now),
    breaker: NO_BREAKER,
    brake: { after: 0, percent: 100 },
    policy: {
      attempts: 3,
      curves: DEFAULT_CURVES,
      backoffScale: 0.1,
      throttledMs: 70,
      serviceLimitMs: SERVICE_LIMIT_MS,
      random: () => 0.5,
    },
    callTimeoutMs: CALL_TIMEOUT_MS,
    waitMs: 10_000,
    now,
    wallClock: Date.now,
    at: () => AT,
    log: createLog({ level: 'silent' }),
    ...given,
  };
}

/** A limiter whose rate nobody else lowers. Slots may be late: the machine is busy with other tests. */
export function freshLimiter(redis: Redis): Limiter {
  return createLimiter({
    redis,
    app: APP,
    command: randomUUID(),
    rate: { calls: 50, windowMs: 50 },
    latenessMs: 400,
    coldSlots: 0,
    callTimeoutMs: CALL_TIMEOUT_MS,
  });
}

/** The outcomes of a job's results stream, an array per entry. */
export async function outcomesIn(redis: Redis, job: string): Promise<OutcomeGroup[][]> {
  const entries = await redis.xrange(KEYS.results(job), '-', '+');
  return entries.map(([, fields]) => JSON.parse(fields[fields.indexOf('outcomes') + 1] as string) as OutcomeGroup[]);
}

/** Resolves once `done` holds; the test's own time-out is the limit. */
export async function until(done: () => Promise<boolean>): Promise<void> {
  while (!(await done())) await new Promise((resolve) => setTimeout(resolve, 5));
}
