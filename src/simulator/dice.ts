import { PLAIN_KINDS, sumOfRates, type CallFault, type CallFaults, type FaultPlan } from './faults.ts';
import { draw, drawOf, hashNumber, hashText } from './hash.ts';

/** What one item's pair draws. `passesAt` is there for transient faults only. */
export type ItemFault =
  | { kind: 'permanent'; code: number }
  | { kind: 'transient'; code: number; passesAt: number; applied: boolean; rule: number };

/** Draws faults from a plan. Counts tries, so it holds state; a new plan needs a new dice. */
export class Dice {
  readonly plan: FaultPlan;
  readonly #seed: number;
  /** Tries of a call so far, by its identity; kept only while the plan has call faults. */
  readonly #callTries = new Map<string, number>();
  /** Tries of a pair that a transient rule hits. */
  readonly #itemTries = new Map<string, number>();

  constructor(seed: number, plan: FaultPlan) {
    this.#seed = seed;
    this.plan = plan;
  }

  /** The fault of the next try of a call. A call is known by command, From, its first To and its number of items. */
  call(command: string, from: string, firstTo: string, items: number): CallFault | null {
    const { calls } = this.plan;
    if (!concerns(calls.commands, command) || sumOfRates(calls) === 0) return null;
    const identity = `${command}\n${from}\n${firstTo}\n${items}`;
    const n = (this.#callTries.get(identity) ?? 0) + 1;
    this.#callTries.set(identity, n);
    return pick(calls, draw(this.#seed, 'call', identity, n));
  }

  /** Delay of an answer in milliseconds. `identity` tells the calls apart. */
  latency(identity: string): number {
    const { baseMs, jitterMs } = this.plan.latency;
    if (jitterMs === 0) return baseMs;
    return Math.max(0, baseMs + jitterMs * (2 * draw(this.#seed, 'latency', identity) - 1));
  }

  /** True when the plan says that this account was never imported. */
  isMissing(account: string): boolean {
    return this.plan.missing > 0 && draw(this.#seed, 'missing', account) < this.plan.missing;
  }

  /** The item faults of a command and a From, as a function of To; null where no rule can hit. */
  items(command: string, from: string): ((to: string) => ItemFault | null) | null {
    const permanent = this.plan.permanent.flatMap((rule, n) => (concerns(rule.commands, command) ? [{ rule, n }] : []));
    const transient = this.plan.transient.flatMap((rule, n) => (concerns(rule.commands, command) ? [{ rule, n }] : []));
    if (permanent.length + transient.length === 0) return null;
    const ofFrom = hashText(hashText(this.#seed | 0, command), from);
    const ofTo = hashText(this.#seed | 0, command);
    return (to) => {
      const ofPair = hashText(ofFrom, to);
      for (const { rule, n } of permanent) {
        const hash = rule.of === 'pair' ? ofPair : rule.of === 'from' ? ofFrom : hashText(ofTo, to);
        if (hits(hash, 1000 + n, rule.fraction)) return { kind: 'permanent', code: rule.code };
      }
      for (const { rule, n } of transient) {
        if (hits(ofPair, 2000 + n, rule.fraction)) {
          return { kind: 'transient', code: rule.code, passesAt: rule.passesAt, applied: rule.applied, rule: n };
        }
      }
      return null;
    };
  }

  /** Counts a try of a pair with a transient fault. True while the fault still shows. */
  showsTransient(command: string, from: string, to: string, fault: ItemFault & { kind: 'transient' }): boolean {
    const key = `${command}\n${from}\n${to}`;
    const n = (this.#itemTries.get(key) ?? 0) + 1;
    this.#itemTries.set(key, n);
    return n < fault.passesAt;
  }

  /** How often a pair with a transient fault was tried. */
  triesOf(command: string, from: string, to: string): number {
    return this.#itemTries.get(`${command}\n${from}\n${to}`) ?? 0;
  }
}

function hits(hash: number, salt: number, fraction: number): boolean {
  return drawOf(hashNumber(hash, salt)) < fraction;
}

function concerns(list: readonly string[] | undefined, command: string): boolean {
  return list ? list.includes(command) : command.startsWith('friend_');
}

function pick(calls: CallFaults, drawn: number): CallFault | null {
  let left = drawn;
  for (const kind of PLAIN_KINDS) {
    if ((left -= calls[kind]) < 0) return { kind };
  }
  for (const [given, share] of Object.entries(calls.codes)) {
    if ((left -= share) < 0) return { kind: 'code', code: Number(given) };
  }
  for (const [given, share] of Object.entries(calls.codesAfter)) {
    if ((left -= share) < 0) return { kind: 'codeAfter', code: Number(given) };
  }
  return null;
}
