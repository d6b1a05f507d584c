import type { IntakeTotals } from './totals.ts';

/** A prepared, immutable input: chunks in order. Kinds: a file in the home directory. */
export interface Spool {
  totals: IntakeTotals;
  /** How many chunks. */
  chunks: number;
  /** The deflated blocks of chunks `first` … `first + count − 1`; fewer at the end. */
  read(first: number, count: number): Promise<Buffer[]>;
  close(): Promise<void>;
}
