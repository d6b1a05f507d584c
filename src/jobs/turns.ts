import type { Limiter } from '../limiter/limiter.ts';
import type { Slot } from '../limiter/slot.ts';
import type { Claim } from './ledger.ts';

/** A chunk that may be called now: claimed, and its slot has come. Any other claim comes without a slot. */
export interface Turn {
  claim: Claim;
  slot: Slot | null;
}

export interface TurnsParts {
  limiter: Pick<Limiter, 'take'>;
  /** Local monotonic milliseconds. */
  now: () => number;
}

interface HeldSlot {
  slot: Slot;
  /** Local ms. */
  cameAt: number;
}

interface Waiting {
  claim: () => Promise<Claim>;
  /** The list that it was woken for; it passes the wake on if it does not take that list. */
  woken: string | null;
  leaveAt: number;
  end(turn: Turn): void;
  fail(error: unknown): void;
}

/** Chunks that wait for one list, first come first served. */
interface Line {
  waiting: Set<Waiting>;
  /** The first is tried at this time, whatever is known: another process may have freed the list. Local ms. */
  lookAt: number;
}

/** Slots asked for at once: one by one they would come a lease apart. */
const LANES = 3;
/** Slots that wait for a chunk: lists are freed at any moment. So old they may be used for a while yet. */
const HELD = 3;
const HOLD_MS = 10;
/** Lists that another process writes are looked at again so often. */
const LOOK_AGAIN_MS = 100;
/** A chunk that waits for a list so long leaves: in its place another one may find its lists free. */
const PATIENCE_MS = 3000;

/**
 * Whose turn it is among chunks that write the lists of both ends. Such lists form chains: the next call may go only
 * when the one before is answered. So here, other than elsewhere, the slot comes first, and is given to the first chunk
 * whose lists are all free in that instant; no list is locked by a chunk that still waits for its slot.
 *
 * A chunk: ready → tried for a slot → has its turn, or waits in the line of a list that another one writes; when that is
 * freed the first of the line is ready again, before all others.
 */
export class Turns {
  private readonly ready = new Set<Waiting>();
  private readonly woken = new Set<Waiting>();
  private held: HeldSlot[] = [];
  private readonly lines = new Map<string, Line>();
  private readonly parts: TurnsParts;
  private waiting = 0;
  private lanes = 0;

  constructor(parts: TurnsParts) {
    this.parts = parts;
  }

  /** Waits for a turn, or for any claim that needs none; `busy` when that took too long. Rejects when aborted. */
  take(claim: () => Promise<Claim>, signal: AbortSignal): Promise<Turn> {
    return new Promise<Turn>((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason as Error);
      let over = false;
      const leave = (): boolean => {
        if (over) return false;
        over = true;
        this.waiting -= 1;
        this.remove(one);
        signal.removeEventListener('abort', onAbort);
        return true;
      };
      const onAbort = (): void => one.fail(signal.reason);
      const one: Waiting = {
        claim,
        woken: null,
        leaveAt: this.parts.now() + PATIENCE_MS,
        end(turn) {
          // Aborted while it was claimed: nobody uses the slot.
          if (leave()) resolve(turn);
          else turn.slot?.giveUp();
        },
        fail(error) {
          if (leave()) reject(error as Error);
        },
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.waiting += 1;
      this.ready.add(one);
      if (this.lanes < Math.min(LANES, this.waiting)) void this.runLane(signal);
    });
  }

  /** A call is over, and its lists are free. */
  freed(lists: readonly string[]): void {
    for (const list of lists) this.wake(list);
    this.match();
  }

  private async runLane(signal: AbortSignal): Promise<void> {
    this.lanes += 1;
    try {
      while (this.waiting > 0) {
        const slot = await this.parts.limiter.take(signal);
        this.held.push({ slot, cameAt: this.parts.now() });
        this.lookAgain();
        this.match();
        while (this.held.length > HELD) this.held.shift()?.slot.giveUp();
      }
    } catch (error) {
      for (const one of this.everybody()) one.fail(error);
    } finally {
      this.lanes -= 1;
      if (this.lanes === 0) for (const { slot } of this.held.splice(0)) slot.giveUp();
    }
  }

  /** Brings slots and chunks together, as long as there are both. */
  private match(): void {
    for (;;) {
      const [one] = this.woken.size > 0 ? this.woken : this.ready;
      const held = one && this.usable();
      if (!held) return;
      // In nobody's hand but this one's while it is tried.
      this.woken.delete(one);
      this.ready.delete(one);
      void this.try(one, held);
    }
  }

  private async try(one: Waiting, held: HeldSlot): Promise<void> {
    const taken = await this.offer(one, held.slot);
    if (!taken && this.lanes > 0) this.held.unshift(held);
    else if (!taken) held.slot.giveUp();
    this.match();
  }

  private usable(): HeldSlot | undefined {
    const oldest = this.parts.now() - HOLD_MS;
    while (this.held[0] && this.held[0].cameAt < oldest) this.held.shift()?.slot.giveUp();
    return this.held.shift();
  }

  /** @returns whether the chunk took the slot. Never rejects. */
  private async offer(one: Waiting, slot: Slot): Promise<boolean> {
    try {
      const claim = await one.claim();
      const taken = claim.kind === 'claimed';
      const list = claim.kind === 'busy' ? claim.account : null;
      if (one.woken !== null && !taken && one.woken !== list) this.wake(one.woken);
      one.woken = null;
      if (list === null) one.end({ claim, slot: taken ? slot : null });
      else this.queue(one, list);
      return taken;
    } catch (error) {
      one.fail(error);
      return false;
    }
  }

  private queue(one: Waiting, list: string): void {
    const now = this.parts.now();
    if (now >= one.leaveAt) return one.end({ claim: { kind: 'busy', account: list }, slot: null });
    const line = this.lines.get(list) ?? { waiting: new Set(), lookAt: now + LOOK_AGAIN_MS };
    line.waiting.add(one);
    this.lines.set(list, line);
  }

  private wake(list: string): void {
    const line = this.lines.get(list);
    if (line === undefined) return;
    const [first] = line.waiting;
    if (first === undefined) return void this.lines.delete(list);
    line.waiting.delete(first);
    line.lookAt = this.parts.now() + LOOK_AGAIN_MS;
    first.woken = list;
    this.woken.add(first);
  }

  private lookAgain(): void {
    const now = this.parts.now();
    for (const [list, line] of this.lines) {
      for (const one of line.waiting) {
        if (now < one.leaveAt) break;
        one.end({ claim: { kind: 'busy', account: list }, slot: null });
      }
      if (now >= line.lookAt) this.wake(list);
    }
  }

  private remove(one: Waiting): void {
    this.ready.delete(one);
    this.woken.delete(one);
    for (const line of this.lines.values()) line.waiting.delete(one);
  }

  private everybody(): Waiting[] {
    return [...this.ready, ...this.woken, ...[...this.lines.values()].flatMap((line) => [...line.waiting])];
  }
}
