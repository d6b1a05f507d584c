import { setTimeout as sleep } from 'node:timers/promises';
import type { ChatClient } from '../chat/client.ts';
import { limitOfCode } from '../chat/codes.ts';
import { PROBE, probeCall, type ProbeVerdict, readProbe } from '../chat/probe.ts';
import { transportError } from '../transport/transport-error.ts';
import { OPERATIONS } from '../domain/operation.ts';
import type { Limiter } from '../limiter/limiter.ts';
import { RedisError } from '../redis/connection.ts';
import { unlessAborted, within } from '../redis/in-time.ts';
import { refusalOf } from '../redis/refusal.ts';
import { commandLimiter, type CommandLimiterParts } from './command-limiter.ts';
import type { Tuning } from './roles.ts';

/** One probe: what the service said, and how long the call took from connected to answered. */
export interface Probed {
  verdict: ProbeVerdict;
  tookMs: number;
}

export interface ProbeOptions extends CommandLimiterParts {
  /** A client of its own: it is not closed here. */
  chat: ChatClient;
  admin: string;
  signal?: AbortSignal;
  /** Local monotonic milliseconds. */
  now: () => number;
  /** How many usable answers are wanted; more than one tells the usual time of an answer. */
  answers?: number;
}

/** An answer that cannot be used may be a blip: three in a row are none. */
const TRIES = 3;
const PAUSE_MS = 150;
/** Nobody waits longer than this for answers that cannot be used. A time-out alone takes as long. */
const PATIENCE_MS = 4000;
/** A slot after a restart of Redis comes a window and a bit later; beyond that others have them all, at equal rank. */
const SLOT_MS = 5000;
const PING_MS = 1000;

/**
 * Tries the credentials with a harmless call, which takes its slot as every call does: none where Redis grants none.
 * Ends with the first answer that says something (`answers` of them), or with the last of three that cannot be used.
 * The limiters of the other commands start their wait beside it, so that a job's first call need not wait again.
 * @returns empty when others took every slot; nothing was sent then
 * @throws RedisError when Redis refuses to grant slots or is away; the signal's reason when it is aborted
 */
export async function probeApi(options: ProbeOptions): Promise<Probed[]> {
  const commands = new Set(Object.values(OPERATIONS).map(({ command }) => command));
  const limiters = new Map([...commands].map((command) => [command, commandLimiter(command, options)]));
  try {
    return await probe(limiters.get(PROBE.command) as Limiter, options);
  } finally {
    await Promise.all([...limiters.values()].map((limiter) => limiter.close()));
  }
}

async function probe(limiter: Limiter, options: ProbeOptions): Promise<Probed[]> {
  const { chat, now, signal, answers = 1 } = options;
  const usable: Probed[] = [];
  const startedAt = now();
  let renewed = false;
  for (let failed = 0; ;) {
    const probed = await probeOnce(limiter, options);
    if (probed === null) {
      await mustGrant(limiter, options);
      return usable;
    }
    const { verdict } = probed;
    if (verdict.kind === 'unusable') {
      failed += 1;
      if (failed >= TRIES || now() - startedAt > PATIENCE_MS) return [probed];
      await sleep(PAUSE_MS * failed, undefined, { signal });
    } else if (verdict.kind === 'refused' && verdict.renewable && !renewed && chat.renewUserSig()) {
      renewed = true;
    } else {
      usable.push(probed);
      if (verdict.kind !== 'accepted' || usable.length >= answers) return usable;
    }
  }
}

/** An API that is up answers sooner: the service itself gives up after 3 s (Chat API 1047/34620). */
const SILENT_MS = 4000;

/** What the API is found to do. `unasked`: others' calls hold every slot; if these hang, so would the harmless call. */
export type Silence = { kind: 'answers' } | { kind: 'silent'; why: string } | { kind: 'unasked' };

/** Whether the API gives a usable answer to the harmless call, or why it does not. */
export async function silenceOf(
  limiter: Pick<Limiter, 'take'>,
  parts: OnceParts & { signal: AbortSignal },
): Promise<Silence> {
  const patience = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  // From the slot on: that none came says nothing of the API.
  const timed: Pick<Limiter, 'take'> = {
    async take(waiting) {
      const slot = await limiter.take(waiting);
      timer = setTimeout(() => patience.abort(new Error('silence')), SILENT_MS);
      return slot;
    },
  };
  try {
    const probed = await probeOnce(timed, { ...parts, signal: AbortSignal.any([parts.signal, patience.signal]) });
    if (probed === null) return { kind: 'unasked' };
    const { verdict } = probed;
    return verdict.kind === 'unusable' ? { kind: 'silent', why: verdict.text } : { kind: 'answers' };
  } catch (error) {
    parts.signal.throwIfAborted();
    if (patience.signal.aborted) return { kind: 'silent', why: `silence for ${SILENT_MS / 1000} s` };
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

type OnceParts = Pick<ProbeOptions, 'chat' | 'admin' | 'signal' | 'now'> & {
  tuning: Pick<Tuning, 'windowMs' | 'callTimeoutMs' | 'holdTokens'>;
};

/** Null: no slot. */
async function probeOnce(
  limiter: Pick<Limiter, 'take'>,
  { chat, admin, tuning, signal, now }: OnceParts,
): Promise<Probed | null> {
  const heldMs = tuning.holdTokens ? tuning.callTimeoutMs : 0;
  const late = AbortSignal.timeout(tuning.windowMs + heldMs + SLOT_MS);
  const waiting = signal === undefined ? late : AbortSignal.any([late, signal]);
  for (;;) {
    try {
      const connection = await chat.ready(waiting);
      try {
        const slot = await limiter.take(waiting);
        const startedAt = now();
        const answer = await chat.send(probeCall(admin), { beforeWrite: () => slot.mayWrite(), signal, connection });
        if (answer.kind === 'not-sent') {
          slot.giveUp();
          continue;
        }
        const verdict = readProbe(answer);
        if (verdict.kind === 'odd' && verdict.throttled) slot.throttled(limitOfCode(verdict.code));
        slot.settled(answer.kind === 'response');
        signal?.throwIfAborted();
        return { verdict, tookMs: now() - startedAt };
      } finally {
        connection.release();
      }
    } catch (error) {
      signal?.throwIfAborted();
      if (late.aborted) return null;
      return { verdict: { kind: 'unusable', text: transportError(error, false).message }, tookMs: 0 };
    }
  }
}

/** No slot came. @throws RedisError when that is because of Redis, and not because others took them all */
async function mustGrant(limiter: Limiter, { redis, signal }: ProbeOptions): Promise<void> {
  const { failure, connected } = limiter.state;
  if (failure !== null) {
    const said = `Redis grants no call ("${failure.message.slice(0, 160)}"). See its log.`;
    throw refusalOf(failure) ?? new RedisError(said, { cause: failure });
  }
  const ping = redis.ping().then(
    () => true,
    () => false,
  );
  const answer = connected ? await within(unlessAborted(ping, signal), PING_MS) : null;
  if (answer?.value !== true) {
    throw new RedisError(
      'Redis answers no more, and without it nobody calls. See whether the server runs or hangs, and its log, and run ' +
        'the command again.',
    );
  }
}
