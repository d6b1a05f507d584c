import { ArrivalLog, mergedPairs } from './arrivals.ts';
import { Conflicts } from './conflicts.ts';
import { isPossibleUserId } from './fields.ts';
import { Dice } from './dice.ts';
import { History } from './history.ts';
import { Ledger } from './ledger.ts';
import type { SimulatorOptions } from './options.ts';
import { makeRateWindow, type RateWindow } from './rate.ts';
import { SentCounts } from './sent.ts';
import { World, type Account } from './state.ts';
import type { Switches } from './switches.ts';

/** Time is passed in: microseconds on the gate's monotonic clock, and Unix seconds for what the API dates. */
export interface Clock {
  micros(): number;
  unixSeconds(): number;
}

/** Stands for all commands of the app together, in limits, logs and meters. */
export const ALL_COMMANDS = '*';

/** Everything that begins anew with a reset: state, counts, tries, rate windows. */
export class Context {
  readonly options: SimulatorOptions;
  readonly clock: Clock;
  readonly world: World;
  readonly conflicts = new Conflicts();
  readonly ledger = new Ledger();
  /** Null: not counted. */
  readonly sent: SentCounts | null;
  switches: Switches;
  dice: Dice;
  limits: Record<string, number>;
  /** Calls so far, for RequestId. */
  calls = 0;
  readonly #arrivals = new Map<string, ArrivalLog>();
  readonly #rates = new Map<string, RateWindow>();

  constructor(options: SimulatorOptions, clock: Clock) {
    this.options = options;
    this.clock = clock;
    this.switches = options.switches;
    this.limits = options.limits;
    this.dice = new Dice(options.seed, options.faults);
    this.world = new World(this.switches['userid-case'] === 'sensitive');
    this.#setHistory();
    this.sent = options.countSent ? new SentCounts((id) => this.world.keyOf(id)) : null;
    for (const id of options.accounts.imported) this.world.account(id).imported = true;
    for (const id of options.accounts.missing) this.world.account(id).imported = false;
  }

  /** True when the account is imported; `account` is its record (null: none), where the caller has looked. */
  exists(id: string, account: Account | null = this.world.find(id) ?? null): boolean {
    const said = account?.imported;
    if (said !== undefined && said !== null) return said;
    if (this.options.accounts.mode === 'known') return false;
    return isPossibleUserId(id) && !this.dice.isMissing(this.world.keyOf(id));
  }

  arrivals(command: string): ArrivalLog {
    let log = this.#arrivals.get(command);
    if (!log) this.#arrivals.set(command, (log = new ArrivalLog()));
    return log;
  }

  /** lo, at, lo, at, … of one command, or of all. */
  arrivalPairs(command: string): Float64Array<ArrayBuffer> {
    return command === ALL_COMMANDS ? mergedPairs(this.#arrivals.values()) : this.arrivals(command).pairs();
  }

  /** Calls a window that a command may have: its own limit, or the general one (`share` of it for account commands). */
  limitOf(command: string, share: number): number {
    return this.limits[command] ?? Math.max(1, Math.round(this.options.limit * share));
  }

  /** Calls a window that all commands together may have; null where nothing limits them. */
  appLimit(): number | null {
    return this.limits[ALL_COMMANDS] ?? this.options.appLimit ?? null;
  }

  /** The rate window of a command; forgets what it saw when its limit or shape changed. */
  rate(command: string, share: number): RateWindow {
    return this.#window(command, this.limitOf(command, share));
  }

  /** The rate window of all commands together; null where nothing limits them. */
  appRate(): RateWindow | null {
    const limit = this.appLimit();
    return limit === null ? null : this.#window(ALL_COMMANDS, limit);
  }

  #window(name: string, limit: number): RateWindow {
    let window = this.#rates.get(name);
    if (!window) {
      window = makeRateWindow(this.switches['rate-window'], {
        limit,
        windowUs: this.options.windowMs * 1000,
        countRejected: this.switches['rejected-calls'] === 'counted',
      });
      this.#rates.set(name, window);
    }
    return window;
  }

  setSwitches(switches: Partial<Switches>): void {
    this.switches = { ...this.switches, ...switches };
    this.#rates.clear();
    if (switches['read-after-write']) this.#setHistory();
  }

  /** Reads lag behind the writes that come from now on, or behind none. */
  #setHistory(): void {
    this.world.history =
      this.switches['read-after-write'] === 'delayed'
        ? new History(this.options.readDelayMs * 1000, () => this.clock.micros())
        : null;
  }

  setLimits(limits: Record<string, number>): void {
    this.limits = { ...this.limits, ...limits };
    this.#rates.clear();
  }
}
