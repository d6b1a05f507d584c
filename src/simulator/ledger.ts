/** What the service did for one command. */
export interface CommandCounts {
  /** Calls whose command was known, refused ones too. */
  calls: number;
  /** ErrorCode of the envelope → calls. Calls without an answer of the service (502, reset) are not here. */
  codes: Record<string, number>;
  /** ResultCode → items. */
  items: Record<string, number>;
  /** Items that changed a friend list or a pending list. */
  applied: number;
  /** Injected faults of calls, by kind. */
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
