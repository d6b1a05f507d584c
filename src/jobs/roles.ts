import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { ChatClient } from '../chat/client.ts';
import { PROBE } from '../chat/probe.ts';
import { DEFAULT_CURVES } from '../domain/backoff.ts';
import type { Limits } from '../domain/frequency.ts';
import { type OperationName, OPERATIONS } from '../domain/operation.ts';
import type { Role } from '../domain/role.ts';
import type { Limiter } from '../limiter/limiter.ts';
import { within } from '../redis/in-time.ts';
import { tellPresence, tellSilence } from '../redis/presence.ts';
import { runRecorder } from '../results/recorder.ts';
import { runAdopter } from './adopt.ts';
import { type Caller, startCaller } from './caller.ts';
import { createBreaker } from './breaker.ts';
import { mayBeTwoWay } from './claim-chunk.ts';
import { commandLimiter } from './command-limiter.ts';
import { type Expire, expires, type Keep, runExpiry } from './expiry.ts';
import { runFeeder } from './feeder.ts';
import { Halts } from './halts.ts';
import { createHandovers } from './handovers.ts';
import { jobFolder } from './home.ts';
import type { Keys } from './keys.ts';
import type { Ledger } from './ledger.ts';
import { type ChunkQueue, openQueue } from './queue.ts';
import { THROTTLED_MS } from './settle.ts';
import { silenceOf } from './probe.ts';
import { readyWindow } from './ready-window.ts';
import { reportTrouble } from './trouble.ts';
import { sightsOf } from './sights.ts';
import { Turns } from './turns.ts';
import { runWatchdog } from './watchdog.ts';
import { tellFigures } from './worker-figures.ts';

/** How befriend behaves; the defaults are right for the service. Units are in the names. */
export interface Tuning extends Limits, Keep {
  /** Null: the limiter's own choice. */
  marginMs: number | null;
  latenessMs: number;
  coldLatenessMs: number;
  pace: number;
  /** Null: the limiter's own choice. */
  leaseSize: number | null;
  /** Tokens are held until the answer. */
  holdTokens: boolean;
  callTimeoutMs: number;
  serviceLimitMs: number;
  attempts: number;
  backoffScale: number;
  concurrency: number;
  readySeconds: number;
  brakeAfter: number;
  brakePercent: number;
  backlogMegabytes: number;
  stallSeconds: number;
  handoverMegabytes: number;
  handoverWaitSeconds: number;
}

export interface RolesOptions {
  roles: readonly Role[];
  /** Feed and call this job alone: a caller of its command, and no other. */
  only?: { id: string; operation: OperationName };
  sdkAppId: number;
  /** The account that calls, whom the probe of an API that does not answer asks about. */
  admin: string;
  home: string;
  redis: Redis;
  /** Its address, as messages name it; null: the private one of the home. */
  address: string | null;
  keys: Keys;
  ledger: Ledger;
  /** Makes the client when the role `call` is among them. */
  chat: () => ChatClient;
  /** Removes what need not be kept any more. */
  expire: Expire;
  tuning: Tuning;
  log: Logger;
}

export interface Roles {
  /** Resolves when they run. */
  started: Promise<unknown>;
  /** Stops taking work, gives calls in flight the grace time, then aborts. Never hangs. */
  stop(graceMs?: number): Promise<void>;
}

const GRACE_MS = 5000;
/** A Redis that says nothing for so long is not waited for at the end. */
const SILENCE_MS = 2000;
const SLOT_WAIT_MS = 20_000;
/** Chunks that write the lists of both ends wait for each other: the more are in hand, the more may go side by side. */
const TWO_WAY_HANDS = 4;

/** Runs the given roles in this process until stopped. */
export function startRoles(options: RolesOptions): Omit<Roles, 'started'> {
  const { roles, redis, keys, log } = options;
  const only = options.only?.id;
  const operations = options.only ? [OPERATIONS[options.only.operation]] : Object.values(OPERATIONS);
  const commands = [...new Set(operations.map(({ command }) => command))];
  const abort = new AbortController();
  const blocking: Redis[] = [];
  const ownConnection = (): Redis => {
    const connection = redis.duplicate();
    connection.on('error', (error: Error) => log.debug({ err: error }, 'redis'));
    tellSilence(connection, log);
    blocking.push(connection);
    return connection;
  };
  const queues = new Map<string, ChunkQueue>();
  const queueOf = (command: string): ChunkQueue => {
    const queue = queues.get(command) ?? openQueue(redis, keys, command);
    if (!queues.has(command)) queue.on('error', (error) => log.debug({ err: error, command }, 'queue'));
    queues.set(command, queue);
    return queue;
  };

  const loops = [tellPresence(redis, log, abort.signal)];
  if (roles.includes('feed')) {
    const backlogBytes = options.tuning.backlogMegabytes * 1e6;
    const parts = {
      ...options,
      only,
      queueOf,
      readyWindow: (command: string) => readyWindow(command, options),
      backlogBytes,
      blocking: ownConnection(),
      eventsKey: keys.events,
    };
    loops.push(runFeeder(parts, abort.signal));
  }
  const calling = roles.includes('call') ? startCalling(commands, options) : null;
  const inFlight = () => calling?.inFlight() ?? {};
  loops.push(tellFigures({ ...options, id: randomUUID(), inFlight }, abort.signal));
  if (roles.includes('record')) {
    const parts = {
      ...options,
      blocking: ownConnection(),
      resultsKey: keys.results,
      jobKey: keys.job,
      whose: { sdkAppId: options.sdkAppId, redis: options.address },
      folderOf: (job: string) => folderIn(options.home, job),
      at: () => new Date().toISOString(),
    };
    loops.push(runRecorder(parts, abort.signal));
    if (only === undefined) {
      const adopting = {
        ...options,
        redis: { sdkAppId: options.sdkAppId, redis: options.address },
        handovers: createHandovers(redis, keys),
        wallClock: Date.now,
        random: Math.random,
      };
      // In the private Redis of a home nobody else is.
      if (options.address !== null) loops.push(runAdopter(adopting, abort.signal));
    }
    if (only === undefined && expires(options.tuning)) loops.push(runExpiry(options.expire, log, abort.signal));
  }

  const watchdog = {
    sights: () => sightsOf({ ...options, queueOf, only }),
    roles,
    // Those of BullMQ that block look after themselves.
    reconnect: () => [redis, ...blocking].forEach((connection) => connection.disconnect(true)),
    stallMs: 1000 * options.tuning.stallSeconds,
    now: () => performance.now(),
    log,
  };
  loops.push(runWatchdog(watchdog, abort.signal));

  let stopped: Promise<void> | null = null;
  const stop = async (graceMs: number): Promise<void> => {
    // Without Redis no answer can be recorded, and the loops end with its connection: as if this process was killed.
    const answers = (await within(redis.ping().catch(ignore), SILENCE_MS)) !== null;
    await calling?.stop(answers ? graceMs : 0);
    abort.abort(new Error('stopped'));
    // A blocked read ends with its connection.
    for (const connection of blocking) connection.disconnect();
    // Redis may fall silent meanwhile: what a loop waits for then comes no more.
    if (answers && (await within(Promise.allSettled(loops), GRACE_MS)) === null)
      log.warn('stopped before everything was handed over: whoever works on it next does that');
  };
  return { stop: (graceMs = GRACE_MS) => (stopped ??= stop(graceMs)) };
}

function ignore(): void {}

interface Calling extends Pick<Caller, 'stop'> {
  /** Calls that wait for their answers, by command, where there are any. */
  inFlight(): Record<string, number>;
}

/** One caller and one limiter a command; they share the HTTP client and the breaker. */
function startCalling(commands: readonly string[], options: RolesOptions): Calling {
  const { redis, keys, ledger, tuning, admin, log } = options;
  const chat = options.chat();
  const limiters = new Map<string, Limiter>();
  const limiterOf = (command: string): Limiter => {
    const limiter = limiters.get(command) ?? commandLimiter(command, options);
    limiters.set(command, limiter);
    return limiter;
  };
  const abort = new AbortController();
  const now = () => performance.now();
  const halts = new Halts(ledger);
  const breaker = createBreaker({
    redis,
    keys,
    probe: (signal) => silenceOf(limiterOf(PROBE.command), { chat, admin, tuning, signal, now }),
    signal: abort.signal,
    scale: tuning.backoffScale,
  });
  const policy = {
    attempts: tuning.attempts,
    curves: DEFAULT_CURVES,
    backoffScale: tuning.backoffScale,
    throttledMs: THROTTLED_MS * tuning.backoffScale,
    serviceLimitMs: tuning.serviceLimitMs,
    random: Math.random,
  };
  const callers = commands.map((command) => {
    const parts = {
      ledger,
      chat,
      limiterOf,
      turns: new Turns({ limiter: limiterOf(command), now }),
      halts,
      trouble: reportTrouble(redis, keys, command, now),
      breaker,
      policy,
      brake: { after: tuning.brakeAfter, percent: tuning.brakePercent },
      callTimeoutMs: tuning.callTimeoutMs,
      waitMs: SLOT_WAIT_MS,
      now,
      wallClock: () => Date.now(),
      at: () => new Date().toISOString(),
      log,
    };
    const concurrency = tuning.concurrency * (mayBeTwoWay(command) ? TWO_WAY_HANDS : 1);
    return startCaller({ connection: redis, keys, command, concurrency, parts, log, only: options.only?.id });
  });
  return {
    inFlight: () =>
      Object.fromEntries(
        callers.map((caller, n) => [commands[n]!, caller.inFlight()] as const).filter(([, calls]) => calls > 0),
      ),
    async stop(graceMs) {
      await Promise.all(callers.map((caller) => caller.stop(graceMs)));
      abort.abort(new Error('stopped'));
      await Promise.all([...limiters.values()].map((limiter) => limiter.close()));
      chat.close();
    },
  };
}

/** The job's folder, or null when its spool is in another home. */
async function folderIn(home: string, job: string): Promise<string | null> {
  const folder = jobFolder(home, job);
  return (await stat(folder).catch(() => null)) === null ? null : folder;
}
