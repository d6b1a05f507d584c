/** What the service did for one command. */
export interface CommandCounts {
  /** Calls whose command was known, refused ones too. */
  calls: number;
  /** ErrorCode of the envelope → calls. Calls whose answer was lost on the way (502, reset, broken body) are not here. */
  codes: Record<string, number>;
  /** ResultCode → items that were answered; accounts in FailAccounts count with the code that the service had for them. */
  items: Record<string, number>;
  /** Items that changed a friend list, a pending list or an account, whether the answer arrived or not. */
  applied: number;
  /** Injected faults by kind: of calls, and `permanent` and `transient` ones of items and whole calls. */
  faults: Record<string, number>;
}

/** Counts of what was asked, answered and applied, so that a test can compare a client's report with the truth. */
export class Ledger {
  readonly #commands: Record<string, CommandCounts> = {};

  of(command: string): CommandCounts {
    return (this.#commands[command] ??= { calls: 0, codes: {}, items: {}, applied: 0, faults: {} });
  }

  counts(): Record<string, CommandCounts> {
    return this.#commands;
  }
}

export function count(counts: Record<string, number>, key: string | number, n = 1): void {
  counts[key] = (counts[key] ?? 0) + n;
}
