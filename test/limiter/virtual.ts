/**
 * Processes with real limiters on a virtual clock: their storage is the model of lease.lua (`src/limiter/model.ts`), the
 * network and every clock are made of numbers. A minute of calls takes a second, and every run is the same.
 */
import type { Limiter } from '../../src/limiter/limiter.ts';
import { EMPTY_APP, EMPTY_BUCKET, EMPTY_MODEL, type LimiterModel, modelLease } from '../../src/limiter/model.ts';
import type { Rate } from '../../src/limiter/rate.ts';
import { type Parts, SharedLimiter } from '../../src/limiter/shared-limiter.ts';
import type { Slot } from '../../src/limiter/slot.ts';
import type { Store } from '../../src/limiter/store.ts';
import { timingOf, type Tuning } from '../../src/limiter/timing.ts';
import { seededRandom } from '../../src/simulator/graph.ts';

/** Milliseconds, asked anew for every message. */
export type Delay = () => number;

export interface ProcessOptions extends Partial<Tuning> {
  rate: Rate;
  command?: string;
  appCalls?: number | null;
  class?: Parts['class'];
  callTimeoutMs?: number;
  /** One way to Redis. Default: 0.1 to 0.3 ms. */
  redis?: Delay;
  /** From writing a call to its arrival, and from there to its answer. Default: 1 ms, 1 to 1.5 ms. */
  way?: Delay;
  back?: Delay;
  /** From the first bytes of an answer until the process has read and settled it. */
  read?: Delay;
  /** How late timers fire: the event loop is busy. Default: 0 to 1 ms. */
  late?: Delay;
  /** Local clock: what it shows at the start, and how much faster than true time it runs (ppm). */
  clockMs?: number;
  drift?: number;
}

export class VirtualWorld {
  /** True time, ms. */
  now = 0;
  /** True times at which calls arrived at the service, by command. */
  readonly arrivals = new Map<string, number[]>();
  /** Runs of the script. */
  leases = 0;
  /** Answers of Redis that were lost on the way, as a share. */
  lossy = 0;
  readonly random: () => number;
  private app: Pick<LimiterModel, 'app' | 'nextId'> = EMPTY_MODEL;
  private readonly commands = new Map<string, LimiterModel['command']>();
  private readonly events: { at: number; run: () => void }[] = [];
  private runId = 'one';

  constructor(seed = 1) {
    this.random = seededRandom(seed);
  }

  between(low: number, high: number): Delay {
    return () => low + this.random() * (high - low);
  }

  /** Runs something once; the function that it returns cancels. */
  after(ms: number, run: () => void): () => void {
    const event = { at: this.now + Math.max(0, ms), run };
    let low = 0;
    let high = this.events.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      // The next event is the last of the array; of equal times the older one comes first.
      if (this.events[middle]!.at > event.at) low = middle + 1;
      else high = middle;
    }
    this.events.splice(low, 0, event);
    return () => {
      const at = this.events.indexOf(event);
      if (at >= 0) this.events.splice(at, 1);
    };
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(ms, resolve);
    });
  }

  /** Lets time pass. */
  async run(ms: number): Promise<void> {
    const end = this.now + ms;
    for (let next = this.events.at(-1); next && next.at <= end; next = this.events.at(-1)) {
      this.events.pop();
      this.now = next.at;
      next.run();
      // Whatever follows in promises comes before time goes on.
      await new Promise(setImmediate);
    }
    this.now = end;
  }

  /** The state in Redis is gone, as after a restart. */
  lose(): void {
    this.runId += '+';
    this.app = { ...this.app, app: EMPTY_APP };
    this.commands.clear();
  }

  /** A process with a limiter. */
  process(options: ProcessOptions): VirtualProcess {
    return new VirtualProcess(this, options);
  }

  /** Redis' own clock is true time. Its answer is that of lease.lua. */
  lease(command: string, ...[timing, request]: Parameters<Store['lease']>): ReturnType<typeof modelLease>['lease'] {
    this.leases += 1;
    const state = { ...this.app, command: this.commands.get(command) ?? EMPTY_BUCKET };
    const server = { run: this.runId, now: 1e15 + Math.floor(this.now * 1000) };
    const told = modelLease(state, timing, request, server);
    this.app = told.state;
    this.commands.set(command, told.state.command);
    return told.lease;
  }

  arrived(command: string): void {
    const times = this.arrivals.get(command) ?? [];
    if (times.length === 0) this.arrivals.set(command, times);
    times.push(this.now);
  }

  /** All calls of all commands, in order. */
  get calls(): number[] {
    return [...this.arrivals.values()].flat().toSorted((a, b) => a - b);
  }
}

export class VirtualProcess {
  readonly limiter: Limiter;
  /** How long nobody gets a slot after the state was lost or is new. */
  readonly lossMs: number;
  private readonly world: VirtualWorld;
  private readonly options: Required<
    Pick<ProcessOptions, 'command' | 'redis' | 'way' | 'back' | 'read' | 'late' | 'callTimeoutMs'>
  >;
  /** A killed process does nothing any more. */
  private alive = true;

  constructor(world: VirtualWorld, options: ProcessOptions) {
    const { command = 'check', redis = world.between(0.1, 0.3), way = () => 1, back = world.between(1, 1.5) } = options;
    const { read = () => 0 } = options;
    const { late = world.between(0, 1), rate, appCalls, callTimeoutMs = 5000, clockMs = 0, drift = 0 } = options;
    this.world = world;
    this.options = { command, redis, way, back, read, late, callTimeoutMs };
    const speed = 1 + drift / 1e6;
    const store: Store = {
      name: command,
      connected: true,
      watch: () => () => {},
      lease: async (timing, request) => {
        await world.sleep(redis());
        if (!this.alive) return new Promise(() => {});
        const lease = world.lease(command, timing, request);
        await world.sleep(redis());
        if (world.random() < world.lossy) throw new Error('the answer was lost');
        return lease;
      },
    };
    const timing = timingOf(rate, options, { appCalls, callTimeoutMs });
    this.lossMs = timing.lossMs;
    this.limiter = new SharedLimiter({
      store,
      timing,
      class: options.class ?? 'bulk',
      clock: () => clockMs + world.now * speed,
      timer: (run, ms) => world.after(ms / speed + late(), () => this.alive && run()),
      log: undefined,
      agreement: { others: [], say: async () => {}, leave: async () => {} },
    });
  }

  /** Takers without end, each with one call at a time, until the time (ms). */
  saturate(takers: number, until = Infinity): void {
    const taker = async (): Promise<void> => {
      while (this.alive && this.world.now < until) await this.call();
    };
    for (let n = 0; n < takers; n += 1) void taker();
  }

  /** Callers without end that want a slot within so many milliseconds or none, and pause after each. */
  try(callers: number, withinMs: number, pauseMs: number): void {
    const caller = async (): Promise<void> => {
      while (this.alive) {
        const slot = await this.limiter.tryTake({ withinMs });
        if (this.alive && slot?.mayWrite()) await this.use(slot);
        await this.world.sleep(pauseMs);
      }
    };
    for (let n = 0; n < callers; n += 1) void caller();
  }

  /** One call. @returns how long its slot was waited for, ms */
  async call(): Promise<number> {
    const asked = this.world.now;
    let slot = await this.limiter.take();
    while (!this.alive || !slot.mayWrite()) slot = await this.limiter.take();
    const waited = this.world.now - asked;
    await this.use(slot);
    return waited;
  }

  private async use(slot: Slot): Promise<void> {
    const { way, back, read, command, callTimeoutMs } = this.options;
    const wayMs = way();
    // Once written it arrives, whatever becomes of its process.
    this.world.after(wayMs, () => this.world.arrived(command));
    const answerMs = wayMs + back();
    await this.world.sleep(Math.min(answerMs, callTimeoutMs));
    if (!this.alive) return;
    const answered = answerMs <= callTimeoutMs;
    if (answered) {
      slot.answered();
      await this.world.sleep(read());
    }
    if (this.alive) slot.settled(answered);
  }

  kill(): void {
    this.alive = false;
  }
}
