import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { CallResult, Verdict } from '../chat/classify.ts';
import type { Fault } from '../domain/fault.ts';
import type { Keys } from './keys.ts';
import type { Silence } from './probe.ts';

/**
 * Keeps an app quiet while no call of it can pass: no claim of any process is granted then, so that an outage spends no
 * attempts. Who finds out asks the service again and again with a harmless call, and ends the quiet when it answers.
 *
 * | state | entered when | left when | after a crash |
 * |---|---|---|---|
 * | calling | at first; the probe was answered | several calls in a row got no answer, and neither did a probe | – |
 * | quiet, outage | the probe got no answer | a probe is answered | the key in Redis expires; the next calls find out |
 * | quiet, told to wait | the service said so (70050) | the time is over | the same |
 */
export interface Breaker {
  /** False while this process knows that nobody may call: what was claimed before is not sent either. */
  readonly calling: boolean;
  /** Hears what came of every call. @returns true when it failed since nothing passes now: no attempt is spent */
  heard(result: CallResult): Promise<boolean>;
  /** The service asked to be left alone. @returns false when it has asked so too often in a row: a person must look */
  wait(ms: number, why: string): Promise<boolean>;
}

export interface BreakerParts {
  redis: Redis;
  keys: Keys;
  /** Tries the service with a harmless call. */
  probe: (signal: AbortSignal) => Promise<Silence>;
  signal: AbortSignal;
  /** Multiplies every pause: 1 in production, less at compressed time. */
  scale: number;
}

/** Single failures are everyday life. */
const IN_A_ROW = 3;
/** Pauses between probes: 1 s, doubled up to this. */
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 5000;
/** The quiet outlives a probe that gets no answer; when nobody probes any more, it ends by itself. */
const LASTS_MS = 20_000;
/** How soon the other processes see that it is over. */
const SEEN_AFTER_MS = 250;
/** How often the service may ask to be left alone before a call has passed. */
const MOST_WAITS = 3;

export function createBreaker({ redis, keys, probe, signal, scale }: BreakerParts): Breaker {
  let failed = 0;
  let waits = 0;
  let asking: Promise<boolean> | null = null;
  let quiet = false;
  const over = (): void => {
    quiet = false;
  };

  const say = (why: string, forMs: number) => redis.set(keys.quiet, why, 'PX', Math.max(1, Math.round(forMs)));

  /** Until the service answers. Whoever began the quiet asks it; the others see the key go. */
  async function untilAnswered(why: string, mine: boolean): Promise<void> {
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(LONGEST_PAUSE_MS, 2 * pause)) {
      await sleep((mine ? pause : SEEN_AFTER_MS) * scale, undefined, { signal });
      if (mine ? (await probe(signal)).kind === 'answers' : (await redis.get(keys.quiet)) === null) break;
      if (mine) await say(why, LASTS_MS);
    }
    if (mine) await redis.del(keys.quiet);
  }

  /** Again and again until a slot comes, or a call of this process is answered. */
  async function ask(): Promise<Silence> {
    const told = await probe(signal);
    return told.kind === 'unasked' && failed > 0 ? ask() : told;
  }

  async function isOut(): Promise<boolean> {
    if (quiet) return true;
    const told = await ask();
    if (told.kind !== 'silent') return false;
    const text = `no answer: ${told.why}`;
    const first = await redis.set(keys.quiet, text, 'PX', LASTS_MS, 'NX');
    quiet = true;
    // Where Redis fails meanwhile, claims do too; the next calls find out anew.
    untilAnswered(text, first !== null).then(over, over);
    return true;
  }

  return {
    get calling() {
      return !quiet;
    },

    async heard({ fault, verdicts }) {
      if (fault === null || !isSilence(fault)) {
        failed = 0;
        // Also an item may be answered that the service wants to be left alone: such a call has not passed.
        if (waits > 0 && fault === null && !verdicts.some(asksToWait)) waits = 0;
        return false;
      }
      failed += 1;
      if (failed < IN_A_ROW) return false;
      asking ??= isOut().finally(() => {
        asking = null;
      });
      const out = await asking;
      if (!out) failed = 0;
      return out;
    },

    async wait(ms, why) {
      // Calls that were in flight together are told the same together: that counts once.
      const first = await redis.set(keys.quiet, why, 'PX', Math.max(1, Math.round(ms * scale)), 'NX');
      if (first === null) return true;
      waits += 1;
      if (waits > MOST_WAITS) {
        await redis.del(keys.quiet);
        return false;
      }
      quiet = true;
      sleep(ms * scale, undefined, { signal }).then(over, over);
      return true;
    },
  };
}

/** No answer of the service itself: on the way, or from something in front of it. */
function isSilence(fault: Fault): boolean {
  return fault.kind === 'unreadable' || (fault.kind === 'transient' && fault.curve === 'network');
}

function asksToWait(verdict: Verdict): boolean {
  return 'fault' in verdict && verdict.fault.kind === 'credentials' && verdict.fault.waitMs !== undefined;
}

/** Why nobody of the app calls now; null where they do. */
export function quietOf(redis: Redis, keys: Keys): Promise<string | null> {
  return redis.get(keys.quiet);
}
