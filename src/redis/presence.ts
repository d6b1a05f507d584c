import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { within } from './in-time.ts';

/** A Redis that says nothing for so long is away: longer than it takes to write its AOF anew, or to reconnect. */
export const AWAY_MS = 2000;
const LOOK_EVERY_MS = 1000;

export interface PresenceLog {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
}

/**
 * Says in the log when Redis does not answer, whether its connection broke or it hangs, and when it is back: everything
 * waits for it meanwhile, and who looks at a quiet process should not have to guess. Until `signal`, or the end of the
 * connection.
 */
export async function tellPresence(redis: Redis, log: PresenceLog, signal: AbortSignal): Promise<void> {
  try {
    while (!signal.aborted) {
      await look(redis, log, signal);
      await sleep(LOOK_EVERY_MS, undefined, { signal });
    }
  } catch {
    // Stopped, or closed for good by this process: what comes of that is told elsewhere.
  }
}

async function look(redis: Redis, log: PresenceLog, signal: AbortSignal): Promise<void> {
  const asked = performance.now();
  // Commands wait for ever, also for a new connection. A refusal (loading, busy) is an answer.
  const answer = redis.ping().catch((error: Error) => {
    if (error.name !== 'ReplyError') throw error;
  });
  if ((await within(answer, AWAY_MS)) !== null || signal.aborted) return;
  log.warn({ connection: redis.status }, 'Redis does not answer: nobody calls until it does');
  await answer;
  log.info({ awayMs: Math.round(performance.now() - asked) }, 'Redis answers again');
}

/** Says in the log when a connection was made anew since it was silent: the others may have answered all the time. */
export function tellSilence(connection: Redis, log: PresenceLog): void {
  connection.on('error', ({ message }: Error) => {
    if (message.startsWith('Socket timeout')) log.warn({}, 'a connection to Redis fell silent and is made anew');
  });
}
