/** The service's no to a whole call: `ActionStatus` FAIL with this code and text. Thrown, so that checks read in order. */
export class Refusal extends Error {
  readonly code: number;
  /** JSON text of what stands beside the envelope, ended by a comma. */
  readonly fields: string;

  constructor(code: number, info: string, fields = '') {
    super(info);
    this.name = 'Refusal';
    this.code = code;
    this.fields = fields;
  }
}
