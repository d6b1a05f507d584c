import { Answers } from './answers.ts';
import type { ClockMap } from './clock-map.ts';
import { Lateness } from './lateness.ts';
import type { LimiterLog } from './limiter.ts';
import type { Reports } from './reports.ts';
import type { LeasedSlot } from './slot.ts';
import type { Timing } from './timing.ts';

/** Of the margin, for the everyday spread of answers; the rest of it is left for what cannot be measured here. */
export const FORGIVEN = 0.5;

const TELL_EVERY_MS = 5000;

/**
 * The calls of this process from writing to answer, and what Redis must hear of them. Every word is an upper bound of
 * when the call arrived:
 *
 * 1. written → when the bytes were surely written
 * 2. answered later than usual → that much later
 * 3. unanswered for almost half a window → as late as a call can live; corrected by 2 when the answer comes
 *
 * Where tokens are held until the answer: written → as late as a call can live; answered → now; aborted → as late as a
 * call can live from now, for what was written may still be on its way.
 */
export class Calls {
  readonly lateness = new Lateness();
  private readonly answers = new Answers();
  private readonly open = new Set<LeasedSlot>();
  private readonly timing: Timing;
  private readonly clock: () => number;
  private readonly map: ClockMap;
  private readonly reports: Reports;
  private readonly log: LimiterLog | undefined;
  sent = 0;
  overdue = 0;
  private toldAt = Number.NEGATIVE_INFINITY;
  held = 0;

  constructor(parts: {
    timing: Timing;
    clock: () => number;
    map: ClockMap;
    reports: Reports;
    log: LimiterLog | undefined;
  }) {
    this.timing = parts.timing;
    this.clock = parts.clock;
    this.map = parts.map;
    this.reports = parts.reports;
    this.log = parts.log;
  }

  get unanswered(): number {
    return this.open.size;
  }

  /** How old a slot is at most, ms. Negative before its time. */
  ageOf(slot: LeasedSlot): number {
    return (this.map.redisBefore(this.clock()) - slot.atMicros) / 1000;
  }

  /** Its bytes are written in this tick. */
  begin(slot: LeasedSlot): void {
    this.sent += 1;
    this.open.add(slot);
    this.stamp(slot);
    // The write follows the check in the same tick; a process that froze in between (G1) shows here.
    queueMicrotask(() => {
      if (!this.open.has(slot)) return;
      this.stamp(slot);
      const age = this.ageOf(slot);
      this.lateness.record(age);
      if (age <= slot.latenessMs + this.timing.marginMs) return;
      this.overdue += 1;
      this.tellOverdue(slot, age);
    });
  }

  /** A machine that stalls does so again and again: one line in a while, with how often it was. */
  private tellOverdue(slot: LeasedSlot, age: number): void {
    if (slot.sentMs - this.toldAt < TELL_EVERY_MS) return;
    this.toldAt = slot.sentMs;
    const about = { slot: slot.id, lateMs: Math.round(age), calls: this.overdue };
    this.log?.info(about, 'the process froze between check and write of a call');
  }

  private stamp(slot: LeasedSlot): void {
    slot.sentMs = this.clock();
    slot.sentMicros = this.map.redisBefore(slot.sentMs);
    this.reports.called(slot.id, slot.sentMicros + this.timing.bookedMs * 1000);
  }

  answered(slot: LeasedSlot): void {
    slot.answeredMs ??= this.clock();
  }

  end(slot: LeasedSlot, answered: boolean): void {
    if (this.timing.holdUntilAnswered) this.endHeld(slot, answered);
    else this.endPlain(slot, answered);
    this.forget(slot);
  }

  private endHeld(slot: LeasedSlot, answered: boolean): void {
    const now = this.map.redisBefore(this.clock());
    this.reports.called(slot.id, now + (answered ? 0 : this.timing.callTimeoutMs * 1000));
  }

  private endPlain(slot: LeasedSlot, answered: boolean): void {
    const tookMs = ((answered ? slot.answeredMs : null) ?? this.clock()) - slot.sentMs;
    const excessMs = answered ? this.answers.excessOf(tookMs, slot.ordinary) : tookMs;
    const lateMs = Math.max(0, excessMs - FORGIVEN * this.timing.marginMs);
    if (slot.held || lateMs > 0) this.reports.called(slot.id, slot.sentMicros + Math.ceil(lateMs * 1000));
  }

  /** Nothing was sent after all. */
  forget(slot: LeasedSlot): void {
    if (this.open.delete(slot) && slot.held) this.held -= 1;
  }

  /** Keeps the tokens of calls that should have been answered. True if there are new ones: Redis must hear at once. */
  holdLate(): boolean {
    const now = this.clock();
    let news = false;
    for (const slot of this.open) {
      const age = now - slot.sentMs;
      if (age < this.timing.heldAfterMs) break;
      // Nobody settled it: its token stays as long as a call can live, and is forgotten here.
      if (age > this.timing.callTimeoutMs + this.timing.rate.windowMs) this.forget(slot);
      else if (!slot.held) {
        this.hold(slot);
        news = true;
      }
    }
    return news;
  }

  /** Redis lost its state: what is still on its way becomes a token again. */
  holdAll(): void {
    for (const slot of this.open) this.hold(slot);
  }

  private hold(slot: LeasedSlot): void {
    if (!slot.held) this.held += 1;
    slot.held = true;
    this.reports.called(slot.id, slot.sentMicros + Math.ceil(this.timing.callTimeoutMs * 1000));
  }
}
