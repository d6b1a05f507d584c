import { setMaxListeners } from 'node:events';
import type { Slot } from './slot.ts';

interface Taker {
  /** Of no use to it is a slot after this, local ms. */
  until: number;
  give(slot: Slot): void;
  refuse(reason: unknown): void;
}

/** Why a taker got no slot that waits for a while only. */
export const TOO_LATE = Symbol('no slot comes in time');

/** Who waits for a slot, first come first served. */
export class Takers {
  private readonly line = new Set<Taker>();
  /** How many of them wait for a while only. */
  private hurried = 0;
  private readonly onLeave: () => void;

  /** `onLeave` runs when a taker's signal took it out of the line. */
  constructor(onLeave: () => void) {
    this.onLeave = onLeave;
  }

  get size(): number {
    return this.line.size;
  }

  /** Until when, local ms, the most patient one waits; Infinity when one waits as long as it takes. */
  get until(): number {
    if (this.hurried < this.line.size) return Infinity;
    return [...this.line].reduce((latest, { until }) => Math.max(latest, until), 0);
  }

  /** Resolves with a slot; rejects with the signal's reason, or with TOO_LATE when no slot comes until then. */
  join(signal?: AbortSignal, until = Infinity): Promise<Slot> {
    return new Promise<Slot>((resolve, reject) => {
      const leave = (): void => {
        if (this.line.delete(taker) && until < Infinity) this.hurried -= 1;
        signal?.removeEventListener('abort', onAbort);
      };
      const onAbort = (): void => {
        taker.refuse(signal?.reason);
        this.onLeave();
      };
      const taker: Taker = {
        until,
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
      this.line.add(taker);
      if (until < Infinity) this.hurried += 1;
    });
  }

  /** False: nobody waits. */
  give(slot: Slot): boolean {
    const [taker] = this.line;
    taker?.give(slot);
    return taker !== undefined;
  }

  /** Takes those out of the line whose slot is too far away; `dueMs` says when the slot of the n-th comes at the earliest. */
  refuseLate(dueMs: (place: number) => number): void {
    if (this.hurried === 0) return;
    let place = 0;
    for (const taker of this.line) {
      if (dueMs(place) > taker.until) taker.refuse(TOO_LATE);
      else place += 1;
    }
  }

  refuseAll(reason: Error): void {
    for (const taker of this.line) taker.refuse(reason);
  }
}
