import type { Redis } from 'ioredis';
import type { CallResult } from '../chat/classify.ts';
import { limitOfCode } from '../chat/codes.ts';
import type { Keys } from './keys.ts';

/**
 * Told of every call; says in Redis what is wrong while none succeeds, and with which code the service said "too fast",
 * so that whoever watches a job can see it.
 */
export interface Trouble {
  /** @param called the command of the call, which may be a lookup's */
  heard(result: CallResult, called: string): void;
}

/** Single failures are everyday life. */
const IN_A_ROW = 5;
const SAY_EVERY_MS = 1000;
/** It is over when a call passes, or when nobody has said so for this long. */
const LASTS_MS = 5000;
/** Longer than a limit needs to recover (limiter/lease.lua): 20 s. */
const TOO_FAST_MS = 60_000;

/** One caller's part of it. @param now local monotonic milliseconds */
export function reportTrouble(redis: Redis, keys: Keys, command: string, now: () => number): Trouble {
  let failed = 0;
  let saidAt = Number.NEGATIVE_INFINITY;
  const unsay = (): void => {
    saidAt = Number.NEGATIVE_INFINITY;
    redis.del(keys.trouble(command)).catch(() => {});
  };
  return {
    heard({ fault }, called) {
      if (fault?.kind === 'throttled') {
        const key = keys.tooFast(limitOfCode(fault.code) === 'app' ? null : called);
        redis.set(key, fault.code, 'PX', TOO_FAST_MS).catch(() => {});
      }
      if (fault?.kind !== 'transient') {
        failed = 0;
        if (now() - saidAt < LASTS_MS) unsay();
        return;
      }
      failed += 1;
      if (failed < IN_A_ROW || now() - saidAt < SAY_EVERY_MS) return;
      saidAt = now();
      const text = fault.code === null ? fault.info : `code ${fault.code} ${fault.info}`;
      // Only for people's eyes: without it the job goes on all the same.
      redis.set(keys.trouble(command), text, 'PX', LASTS_MS).catch(() => {});
    },
  };
}

/** What callers of the command say is wrong now, or null. */
export function troubleOf(redis: Redis, keys: Keys, command: string): Promise<string | null> {
  return redis.get(keys.trouble(command));
}

/** The code of the last "too fast" for the command, or for the app (null); null when it is not known any more. */
export async function tooFastCode(redis: Redis, keys: Keys, command: string | null): Promise<number | null> {
  const code = await redis.get(keys.tooFast(command));
  return code === null ? null : Number(code);
}
