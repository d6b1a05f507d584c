import { setMaxListeners } from 'node:events';
import type { Redis } from 'ioredis';
import { type Lease, lease } from './bucket.ts';
import { Calls } from './calls.ts';
import { ClockMap } from './clock-map.ts';
import type { Limiter, LimiterLog, LimiterState } from './limiter.ts';
import { Reports } from './reports.ts';
import { LeasedSlot, type Slot, type SlotOwner } from './slot.ts';
import type { Timing } from './timing.ts';

export interface Parts {
  redis: Redis;
  keys: [state: string, tokens: string];
  timing: Timing;
  callTimeoutMs: number;
  clock: () => number;
  log: LimiterLog | undefined;
}

interface Waiter {
  give(slot: Slot): void;
  refuse(reason: unknown): void;
}

/** Redis gets this long to hear the last reports. */
const CLOSE_MS = 500;
/** After a failed script (loading, read-only, out of memory). */
const RETRY_MS = 200;

/**
 * One process's end of the limiter: a line of takers, the slots leased for them, and what Redis is to hear. Everything
 * happens in `pump`, which runs whenever something changed and whenever the next thing is due.
 *
 * A slot: leased → its time comes → handed to the first taker → `mayWrite` → sent → answered. It is given back when
 * there is no taker, when it is too old, when its taker gives up, and when the connection it was leased on drops.
 */
export class SharedLimiter implements Limiter, SlotOwner {
  private readonly parts: Parts;
  private readonly map = new ClockMap();
  private readonly reports = new Reports();
  private readonly calls: Calls;
  private readonly waiters = new Set<Waiter>();
  private leased: LeasedSlot[] = [];
  /** Rises when slots leased so far become void. */
  private line = 0;
  private connected: boolean;
  private closing: Promise<void> | null = null;
  private exchanging: Promise<void> | null = null;
  private timer: NodeJS.Timeout | undefined;
  private timerAt = Infinity;
  /** Nothing is asked before this; no slots are asked for before that. Local ms. */
  private retryAt = 0;
  private askAt = 0;
  /** When the reports are due to be sent, with or without a lease; when unanswered calls are looked at. */
  private flushAt = Infinity;
  private holdAt = Infinity;
  private since = 0;
  private forgetSince = 0;
  private ratePpm = 1_000_000;
  private tooOld = 0;
  private losses = 0;
  private lastFailure = '';

  constructor(parts: Parts) {
    this.parts = parts;
    const { timing, callTimeoutMs, clock } = parts;
    this.calls = new Calls({ timing, callTimeoutMs, clock, map: this.map, reports: this.reports });
    this.connected = parts.redis.status === 'ready';
    parts.redis.on('ready', this.onReady);
    parts.redis.on('close', this.onClose);
    // The first word to Redis: a lost or new state starts its wait now, not when the first taker comes.
    this.flushAt = 0;
    this.pump();
  }

  get state(): LimiterState {
    const { timing } = this.parts;
    return {
      connected: this.connected,
      waiting: this.waiters.size,
      leased: this.leased.length,
      unanswered: this.calls.unanswered,
      held: this.calls.held,
      ratePerSecond: (timing.ceilingPerSecond * this.ratePpm) / 1_000_000,
      ceilingPerSecond: timing.ceilingPerSecond,
      sent: this.calls.sent,
      tooOld: this.tooOld,
      overdue: this.calls.overdue,
      losses: this.losses,
      lateness: this.calls.lateness.figures,
    };
  }

  async take(signal?: AbortSignal): Promise<Slot> {
    signal?.throwIfAborted();
    if (this.closing) throw new Error('the limiter is closed');
    return new Promise<Slot>((resolve, reject) => {
      const leave = (): void => {
        this.waiters.delete(waiter);
        signal?.removeEventListener('abort', onAbort);
      };
      const onAbort = (): void => {
        waiter.refuse(signal?.reason);
        this.pump();
      };
      const waiter: Waiter = {
        give: (slot) => {
          leave();
          resolve(slot);
        },
        refuse: (reason) => {
          leave();
          reject(reason);
        },
      };
      if (signal) {
        // Many takers wait on one signal: that is no leak.
        setMaxListeners(0, signal);
        signal.addEventListener('abort', onAbort, { once: true });
      }
      this.waiters.add(waiter);
      this.pump();
    });
  }

  close(): Promise<void> {
    this.closing ??= this.shut();
    return this.closing;
  }

  private async shut(): Promise<void> {
    clearTimeout(this.timer);
    for (const waiter of this.waiters) waiter.refuse(new Error('the limiter is closed'));
    this.voidLeased();
    this.calls.holdAll();
    let timeout: NodeJS.Timeout | undefined;
    const tooLong = new Promise<void>((resolve) => {
      timeout = setTimeout(resolve, CLOSE_MS);
    });
    await Promise.race([this.sayLastWords(), tooLong]);
    clearTimeout(timeout);
    this.parts.redis.off('ready', this.onReady);
    this.parts.redis.off('close', this.onClose);
  }

  private async sayLastWords(): Promise<void> {
    await this.exchanging;
    while (this.connected && !this.reports.empty && this.lastFailure === '') await this.exchange(0);
  }

  // What slots say.

  isValid(slot: LeasedSlot): boolean {
    if (this.closing || !this.connected || slot.line !== this.line) return false;
    const young = this.calls.ageOf(slot) <= slot.latenessMs;
    if (!young) this.tooOld += 1;
    return young;
  }

  sent(slot: LeasedSlot): void {
    this.calls.begin(slot);
    this.haveNews();
  }

  gaveUp(slot: LeasedSlot): void {
    this.calls.forget(slot);
    this.reports.giveBack(slot.id);
    this.haveNews();
  }

  settled(slot: LeasedSlot, answered: boolean): void {
    this.calls.end(slot, answered);
    this.haveNews();
  }

  throttled(slot: LeasedSlot): void {
    this.reports.throttled(slot.id);
    this.haveNews(0);
  }

  private haveNews(withinMs = this.parts.timing.flushMs): void {
    const now = this.parts.clock();
    if (!this.reports.empty) this.flushAt = Math.min(this.flushAt, now + withinMs);
    if (this.calls.unanswered === 0) this.holdAt = Infinity;
    else if (this.holdAt === Infinity) this.holdAt = now + this.parts.timing.heldEveryMs;
    this.arm();
  }

  // Redis comes and goes.

  private readonly onReady = (): void => {
    this.connected = true;
    this.flushAt = 0;
    this.pump();
  };

  private readonly onClose = (): void => {
    this.connected = false;
    this.voidLeased();
    this.pump();
  };

  /** Slots in hand are void, also those that a taker has and did not write yet. Takers keep their place. */
  private voidLeased(): void {
    this.line += 1;
    for (const slot of this.leased.splice(0)) slot.giveUp();
  }

  // The walk.

  private pump(): void {
    if (this.closing) return;
    const now = this.parts.clock();
    this.release(now);
    while (this.leased.length > this.waiters.size) this.leased.pop()?.giveUp();
    if (now >= this.holdAt) {
      this.holdAt = Infinity;
      this.haveNews(this.calls.holdLate() ? 0 : undefined);
    }
    if (!this.exchanging && this.connected && now >= this.retryAt) {
      const want = this.wanted(now) === now ? this.lacking() : 0;
      if (want > 0 || now >= this.flushAt) {
        this.exchanging = this.exchange(want).finally(() => {
          this.exchanging = null;
          this.pump();
        });
      }
    }
    this.arm();
  }

  /** Hands every slot whose time has come to the first taker. */
  private release(now: number): void {
    for (let slot = this.leased[0]; slot && slot.dueMs <= now; slot = this.leased[0]) {
      this.leased.shift();
      const [waiter] = this.waiters;
      if (waiter && this.isValid(slot)) waiter.give(slot);
      else slot.giveUp();
    }
  }

  /** Takers for whom no slot is leased, at most a lease of them. */
  private lacking(): number {
    return Math.min(this.waiters.size - this.leased.length, this.parts.timing.leaseSize);
  }

  /**
   * When to ask for slots: at once if many takers lack one, else when those in hand run low, so that a lease is worth
   * its round trip. Infinity: nobody lacks one, or enough are in hand.
   */
  private wanted(now: number): number {
    const { leaseSize, refillMs } = this.parts.timing;
    if (this.lacking() <= 0 || this.leased.length >= leaseSize) return Infinity;
    const last = this.leased.at(-1);
    const low = last && this.lacking() < leaseSize / 2 ? last.dueMs - refillMs : now;
    return Math.max(now, low, this.askAt);
  }

  /** One timer, for whatever comes first. */
  private arm(): void {
    if (this.closing) return;
    const now = this.parts.clock();
    const ask =
      this.exchanging || !this.connected ? Infinity : Math.max(this.retryAt, Math.min(this.wanted(now), this.flushAt));
    const at = Math.min(this.leased[0]?.dueMs ?? Infinity, ask, this.holdAt);
    if (at >= this.timerAt) return;
    clearTimeout(this.timer);
    this.timerAt = at;
    this.timer = setTimeout(
      () => {
        this.timerAt = Infinity;
        this.pump();
      },
      Math.max(0, Math.ceil(at - now)),
    );
  }

  /** Says what there is to say, and takes up to `want` slots. Never rejects. */
  private async exchange(want: number): Promise<void> {
    const { redis, keys, timing, clock } = this.parts;
    const { line } = this;
    const cold = this.calls.sent < timing.coldSlots;
    const latenessMs = cold ? timing.coldLatenessMs : timing.latenessMs;
    const batch = this.reports.take();
    this.flushAt = Infinity;
    const request = {
      ...batch,
      want,
      leadMs: cold ? timing.coldLeadMs : timing.leadMs,
      latenessMs,
      forget: this.forgetSince,
    };
    const asked = clock();
    try {
      const reply = await lease(redis, keys, timing, request);
      this.lastFailure = '';
      this.receive(reply, { asked, line, latenessMs, want });
    } catch (error) {
      this.reports.putBack(batch);
      this.retryAt = clock() + RETRY_MS;
      this.fail(error as Error);
    }
    this.haveNews();
  }

  private fail(error: Error): void {
    if (error.message === this.lastFailure) return;
    this.lastFailure = error.message;
    this.parts.log?.warn(
      { error: error.message, key: this.parts.keys[0] },
      'the limiter cannot get slots: nobody calls',
    );
  }

  private receive(reply: Lease, asked: { asked: number; line: number; latenessMs: number; want: number }): void {
    const now = this.parts.clock();
    const clockHolds = this.map.observe(asked.asked, now, reply.now);
    this.ratePpm = reply.rate;
    if (reply.since !== this.since) this.begin(reply.since);
    else if (!clockHolds) this.doubt();
    const valid = asked.line === this.line && !this.closing;
    for (const { id, at } of reply.slots) {
      const { latenessMs } = asked;
      const slot = { id, atMicros: at, dueMs: this.map.localAfter(at), latenessMs, line: asked.line };
      const leased = new LeasedSlot(this, slot);
      if (valid) this.leased.push(leased);
      else leased.giveUp();
    }
    if (asked.want > 0) this.askAt = this.nextAsk(reply, asked.want, now);
  }

  /**
   * After a lease cut short by the horizon: the line is full, and asking sooner would only be a wasted command. But not
   * much later than now, for slots that were given back and calls that were answered bring the next slot nearer.
   */
  private nextAsk(reply: Lease, want: number, now: number): number {
    const { horizonMs, refillMs, rate } = this.parts.timing;
    const last = reply.slots.at(-1);
    if (reply.slots.length === want) return 0;
    if (last) return this.map.localAfter(last.at) - refillMs;
    const near = this.map.localAfter(reply.following) - horizonMs;
    return Math.max(now + horizonMs / 4, Math.min(near, now + rate.windowMs / 4));
  }

  /** A state that this process has not seen before. */
  private begin(since: number): void {
    if (this.since !== 0) {
      this.losses += 1;
      this.calls.holdAll();
      this.haveNews(0);
      const { keys, timing } = this.parts;
      this.parts.log?.warn({ key: keys[0], waitMs: timing.lossMs }, 'the limiter lost its state in Redis: it waits');
    }
    this.since = since;
    this.forgetSince = 0;
  }

  /** Redis' clock was set while the state stayed: its times mean nothing any more. */
  private doubt(): void {
    this.voidLeased();
    this.forgetSince = this.since;
    this.flushAt = 0;
    this.parts.log?.warn({ key: this.parts.keys[0] }, "Redis' clock was set: the limiter starts anew and waits");
  }
}
