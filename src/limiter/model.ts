import { type Lease, type LeaseRequest, micros } from './bucket.ts';
import type { Timing } from './timing.ts';

/** What lease.lua keeps in Redis. Times are microseconds. */
export interface BucketState {
  run: string;
  since: number;
  nextId: number;
  last: number;
  from: number;
  rate: number;
  reducedId: number;
  reducedAt: number;
  /** Slot id → upper bound of when its call arrived. */
  tokens: Map<number, number>;
}

export const EMPTY_BUCKET: BucketState = {
  run: '',
  since: 0,
  nextId: 0,
  last: 0,
  from: 0,
  rate: 1_000_000,
  reducedId: 0,
  reducedAt: 0,
  tokens: new Map(),
};

const FULL = 1_000_000;
const LEAST = 15_625;

/**
 * lease.lua as a pure function, written for reading: what the script grants, this grants (`test/limiter/lease.test.ts`
 * runs both on the same histories), and this one can be tried on any clock.
 */
export function modelLease(
  state: BucketState,
  timing: Timing,
  request: LeaseRequest,
  server: { run: string; now: number },
): { state: BucketState; lease: Lease } {
  const { now } = server;
  const next = { ...state, tokens: new Map(state.tokens) };
  const gone = request.forget !== 0 && request.forget === state.since;
  if (state.run !== server.run || gone || state.last > now + micros(timing.horizonMs) + micros(timing.lossMs)) {
    next.run = server.run;
    next.since = Math.max(now, state.since + 1);
    next.nextId = Math.max(now, state.nextId);
    next.last = 0;
    next.from = now + micros(timing.lossMs);
    next.tokens.clear();
  }

  for (const id of request.returned) next.tokens.delete(id);
  for (const [id, at] of request.calls) next.tokens.set(id, at);

  const recovered = Math.floor(next.rate + 0.05 * Math.max(0, now - next.reducedAt));
  let rate = Math.min(FULL, recovered);
  if (request.throttled > next.reducedId) {
    rate = Math.max(LEAST, Math.floor(rate / 2));
    next.rate = rate;
    next.reducedId = next.nextId - 1;
    next.reducedAt = now;
  }

  const { calls } = timing.rate;
  const window = micros(timing.rate.windowMs) + micros(timing.marginMs);
  const lead = micros(request.leadMs);
  const farthest = now + Math.max(micros(timing.horizonMs), lead);
  const even = ((micros(timing.rate.windowMs) / calls) * FULL) / rate;
  const lease: Lease = { now, since: next.since, rate, following: 0, slots: [] };
  if (request.want === 0) return { state: next, lease };

  for (const [id, at] of next.tokens) if (at <= now - 2 * window) next.tokens.delete(id);
  while (lease.slots.length < request.want) {
    const nth = [...next.tokens.values()].toSorted((a, b) => b - a)[calls - 1];
    const free = nth === undefined ? 0 : nth + window;
    const spacing = nth !== undefined && rate === FULL ? even * timing.pace : even;
    const at = Math.ceil(Math.max(now + lead, next.last + spacing, next.from, free));
    if (at > farthest) {
      lease.following = at;
      break;
    }
    lease.slots.push({ id: next.nextId, at });
    next.tokens.set(next.nextId, at + micros(request.latenessMs));
    next.last = at;
    next.nextId += 1;
  }
  return { state: next, lease };
}
