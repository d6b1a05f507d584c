import { type Lease, type LeaseRequest, micros } from './bucket.ts';
import type { Timing } from './timing.ts';

/** One bucket as lease.lua keeps it in Redis: the command's, or the app's. Times are microseconds. */
export interface BucketState {
  run: string;
  since: number;
  last: number;
  /** Time of the next slot in a line that is even. */
  smooth: number;
  from: number;
  rate: number;
  reducedId: number;
  reducedAt: number;
  attached: number;
  turn: number;
  loss: number;
  /** Calls a second that an operator allows; null: all that there are. */
  allowed: number | null;
  /** Slot id → upper bound of when its call arrived. */
  tokens: Map<number, number>;
}

/** The app's bucket knows also when its slots begin: slot id → its time, while it is to come. */
export interface AppState extends BucketState {
  coming: Map<number, number>;
}

/** What a lease reads and writes. Commands of one app share `app` and `nextId`. */
export interface LimiterModel {
  command: BucketState;
  app: AppState;
  /** Null: nothing was granted yet. */
  nextId: number | null;
}

export const EMPTY_BUCKET: BucketState = {
  run: '',
  since: 0,
  last: 0,
  smooth: 0,
  from: 0,
  rate: 1_000_000,
  reducedId: 0,
  reducedAt: 0,
  attached: 0,
  turn: 0,
  loss: 0,
  allowed: null,
  tokens: new Map(),
};

export const EMPTY_APP: AppState = { ...EMPTY_BUCKET, coming: new Map() };

export const EMPTY_MODEL: LimiterModel = { command: EMPTY_BUCKET, app: EMPTY_APP, nextId: null };

const FULL = 1_000_000;
const LEAST = 15_625;
const ATTACHED = 5_000_000;
const TURN = 0.5;
const TURNS = 20;
const SOON = 20_000;
const CLOSE = 0.5;
const SMOOTH = 0.99;
const SMOOTH_SOON = 5000;

/**
 * lease.lua as a pure function, written for reading: what the script grants, this grants (`test/limiter/lease.test.ts`
 * runs both on the same histories), and this one can be tried on any clock.
 */
export function modelLease(
  state: LimiterModel,
  timing: Timing,
  request: LeaseRequest,
  server: { run: string; now: number },
): { state: LimiterModel; lease: Lease } {
  const { now } = server;
  const { appCalls } = timing;
  const command = { ...state.command, tokens: new Map(state.command.tokens) };
  const app = { ...state.app, tokens: new Map(state.app.tokens), coming: new Map(state.app.coming) };
  const buckets = appCalls > 0 ? [command, app] : [command];
  const since = (): number => buckets.reduce((sum, bucket) => sum + bucket.since, 0);
  let { nextId } = state;

  const forgotten = request.forget !== 0 && request.forget === since();
  for (const bucket of buckets) {
    const ahead = bucket.last > now + micros(timing.horizonMs) + micros(timing.lossMs);
    const loss = micros(timing.lossMs);
    if (bucket.run !== server.run || forgotten || ahead) {
      bucket.run = server.run;
      bucket.since = Math.max(now, bucket.since + 1);
      bucket.last = 0;
      bucket.smooth = 0;
      bucket.from = now + Math.max(loss, bucket.loss);
      bucket.loss = 0;
      bucket.turn = 0;
      bucket.tokens.clear();
      if (bucket === app) app.coming.clear();
      nextId = Math.max(now, nextId ?? 0);
    }
    if (loss <= bucket.loss) continue;
    bucket.loss = loss;
    bucket.from = Math.max(bucket.from, Math.min(now, bucket.since) + loss);
  }

  for (const { tokens } of buckets) {
    for (const id of request.returned) tokens.delete(id);
    for (const [id, at] of request.calls) tokens.set(id, at);
  }
  if (appCalls > 0) for (const id of request.returned) app.coming.delete(id);

  let id = nextId ?? now;
  const windowMicros = micros(timing.rate.windowMs);
  const most = command.allowed === null ? FULL : Math.floor((command.allowed * windowMicros) / timing.rate.calls);
  const commandRate = slow(command, request.throttled, { now, id, most: Math.max(1, most) });
  const appRate = slow(app, request.appThrottled, { now, id, most: FULL });
  const rate = Math.min(commandRate, appRate);
  const reach = micros(timing.reachMs);
  const horizon = micros(timing.horizonMs);
  const short = attach(buckets, request.interactive, now) && reach <= horizon;
  const nearest = now + Math.min(micros(request.leadMs), short ? reach / 2 : Infinity);
  const span = short ? reach : horizon;
  const queue = Math.max(0, command.turn - now);
  const early = short && queue > 2 * TURNS * TURN * reach;
  const ahead = early ? Math.max(reach, TURN * horizon) : span;
  const farthest = Math.min(request.until, Math.max(nearest, now + ahead));
  const lease: Lease = { now, since: since(), rate, appRate, following: 0, turn: 0, slots: [] };
  if (request.want === 0) return { state: { command, app, nextId }, lease };

  const round = windowMicros + micros(timing.marginMs);
  for (const { tokens } of buckets) {
    for (const [token, at] of tokens) if (at <= now - 2 * round) tokens.delete(token);
  }
  if (appCalls > 0) for (const [token, at] of app.coming) if (at < now) app.coming.delete(token);
  const pace = short ? Math.max(timing.pace, SMOOTH) : timing.pace;
  const soon = short ? SMOOTH_SOON : SOON;
  const line = ({ tokens, last, smooth, from }: BucketState, calls: number, inForce: number): number => {
    const even = ((windowMicros / calls) * FULL) / inForce;
    const paced = tokens.size >= calls && inForce === FULL;
    return Math.ceil(
      paced ? Math.max(nearest, from, last + even * pace * CLOSE, smooth - soon) : Math.max(nearest, from, last + even),
    );
  };
  const moveLine = (bucket: BucketState, calls: number, at: number): void => {
    bucket.last = at;
    bucket.smooth = Math.ceil(Math.max(bucket.smooth, at) + (windowMicros / calls) * pace);
  };
  while (lease.slots.length < request.want) {
    const nth = largestFirst(command.tokens.values())[timing.rate.calls - 1];
    const own = Math.max(line(command, timing.rate.calls, rate), nth === undefined ? 0 : nth + round);
    const appLine = appCalls > 0 ? line(app, appCalls, appRate) : own;
    const at = appCalls > 0 ? roomFrom(Math.max(own, appLine), app, { calls: appCalls, round, now }) : own;
    if (at > farthest) {
      lease.following = at;
      break;
    }
    lease.slots.push({ id, at });
    for (const { tokens } of buckets) tokens.set(id, at + micros(request.bookedMs));
    moveLine(command, timing.rate.calls, at);
    if (appCalls > 0) {
      moveLine(app, appCalls, appLine);
      app.coming.set(id, at);
    } else {
      app.last = appLine;
      app.from = app.last + micros(timing.lossMs);
    }
    id += 1;
    nextId = id;
  }
  const even = ((windowMicros / timing.rate.calls) * FULL) / rate;
  const inTurn = !request.interactive && (short || (appCalls === 0 && even < TURN * span));
  if (inTurn && (lease.following > 0 || command.turn > now)) {
    const apart = TURN * Math.min(span, request.want * even);
    const crowd = TURNS * apart;
    const next = now + Math.min(queue, 2 * crowd) + apart * Math.max(0, Math.min(1, 2 - queue / crowd));
    const nearer = Math.min(lease.following - span, now + windowMicros / 4);
    const turn = Math.floor(Math.max(next, nearer));
    if (turn <= request.until) {
      command.turn = Math.max(command.turn, turn);
      lease.turn = turn;
    }
  }
  return { state: { command, app, nextId }, lease };
}

/** Whether a bulk caller must leave room, since an interactive one is attached; an interactive caller attaches itself. */
function attach(buckets: BucketState[], interactive: boolean, now: number): boolean {
  if (!interactive) return buckets.some(({ attached }) => attached > now && attached <= now + ATTACHED);
  for (const bucket of buckets) bucket.attached = now + ATTACHED;
  return false;
}

/**
 * The first instant from `at` on at which one more call leaves any N + 1 calls of the app `round` apart: the last of
 * them begins no sooner than that after the latest time at which the first of them can have arrived.
 */
function roomFrom(at: number, app: AppState, limit: { calls: number; round: number; now: number }): number {
  const { calls, round, now } = limit;
  // A call that has arrived is before, whatever its slot.
  const tokens = [...app.tokens].map(([id, bound]) => ({ bound, slot: bound < now ? 0 : (app.coming.get(id) ?? 0) }));
  const before = largestFirst(tokens.filter(({ slot }) => slot <= at).map(({ bound }) => bound));
  const after = tokens.map(({ slot }) => slot).filter((slot) => slot > at);
  const nth = before[calls - 1];
  const crowded = after
    .toSorted((a, b) => a - b)
    .filter((slot, n) => n + 1 >= calls || slot < (before[calls - n - 2] ?? -Infinity) + round);
  const free = Math.max(at, nth === undefined ? at : nth + round, ...crowded);
  return free === at ? at : roomFrom(free, app, limit);
}

function largestFirst(bounds: Iterable<number>): number[] {
  return [...bounds].toSorted((a, b) => b - a);
}

/** The rate in force, after what was said of "too fast", `most` at most. */
function slow(
  bucket: BucketState,
  throttled: number,
  { now, id, most }: { now: number; id: number; most: number },
): number {
  const recovered = Math.floor(bucket.rate + 0.05 * Math.max(0, now - bucket.reducedAt));
  const rate = Math.min(FULL, most, recovered);
  if (throttled <= bucket.reducedId) return rate;
  bucket.rate = Math.max(Math.min(LEAST, rate), Math.floor(rate / 2));
  bucket.reducedId = id - 1;
  bucket.reducedAt = now;
  return bucket.rate;
}
