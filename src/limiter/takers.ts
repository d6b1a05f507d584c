import { setMaxListeners } from 'node:events';
import type { Slot } from './slot.ts';

interface Taker {
  give(slot: Slot): void;
  refuse(reason: unknown): void;
}

/** Who waits for a slot, first come first served. */
export class Takers {
  private readonly line = new Set<Taker>();
  private readonly onLeave: () => void;

  /** `onLeave` runs when a taker's signal took it out of the line. */
  constructor(onLeave: () => void) {
    this.onLeave = onLeave;
  }

  get size(): number {
    return this.line.size;
  }

  /** Resolves with a slot; rejects with the signal's reason. */
  join(signal?: AbortSignal): Promise<Slot> {
    return new Promise<Slot>((resolve, reject) => {
      const leave = (): void => {
        this.line.delete(taker);
        signal?.removeEventListener('abort', onAbort);
      };
      const onAbort = (): void => {
        taker.refuse(signal?.reason);
        this.onLeave();
      };
      const taker: Taker = {
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
    });
  }

  /** False: nobody waits. */
  give(slot: Slot): boolean {
    const [taker] = this.line;
    taker?.give(slot);
    return taker !== undefined;
  }

  refuseAll(reason: Error): void {
    for (const taker of this.line) taker.refuse(reason);
  }
}
