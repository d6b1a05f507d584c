import type { Throttled } from './slot.ts';

/** What one call of the script carries. */
export interface ReportBatch {
  calls: Map<number, number>;
  returned: Set<number>;
  throttled: number;
  appThrottled: number;
}

/** Lua's unpack stands 8000 values; a call is two. */
const MOST = 1000;

/** What Redis has not heard yet of this process's slots. The latest word on a slot replaces earlier ones. */
export class Reports {
  private calls = new Map<number, number>();
  private returned = new Set<number>();
  private throttledId = 0;
  private appThrottledId = 0;

  get empty(): boolean {
    return this.calls.size + this.returned.size + this.throttledId + this.appThrottledId === 0;
  }

  /** The call of this slot arrived no later than this, µs of Redis' clock. */
  called(id: number, atMicros: number): void {
    this.calls.set(id, atMicros);
  }

  /** Nothing was sent in this slot. */
  giveBack(id: number): void {
    this.calls.delete(id);
    this.returned.add(id);
  }

  /** The service answered "too fast": for the command, or for the whole app. */
  throttled(id: number, whose: Throttled): void {
    if (whose === 'app') this.appThrottledId = Math.max(this.appThrottledId, id);
    else this.throttledId = Math.max(this.throttledId, id);
  }

  /** Takes up to 1000 of each kind out; the rest waits for the next call of the script. */
  take(): ReportBatch {
    const { throttledId: throttled, appThrottledId: appThrottled } = this;
    const batch: ReportBatch = { calls: new Map(), returned: new Set(), throttled, appThrottled };
    for (const [id, at] of this.calls) {
      if (batch.calls.size === MOST) break;
      batch.calls.set(id, at);
      this.calls.delete(id);
    }
    for (const id of this.returned) {
      if (batch.returned.size === MOST) break;
      batch.returned.add(id);
      this.returned.delete(id);
    }
    this.throttledId = 0;
    this.appThrottledId = 0;
    return batch;
  }

  /** A batch that never arrived, or perhaps did: every word in it may be said twice. Newer words stand. */
  putBack(batch: ReportBatch): void {
    for (const id of batch.returned) this.giveBack(id);
    for (const [id, at] of batch.calls) if (!this.calls.has(id) && !this.returned.has(id)) this.calls.set(id, at);
    this.throttled(batch.throttled, 'command');
    this.throttled(batch.appThrottled, 'app');
  }
}
