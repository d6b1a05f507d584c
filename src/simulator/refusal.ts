/** The service's no to a whole call: `ActionStatus` FAIL with this code and text. Thrown, so that checks read in order. */
export class Refusal extends Error {
  readonly code: number;

  constructor(code: number, info: string) {
    super(info);
    this.name = 'Refusal';
    this.code = code;
  }
}
