/** Whose limit a "too fast" speaks of. */
export type Throttled = 'command' | 'app';

/**
 * Permission to start one call at one instant. Whoever takes one ends it exactly once: `giveUp` when nothing was sent,
 * else `settled`. One that nobody ends keeps its token for one window, as if it had been used.
 */
export interface Slot {
  /** Rises over all processes and commands of the app, also over restarts of Redis. */
  readonly id: number;
  /**
   * Asked in the tick that writes the bytes. True: write now; the slot is spent. False: too old, or Redis is gone:
   * write nothing, take another slot; this one is given back already.
   */
  mayWrite(): boolean;
  /** Nothing was sent: the token is free again. */
  giveUp(): void;
  /**
   * The answer begins, so the call has arrived. Said as soon as that is known, and before `settled`, it keeps what this
   * process does until it has read the whole answer from counting as the way there.
   */
  answered(): void;
  /**
   * Answered, or aborted for good (`answered` false): the call cannot arrive any more. `ordinary` false: the answer is an
   * error, which tells nothing of how quick the others can be.
   */
  settled(answered?: boolean, ordinary?: boolean): void;
  /** The service answered "too fast". `settled` is still to be called. */
  throttled(whose?: Throttled): void;
}

/** What a slot tells its limiter. */
export interface SlotOwner {
  /** May this slot still be used? */
  isValid(slot: LeasedSlot): boolean;
  sent(slot: LeasedSlot): void;
  answered(slot: LeasedSlot): void;
  gaveUp(slot: LeasedSlot): void;
  settled(slot: LeasedSlot, answered: boolean): void;
  throttled(slot: LeasedSlot, whose: Throttled): void;
}

export interface SlotParts {
  id: number;
  atMicros: number;
  dueMs: number;
  latenessMs: number;
  line: number;
}

/** leased → sent → over, or leased → over. */
export class LeasedSlot implements Slot {
  readonly id: number;
  /** The slot on Redis' clock, µs, and the local time at which it has surely come, ms. */
  readonly atMicros: number;
  readonly dueMs: number;
  /** How much later it may be used, ms. */
  readonly latenessMs: number;
  /** Which connection to Redis it was granted on. */
  readonly line: number;
  /** Local time at which the bytes were surely written, ms. */
  sentMs = 0;
  /** The same on Redis' clock, µs. */
  sentMicros = 0;
  /** Local time at which its answer began, ms; null before. */
  answeredMs: number | null = null;
  /** Its call is unanswered for so long that Redis was told to keep the token. */
  held = false;
  /** Its answer was no error, so it tells how quick answers can be. */
  ordinary = true;
  private phase: 'leased' | 'sent' | 'over' = 'leased';
  private readonly owner: SlotOwner;

  constructor(owner: SlotOwner, slot: SlotParts) {
    this.owner = owner;
    this.id = slot.id;
    this.atMicros = slot.atMicros;
    this.dueMs = slot.dueMs;
    this.latenessMs = slot.latenessMs;
    this.line = slot.line;
  }

  mayWrite(): boolean {
    if (this.phase !== 'leased') return false;
    if (!this.owner.isValid(this)) {
      this.giveUp();
      return false;
    }
    this.phase = 'sent';
    this.owner.sent(this);
    return true;
  }

  giveUp(): void {
    if (this.phase === 'over') return;
    this.phase = 'over';
    this.owner.gaveUp(this);
  }

  answered(): void {
    if (this.phase === 'sent') this.owner.answered(this);
  }

  settled(answered = true, ordinary = true): void {
    if (!ordinary) this.ordinary = false;
    if (this.phase === 'leased') this.giveUp();
    if (this.phase === 'over') return;
    this.phase = 'over';
    this.owner.settled(this, answered);
  }

  throttled(whose: Throttled = 'command'): void {
    this.ordinary = false;
    this.owner.throttled(this, whose);
  }
}
