import type { Lease } from './bucket.ts';
import { ClockMap } from './clock-map.ts';
import type { CallerClass, LimiterLog } from './limiter.ts';
import { Reports } from './reports.ts';
import type { Store } from './store.ts';
import type { Timing } from './timing.ts';

/** What a lease says beside its slots. `lost`: the state is another one. `doubt`: what it grants must not be used. */
export interface Answer extends Lease {
  state: 'same' | 'lost' | 'doubt';
  latenessMs: number;
}

const FULL_PPM = 1_000_000;
/** After a failed script (loading, read-only, out of memory). */
const RETRY_MS = 200;

/** The limiter's talk with Redis: reports go out, slots come in, and the clocks are compared on the way. */
export class LeaseClient {
  readonly map = new ClockMap();
  readonly reports = new Reports();
  /** The rate in force as last heard: the command's, or the app's where that is less. */
  ratePerSecond: number;
  losses = 0;
  /** Nothing is asked before this, local ms. */
  retryAt = 0;
  /** Why Redis refused the last lease; null when it granted one since. */
  failure: Error | null = null;
  private since = 0;
  private forgetSince = 0;
  private readonly store: Store;
  private readonly timing: Timing;
  private readonly clock: () => number;
  private readonly log: LimiterLog | undefined;
  private readonly interactive: boolean;

  constructor(parts: {
    store: Store;
    timing: Timing;
    class: CallerClass;
    clock: () => number;
    log: LimiterLog | undefined;
  }) {
    this.store = parts.store;
    this.timing = parts.timing;
    this.ratePerSecond = parts.timing.ceilingPerSecond;
    this.interactive = parts.class === 'interactive';
    this.clock = parts.clock;
    this.log = parts.log;
  }

  /**
   * Says what there is to say, and takes up to `want` slots. Null when Redis refused: said again later. `cold`: this
   * process has hardly called yet, so its slots come later and may be used later. `untilMs`, local: nobody
   * here waits for a slot after it.
   */
  async exchange(want: number, cold: boolean, untilMs: number): Promise<Answer | null> {
    const { clock, interactive, timing } = this;
    // Whoever is interactive would rather have a slot late than a late slot.
    const leadMs = cold && !interactive ? timing.coldLeadMs : timing.leadMs;
    const latenessMs = cold ? timing.coldLatenessMs : timing.latenessMs;
    const batch = this.reports.take();
    const asked = clock();
    try {
      const bookedMs = latenessMs + timing.bookedMs;
      const until = untilMs === Infinity ? Infinity : this.map.redisAfter(untilMs);
      const request = { ...batch, want, leadMs, bookedMs, until, interactive, forget: this.forgetSince };
      const reply = await this.store.lease(timing, request);
      this.failure = null;
      this.ratePerSecond = rateInForce(timing, reply);
      const clockHolds = this.map.observe(asked, clock(), reply.now);
      return { ...reply, latenessMs, state: this.judge(reply.since, clockHolds) };
    } catch (error) {
      this.reports.putBack(batch);
      this.retryAt = clock() + RETRY_MS;
      this.fail(error as Error);
      return null;
    }
  }

  private judge(since: number, clockHolds: boolean): Answer['state'] {
    const known = this.since;
    this.since = since;
    this.forgetSince = 0;
    const key = this.store.name;
    if (since < known) {
      // A fail-over was undone: what was called by the state in between is not in this one.
      this.forgetSince = since;
      this.log?.warn({ key }, 'Redis is back at an older state: the limiter starts anew and waits');
      return 'doubt';
    }
    if (since !== known) {
      if (known === 0) return 'same';
      this.losses += 1;
      this.log?.warn({ key, waitMs: this.timing.lossMs }, 'the limiter lost its state in Redis: it waits');
      return 'lost';
    }
    if (clockHolds) return 'same';
    // Its times mean nothing any more. Whoever says so first makes Redis start anew.
    this.forgetSince = since;
    this.log?.warn({ key }, "Redis' clock was set: the limiter starts anew and waits");
    return 'doubt';
  }

  private fail(error: Error): void {
    const before = this.failure?.message;
    this.failure = error;
    if (error.message === before) return;
    this.log?.warn({ error: error.message, key: this.store.name }, 'the limiter cannot get slots: nobody calls');
  }
}

/** The command's, or the app's where that is less. Calls a second. */
function rateInForce({ rate: { calls, windowMs }, appCalls }: Timing, { rate, appRate }: Lease): number {
  const own = calls * rate;
  return (Math.min(own, appCalls > 0 ? appCalls * appRate : own) / FULL_PPM) * (1000 / windowMs);
}
