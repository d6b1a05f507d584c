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
  /** ResultCode → items. */
  readonly codes = new Map<number, number>();
  /** Items that changed a list. */
  applied = 0;
  readonly #items: string[] = [];
  readonly #failed: string[] = [];
  readonly #plainExtra: string;
  readonly #listsFailed: boolean;
  readonly #pendingFails: boolean;
  /** Most items are answered alike. */
  #last: ItemAnswer | null = null;
  #lastText = '';

  /** `plainExtra`: `extra` of answers that have none. `pendingFails`: 30539 counts as failed. */
  constructor(plainExtra: string, { listsFailed, pendingFails }: { listsFailed: boolean; pendingFails: boolean }) {
    this.#plainExtra = plainExtra;
    this.#listsFailed = listsFailed;
    this.#pendingFails = pendingFails;
  }

  add(to: string, answer: ItemAnswer): void {
    const { code, info, extra = this.#plainExtra } = answer;
    if (answer !== this.#last) {
      this.#last = answer;
      this.#lastText = `,${extra}"ResultCode":${code},"ResultInfo":${JSON.stringify(info)}}`;
    }
    this.#items.push(`{"To_Account":${JSON.stringify(to)}${this.#lastText}`);
    this.codes.set(code, (this.codes.get(code) ?? 0) + 1);
    if (answer.applied) this.applied++;
    if (code !== 0 && (code !== 30539 || this.#pendingFails)) this.#failed.push(to);
  }

  get allDone(): boolean {
    return this.codes.size === 1 && this.codes.has(0);
  }

  json(answerField: string): string {
    const lists = this.#listsFailed && this.#failed.length > 0;
    const failed = lists ? `"Fail_Account":${JSON.stringify(this.#failed)},` : '';
    return `"${answerField}":[${this.#items.join(',')}],${failed}`;
  }
}
