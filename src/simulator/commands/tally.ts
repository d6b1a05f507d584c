import { count, type CommandCounts } from '../ledger.ts';

/** What one item was answered. */
export interface ItemAnswer {
  code: number;
  info: string;
  /** A list changed. */
  applied?: boolean;
  /** JSON text of what stands before ResultCode, ended by a comma. */
  extra?: string;
}

export const DONE: ItemAnswer = { code: 0, info: '', applied: true };
export const NOTHING_TO_DO: ItemAnswer = { code: 0, info: '' };

/** Gathers what the items of a call were answered, as text. */
export class Tally {
  readonly #items: string[] = [];
  readonly #failed: string[] = [];
  readonly #codes = new Map<number, number>();
  readonly #plainExtra: string;
  readonly #pendingFails: boolean;
  #applied = 0;
  /** Most items are answered alike. */
  #last: ItemAnswer | null = null;
  #lastText = '';

  constructor(plainExtra: string, pendingFails: boolean) {
    this.#plainExtra = plainExtra;
    this.#pendingFails = pendingFails;
  }

  add(to: string, answer: ItemAnswer): void {
    const { code, info, extra = this.#plainExtra } = answer;
    if (answer !== this.#last) {
      this.#last = answer;
      this.#lastText = `,${extra}"ResultCode":${code},"ResultInfo":${JSON.stringify(info)}}`;
    }
    this.#items.push(`{"To_Account":${JSON.stringify(to)}${this.#lastText}`);
    this.#codes.set(code, (this.#codes.get(code) ?? 0) + 1);
    if (answer.applied) this.#applied++;
    if (code !== 0 && (code !== 30539 || this.#pendingFails)) this.#failed.push(to);
  }

  json(answerField: string): string {
    const failed = this.#failed.length > 0 ? `"Fail_Account":${JSON.stringify(this.#failed)},` : '';
    return `"${answerField}":[${this.#items.join(',')}],${failed}`;
  }

  countInto(counts: CommandCounts): void {
    counts.applied += this.#applied;
    for (const [code, n] of this.#codes) count(counts.items, code, n);
  }
}
