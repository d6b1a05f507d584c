import { PLAIN_KINDS, sumOfRates, type CallFault, type CallFaults, type FaultPlan } from './faults.ts';
import { draw, drawOf, hashNumber, hashText } from './hash.ts';

/** What an item's pair, or a call without items, draws. One object per rule. */
export type ItemFault =
  | { kind: 'permanent'; code: number; info?: string }
  | { kind: 'transient'; code: number; info?: string; passesAt: number; applied: boolean; rule: number };

interface DrawnRule {
  commands?: readonly string[] | undefined;
  fraction: number;
  of: 'pair' | 'to' | 'from';
  /** Tells the draws of one rule from those of another. */
  salt: number;
  level: 'item' | 'envelope';
  fault: ItemFault;
}

/** Draws faults from a plan. Counts tries, so it holds state; a new plan needs a new dice. */
export class Dice {
  readonly plan: FaultPlan;
  readonly #seed: number;
  /** Tries of a call so far, by its identity; kept only while the plan has call faults. */
  readonly #callTries = new Map<string, number>();
  readonly #rules: readonly DrawnRule[];
  /** Tries of a pair that a transient rule hits. */
  readonly #itemTries = new Map<string, number>();

  constructor(seed: number, plan: FaultPlan) {
    this.#seed = seed;
    this.plan = plan;
    this.#rules = rulesOf(plan);
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
    const rules = this.#rules.filter(({ level, commands }) => level === 'item' && concerns(commands, command));
    if (rules.length === 0) return null;
    const ofTo = hashText(this.#seed | 0, command);
    const ofFrom = hashText(ofTo, from);
    return (to) => {
      const ofPair = hashText(ofFrom, to);
      for (const { of, salt, fraction, fault } of rules) {
        const hash = of === 'pair' ? ofPair : of === 'from' ? ofFrom : hashText(ofTo, to);
        if (hits(hash, salt, fraction)) return fault;
      }
      return null;
    };
  }

  /** The fault of every call of a command and a From as a whole. `level`: null for calls without items. */
  whole(command: string, from: string, level: 'envelope' | null): ItemFault | null {
    const rules = this.#rules.filter((rule) => level === null || rule.level === level);
    if (rules.length === 0) return null;
    const ofFrom = hashText(hashText(this.#seed | 0, command), from);
    const hit = rules.find(
      ({ commands, salt, fraction }) => concerns(commands, command) && hits(ofFrom, salt, fraction),
    );
    return hit?.fault ?? null;
  }

  /** Counts a try of a pair with a transient fault. True while a fault shows; a permanent one always does. */
  shows(command: string, from: string, to: string, fault: ItemFault): boolean {
    if (fault.kind === 'permanent') return true;
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

/** Permanent rules come first, then the order given. */
function rulesOf({ permanent, transient }: FaultPlan): DrawnRule[] {
  return [
    ...permanent.map(({ code, info, ...rule }, n) => ({
      ...rule,
      salt: 1000 + n,
      fault: { kind: 'permanent' as const, code, info },
    })),
    ...transient.map(({ code, info, passesAt, applied, ...rule }, n) => ({
      ...rule,
      of: 'pair' as const,
      salt: 2000 + n,
      fault: { kind: 'transient' as const, code, info, passesAt, applied, rule: n },
    })),
  ];
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
