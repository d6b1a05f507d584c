import type { Redis } from 'ioredis';
import { defineScript, type ScriptArg } from '../redis/script.ts';
import type { Timing } from './timing.ts';

/** One run of lease.lua, in words. Times are microseconds of Redis' clock. */
export interface LeaseRequest {
  want: number;
  leadMs: number;
  /** A new token counts from so long after its slot, until its call is reported. */
  bookedMs: number;
  /** Nobody who asks waits for a slot after this; Infinity: somebody waits as long as it takes. */
  until: number;
  /** Not bulk: attached for some seconds from now. */
  interactive: boolean;
  /** `since` of a state that the clock has left behind, or that another one had replaced; 0: none. */
  forget: number;
  /** Highest slot id that was answered with "too fast" for the command, and for the whole app; 0: none. */
  throttled: number;
  appThrottled: number;
  /** Slots that nobody used. */
  returned: ReadonlySet<number>;
  /** Slot id → upper bound of when its call arrived. */
  calls: ReadonlyMap<number, number>;
}

export interface Lease {
  now: number;
  /** When the state began, summed over the buckets; another one means that one was lost. */
  since: number;
  /** Rates in force, ppm of the ceilings; the command's is never above the app's. */
  rate: number;
  appRate: number;
  /** The slot that was beyond the horizon; 0 when all were granted. */
  following: number;
  /** When a bulk caller is to ask again that was cut short, or met others that wait for their turn; else 0. */
  turn: number;
  slots: { id: number; at: number }[];
}

/** The command's state and tokens, and the app's. */
export type LimiterKeys = [state: string, tokens: string, appState: string, appTokens: string];

const runLease = defineScript<LimiterKeys, ScriptArg[], number[]>(import.meta.url, './lease.lua');

export const micros = (ms: number): number => Math.round(ms * 1000);

/** The keys of one app and command, and those that all commands of the app share. They never expire. */
export function keysOf(app: number | string, command: string): LimiterKeys {
  const state = `{befriend:${app}}:limiter:${command}`;
  const appState = `{befriend:${app}}:app-limiter`;
  return [state, `${state}:tokens`, appState, `${appState}:tokens`];
}

/** Arguments of lease.lua in its order. */
export function argsOf(timing: Timing, request: LeaseRequest): ScriptArg[] {
  const { rate } = timing;
  return [
    rate.calls,
    timing.appCalls,
    micros(rate.windowMs),
    micros(timing.marginMs),
    timing.pace,
    micros(request.leadMs),
    micros(request.bookedMs),
    micros(timing.horizonMs),
    micros(timing.lossMs),
    request.want,
    request.forget,
    request.throttled,
    request.appThrottled,
    micros(timing.reachMs),
    request.interactive ? 1 : 0,
    Math.max(0, Math.min(request.until, Number.MAX_SAFE_INTEGER)),
    request.returned.size,
    ...request.returned,
    ...[...request.calls].flatMap(([id, at]) => [at, id]),
  ];
}

/** Reports and leases in one round trip. Rejects with Redis' error, having changed nothing. */
export async function lease(redis: Redis, keys: LimiterKeys, timing: Timing, request: LeaseRequest): Promise<Lease> {
  const reply = await runLease(redis, keys, argsOf(timing, request));
  const [now = 0, since = 0, rate = 0, appRate = 0, following = 0, turn = 0, first = 0, ...times] = reply;
  return { now, since, rate, appRate, following, turn, slots: times.map((at, n) => ({ id: first + n, at })) };
}
