import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { Redis } from 'ioredis';
import { createLimiter, type Limiter, type LimiterOptions } from '../../src/limiter/limiter.ts';

/** Most sends in any closed window of this length. */
export function mostIn(times: readonly number[], window: number): number {
  const sorted = times.toSorted((a, b) => a - b);
  let most = 0;
  let first = 0;
  for (const [n, time] of sorted.entries()) {
    while (time - (sorted[first] as number) > window) first += 1;
    most = Math.max(most, n - first + 1);
  }
  return most;
}

/** The widest pause between two sends, and the send it began with. */
export function widestGap(times: readonly number[]): number {
  return Math.max(0, ...times.slice(1).map((time, n) => time - (times[n] as number)));
}

export const uniqueCommand = (): string => `test-${randomUUID()}`;

/** A limiter without the slow first slots of a cold process, which would hide everything in a short window. */
export function warmLimiter(redis: Redis, options: Partial<LimiterOptions> & Pick<LimiterOptions, 'rate'>): Limiter {
  return createLimiter({
    redis,
    app: 1400000000,
    command: uniqueCommand(),
    callTimeoutMs: 5000,
    coldSlots: 0,
    ...options,
  });
}

/** Takes and uses slots, `takers` at a time, until aborted; every send goes into `sends`. */
export async function use(limiter: Limiter, takers: number, sends: number[], stop: AbortSignal): Promise<void> {
  const taker = async (): Promise<void> => {
    while (!stop.aborted) {
      const slot = await limiter.take(stop);
      if (!slot.mayWrite()) continue;
      sends.push(performance.now());
      await new Promise(setImmediate);
      slot.settled();
    }
  };
  await Promise.allSettled(Array.from({ length: takers }, taker));
}

/** Resolves when `done` holds; asked every few milliseconds, the test's own time-out is the limit. */
export async function until(done: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await done())) await new Promise((resolve) => setTimeout(resolve, 2));
}

/** Keeps the event loop busy, as a garbage collection would. */
export function block(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}
