/** What the gate's clock reads; all in microseconds. */
export interface StampSources {
  /** Monotonic, the same for every thread of the process. */
  now(): number;
  /** How long this thread's event loop has been idle, in all. */
  idle(): number;
  /** How long this thread has waited for a CPU, in all; 0 where the system does not tell. */
  waited(): number;
}

/**
 * Stamps requests and says how late a stamp can be. Bytes that come while the loop is busy wait in the kernel until it
 * polls again. When the loop was idle since the last look, it had found nothing waiting before that, so the bytes came
 * no earlier than `now` less the time that was not idle; time in which the thread was awake but had no CPU looks idle
 * and is taken off as well. When it was not idle, they may have come whenever the busy stretch began.
 */
export class Stamper {
  readonly #sources: StampSources;
  #now: number;
  #idle: number;
  #waited: number;
  #lo: number;

  constructor(sources: StampSources) {
    this.#sources = sources;
    this.#now = sources.now();
    this.#idle = sources.idle();
    this.#waited = sources.waited();
    this.#lo = this.#now;
  }

  /** Looks at the clocks: the more often, the closer `lo` is. */
  stamp(): { lo: number; at: number } {
    const now = this.#sources.now();
    const idle = this.#sources.idle();
    const waited = this.#sources.waited();
    const slept = idle - this.#idle;
    if (slept > 0) {
      const busy = Math.max(0, now - this.#now - slept);
      this.#lo = Math.max(this.#now, now - busy - (waited - this.#waited));
    }
    this.#now = now;
    this.#idle = idle;
    this.#waited = waited;
    return { lo: this.#lo, at: now };
  }
}
