import type { Rejects } from './rejects.ts';
import { checkRow, type RawRow, type RowRules } from './row.ts';
import type { Stage } from './stage.ts';

/** Where readers put what they read: every record ends in exactly one of these calls. */
export class RowSink {
  readonly rules: RowRules;
  readonly stage: Stage;
  readonly rejects: Rejects;

  constructor(rules: RowRules, stage: Stage, rejects: Rejects) {
    this.rules = rules;
    this.stage = stage;
    this.rejects = rejects;
  }

  /** Rows read so far. */
  get rows(): number {
    return this.stage.rows + this.rejects.count;
  }

  /** A record of the present part (`Places`) that was split; `text` is its bytes. */
  row(line: number, raw: RawRow, text: Buffer): void {
    const checked = checkRow(raw, this.rules);
    if ('reason' in checked) this.reject(line, checked.reason, text);
    else this.stage.row(line + this.rejects.places.before, checked.from, checked.to, checked.fields);
  }

  reject(line: number, reason: string, text: Buffer): void {
    this.rejects.add(line + this.rejects.places.before, reason, text);
  }
}
