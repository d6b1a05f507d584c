/**
 * How often each item was sent: calls whose body was read and held it, whatever became of the call afterwards. `from` is
 * '' for commands on accounts, `to` is '' for calls without items. Costs a key per item, so it is kept on request only.
 */
export class SentCounts {
  readonly #counts = new Map<string, number>();
  readonly #keyOf: (id: string) => string;

  constructor(keyOf: (id: string) => string) {
    this.#keyOf = keyOf;
  }

  add(command: string, from: string, tos: readonly string[]): void {
    for (const to of tos) {
      const key = this.#name(command, from, to);
      this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    }
  }

  of(command: string, from: string, to: string): number {
    return this.#counts.get(this.#name(command, from, to)) ?? 0;
  }

  #name(command: string, from: string, to: string): string {
    return `${command}\n${this.#keyOf(from)}\n${this.#keyOf(to)}`;
  }
}
