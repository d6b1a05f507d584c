import type { OperationName } from '../../../src/domain/operation.ts';
import type { IntakeTotals } from '../../../src/domain/totals.ts';
import type { IntakeCode } from '../../../src/intake/error.ts';

export interface DirtyCase<Expected = Accepts | Refuses> {
  name: string;
  /** The file's name, whose ending may decide its format. */
  file: string;
  bytes: () => string | Buffer;
  looseIds?: true;
  /** Default `import`. */
  operation?: OperationName;
  /** What intake must make of it. `rejects` are (line, reason), all of them, in the order of lines. */
  expect: Expected;
}

export interface Accepts {
  totals: IntakeTotals;
  rejects: [line: number, reason: string][];
  /** Accepted rows `from>to`, sorted; left out where there are too many to name. */
  pairs?: string[];
  /** Each must match one warning, and there must be no others. */
  warnings?: RegExp[];
}

export interface Refuses {
  error: IntakeCode;
  message: RegExp;
}

export const totals = (accepted: number, invalid = 0, duplicate = 0): IntakeTotals => ({
  rows: accepted + invalid + duplicate,
  invalid,
  duplicate,
  accepted,
});
export const latin1 = (text: string) => Buffer.from(text, 'latin1');
export const utf16 = (text: string) => Buffer.from(text, 'utf16le');
export const ID32 = 'a'.repeat(32);
export const CHARACTERS = 'characters other than a-z A-Z 0-9 _ -';
export const numbered = (count: number, line: (n: number) => string) =>
  Array.from({ length: count }, (_, n) => line(n));
