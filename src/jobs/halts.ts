import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Ledger } from './ledger.ts';

/** G8 allows 2 s from the command to the last new call; a round trip to Redis and a slot in hand come on top of this. */
const LOOK_EVERY_MS = 500;

/** A chunk in hand. */
export interface HeldChunk {
  /** Aborted when its job runs no more: it was paused, stopped or cancelled while the chunk waited for its slot. */
  signal: AbortSignal;
  /** The chunk is out of hand. */
  release(): void;
}

interface Watched {
  halt: AbortController;
  chunks: number;
}

/**
 * Tells chunks in hand that their job runs no more. The claim has asked already, but a slot may come many seconds
 * after it: where the limit is low, or many processes share it.
 */
export class Halts {
  private readonly ledger: Pick<Ledger, 'stateOf'>;
  private readonly watched = new Map<string, Watched>();
  private looking = false;

  constructor(ledger: Pick<Ledger, 'stateOf'>) {
    this.ledger = ledger;
  }

  hold(job: string): HeldChunk {
    const watched = this.watched.get(job) ?? { halt: new AbortController(), chunks: 0 };
    // Every chunk of the job in hand listens to it: that is no leak.
    if (watched.chunks === 0) setMaxListeners(0, watched.halt.signal);
    watched.chunks += 1;
    this.watched.set(job, watched);
    if (!this.looking) void this.look();
    return { signal: watched.halt.signal, release: () => void (watched.chunks -= 1) };
  }

  /** As long as a chunk is in hand. */
  private async look(): Promise<void> {
    this.looking = true;
    while (this.watched.size > 0) {
      await sleep(LOOK_EVERY_MS, undefined, { ref: false });
      for (const [job, { chunks }] of this.watched) if (chunks === 0) this.watched.delete(job);
      await Promise.all([...this.watched.keys()].map((job) => this.ask(job)));
    }
    this.looking = false;
  }

  private async ask(job: string): Promise<void> {
    // Where Redis is away or refuses there are no slots either; the next look asks again.
    const state = await this.ledger.stateOf(job).catch(() => 'running');
    if (state === 'running') return;
    this.watched.get(job)?.halt.abort(new Error('the job runs no more'));
    // A chunk that is claimed after a resume is watched anew.
    this.watched.delete(job);
  }
}
