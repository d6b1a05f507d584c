import type { Agreement } from './agreement.ts';
import { Calls } from './calls.ts';
import { type Answer, LeaseClient } from './lease-client.ts';
import type { CallerClass, Limiter, LimiterLog, LimiterState, TryOptions } from './limiter.ts';
import { LeasedSlot, type Slot, type SlotOwner, type Throttled } from './slot.ts';
import type { Store } from './store.ts';
import { Takers, TOO_LATE } from './takers.ts';
import type { Timing } from './timing.ts';

export interface Parts {
  store: Store;
  timing: Timing;
  class: CallerClass;
  /** Monotonic, ms. */
  clock: () => number;
  timer: Timer;
  log: LimiterLog | undefined;
  agreement: Pick<Agreement, 'others' | 'say' | 'leave'>;
}

/** Calls back once, after so many milliseconds of the clock; the function that it returns cancels. */
export type Timer = (run: () => void, ms: number) => () => void;

/** How often an interactive limiter says that it is there; the script takes its word for 5 s. */
const ATTACH_MS = 2000;
/** Redis gets this long to hear the last reports. */
const CLOSE_MS = 500;
/** How far ahead a tried slot may be: the lead of a new process, a round trip, and some room. */
const TRY_WITHIN_MS = 100;
/** Node's timers know no longer time; who waits as long as it takes calls `take`. */
const LONGEST_TRY_MS = 2 ** 31 - 1;

/**
 * One process's end of the limiter: a line of takers, the slots leased for them, and what Redis is to hear. Everything
 * happens in `pump`, which runs whenever something changed and whenever the next thing is due.
 *
 * A slot: leased → its time comes → handed to the first taker → `mayWrite` → sent → answered. It is given back when
 * there is no taker, when it is too old, when its taker gives up, and when the connection it was leased on drops.
 */
export class SharedLimiter implements Limiter, SlotOwner {
  private readonly parts: Parts;
  private readonly client: LeaseClient;
  private readonly calls: Calls;
  private readonly unwatch: () => void;
  private readonly takers = new Takers(() => this.pump());
  private leased: LeasedSlot[] = [];
  /** Rises when slots leased so far become void. */
  private line = 0;
  private connected: boolean;
  private closed = false;
  private closing: Promise<void> | null = null;
  private exchanging: Promise<void> | null = null;
  private cancelTimer = (): void => {};
  private timerAt = Infinity;
  /** No slots are asked for before this. Local ms. */
  private askAt = 0;
  /** When the reports are due to be sent, with or without a lease; when unanswered calls are looked at. */
  private flushAt = Infinity;
  private holdAt = Infinity;
  private tooOld = 0;

  constructor(parts: Parts) {
    this.parts = parts;
    this.client = new LeaseClient(parts);
    const { map, reports } = this.client;
    this.calls = new Calls({ ...parts, map, reports });
    this.connected = parts.store.connected;
    this.unwatch = parts.store.watch(this.onReady, this.onClose);
    // The first word to Redis: a lost or new state starts its wait now, not when the first taker comes.
    this.flushAt = 0;
    this.pump();
  }

  get state(): LimiterState {
    const { timing } = this.parts;
    return {
      connected: this.connected,
      failure: this.client.failure,
      waiting: this.takers.size,
      leased: this.leased.length,
      unanswered: this.calls.unanswered,
      held: this.calls.held,
      ratePerSecond: this.client.ratePerSecond,
      ceilingPerSecond: timing.ceilingPerSecond,
      sent: this.calls.sent,
      tooOld: this.tooOld,
      overdue: this.calls.overdue,
      losses: this.client.losses,
      lateness: this.calls.lateness.figures,
      otherLimits: this.parts.agreement.others,
    };
  }

  async take(signal?: AbortSignal): Promise<Slot> {
    signal?.throwIfAborted();
    if (this.closed) throw new Error('the limiter is closed');
    const slot = this.takers.join(signal);
    this.pump();
    return slot;
  }

  async tryTake({ withinMs = TRY_WITHIN_MS }: TryOptions = {}): Promise<Slot | null> {
    const { coldLeadMs } = this.parts.timing;
    if (!(withinMs > coldLeadMs && withinMs <= LONGEST_TRY_MS)) {
      throw new RangeError(`withinMs must be more than ${coldLeadMs}, and at most ${LONGEST_TRY_MS}, got ${withinMs}`);
    }
    if (this.closed) throw new Error('the limiter is closed');
    if (!this.connected) return null;
    const patience = new AbortController();
    const cancel = this.parts.timer(() => patience.abort(TOO_LATE), withinMs);
    const slot = this.takers.join(patience.signal, this.parts.clock() + withinMs);
    this.pump();
    try {
      return await slot;
    } catch (reason) {
      if (reason === TOO_LATE) return null;
      throw reason;
    } finally {
      cancel();
    }
  }

  get callTimeoutMs(): number {
    return this.parts.timing.callTimeoutMs;
  }

  close(): Promise<void> {
    this.closed = true;
    this.closing ??= this.shut();
    return this.closing;
  }

  private async shut(): Promise<void> {
    this.cancelTimer();
    this.takers.refuseAll(new Error('the limiter is closed'));
    this.voidLeased();
    this.calls.holdAll();
    let cancel = (): void => {};
    const tooLong = new Promise<void>((resolve) => {
      cancel = this.parts.timer(resolve, CLOSE_MS);
    });
    await Promise.race([Promise.all([this.sayLastWords(), this.parts.agreement.leave()]), tooLong]);
    cancel();
    this.unwatch();
  }

  private async sayLastWords(): Promise<void> {
    await this.exchanging;
    while (this.connected && !this.client.reports.empty && this.client.failure === null) await this.exchange(0);
  }

  // What slots say.

  isValid(slot: LeasedSlot): boolean {
    if (this.closed || !this.connected || slot.line !== this.line) return false;
    const young = this.calls.ageOf(slot) <= slot.latenessMs;
    if (!young) this.tooOld += 1;
    return young;
  }

  sent(slot: LeasedSlot): void {
    this.calls.begin(slot);
    this.haveNews();
  }

  answered(slot: LeasedSlot): void {
    this.calls.answered(slot);
  }

  gaveUp(slot: LeasedSlot): void {
    this.calls.forget(slot);
    this.client.reports.giveBack(slot.id);
    this.haveNews();
  }

  settled(slot: LeasedSlot, answered: boolean): void {
    this.calls.end(slot, answered);
    this.haveNews();
  }

  throttled(slot: LeasedSlot, whose: Throttled): void {
    this.client.reports.throttled(slot.id, whose);
    this.haveNews(0);
  }

  private haveNews(withinMs = this.parts.timing.flushMs): void {
    const now = this.parts.clock();
    if (!this.client.reports.empty) this.flushAt = Math.min(this.flushAt, now + withinMs);
    if (this.calls.unanswered === 0) this.holdAt = Infinity;
    else if (this.holdAt === Infinity) this.holdAt = now + this.parts.timing.heldEveryMs;
    this.arm();
  }

  // Redis comes and goes.

  private readonly onReady = (): void => {
    this.connected = true;
    void this.parts.agreement.say();
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
    if (this.closed) return;
    const now = this.parts.clock();
    this.release(now);
    const farthest = Math.max(this.leased.at(-1)?.dueMs ?? 0, this.exchanging ? 0 : this.askAt);
    this.takers.refuseLate((place) => this.leased[place]?.dueMs ?? farthest);
    while (this.leased.length > this.takers.size) this.leased.pop()?.giveUp();
    if (now >= this.holdAt) {
      this.holdAt = Infinity;
      this.haveNews(this.calls.holdLate() ? 0 : undefined);
    }
    if (!this.exchanging && this.connected && now >= this.client.retryAt) {
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
      if (!this.isValid(slot) || !this.takers.give(slot)) slot.giveUp();
    }
  }

  /** Takers for whom no slot is leased, at most a lease of them. */
  private lacking(): number {
    return Math.min(this.takers.size - this.leased.length, this.parts.timing.leaseSize);
  }

  /**
   * When to ask for slots: at once if many takers lack one, else when those in hand run low, so that a lease is worth
   * its round trip. Infinity: nobody lacks one, or enough are in hand.
   */
  private wanted(now: number): number {
    const { leaseSize, refillMs } = this.parts.timing;
    // Whoever is interactive does not wait for company.
    const together = this.parts.class === 'bulk' && this.lacking() < leaseSize / 2;
    if (this.lacking() <= 0 || this.leased.length >= leaseSize) return Infinity;
    const last = this.leased.at(-1);
    const low = last && together ? last.dueMs - refillMs : now;
    return Math.max(now, low, this.askAt);
  }

  /** One timer, for whatever comes first. */
  private arm(): void {
    if (this.closed) return;
    const now = this.parts.clock();
    const ask =
      this.exchanging || !this.connected
        ? Infinity
        : Math.max(this.client.retryAt, Math.min(this.wanted(now), this.flushAt));
    const at = Math.min(this.leased[0]?.dueMs ?? Infinity, ask, this.holdAt);
    if (at >= this.timerAt) return;
    this.cancelTimer();
    this.timerAt = at;
    this.cancelTimer = this.parts.timer(
      () => {
        this.timerAt = Infinity;
        this.pump();
      },
      Math.max(0, Math.ceil(at - now)),
    );
  }

  /** Never rejects. */
  private async exchange(want: number): Promise<void> {
    const { line } = this;
    this.flushAt = this.parts.class === 'interactive' ? this.parts.clock() + ATTACH_MS : Infinity;
    const cold = this.calls.sent < this.parts.timing.coldSlots;
    const answer = await this.client.exchange(want, cold, this.takers.until);
    if (answer) {
      if (answer.state === 'lost') this.calls.holdAll();
      if (answer.state === 'doubt') this.voidLeased();
      this.accept(answer, line);
      if (want > 0) this.askAt = this.nextAsk(answer, want);
      if (answer.following > 0) {
        const following = this.client.map.localAfter(answer.following);
        this.takers.refuseLate((place) => this.leased[place]?.dueMs ?? following);
      }
      if (answer.state !== 'same') this.flushAt = 0;
    }
    this.haveNews();
  }

  /** Slots that were granted on a connection that is gone, or after the end, go back. */
  private accept(answer: Answer, line: number): void {
    const { latenessMs } = answer;
    for (const { id, at } of answer.slots) {
      const dueMs = this.client.map.localAfter(at);
      const slot = new LeasedSlot(this, { id, atMicros: at, dueMs, latenessMs, line });
      if (line === this.line && !this.closed) this.leased.push(slot);
      else slot.giveUp();
    }
  }

  /**
   * After a lease that was cut short the line is full, and asking sooner would only be a wasted command: bulk callers take
   * turns, one after the other. But not much later than now, for slots that were given back and calls that were answered
   * bring the next slot nearer.
   */
  private nextAsk(answer: Answer, want: number): number {
    const { horizonMs, refillMs, rate } = this.parts.timing;
    const { map } = this.client;
    const last = answer.slots.at(-1);
    if (answer.turn > 0) return map.localAfter(answer.turn);
    if (answer.slots.length === want) return 0;
    if (last) return map.localAfter(last.at) - refillMs;
    const now = this.parts.clock();
    const near = map.localAfter(answer.following) - horizonMs;
    return Math.max(now + horizonMs / 4, Math.min(near, now + rate.windowMs / 4));
  }
}
