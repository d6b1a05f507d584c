import type { Context } from '../context.ts';
import type { Account } from '../state.ts';

/** One API command of the service: a file here, and a line in `index.ts`. */
export interface Command {
  /** `friend_check`, … : limits and counts hold per command. */
  name: string;
  /** Path under `/v4/`. */
  path: string;
  /** A call has no items: faults of items hit it as a whole. */
  withoutItems?: true;
  /** A write holds the lists it touches during its service time, and is applied at its end. */
  writes: boolean;
  /** Share of the general limit (200 calls a window) that this command has by the documents. */
  limitShare: number;
  /** Friend commands answer an `ErrorDisplay`, account commands don't. */
  errorDisplay: boolean;
  /** Reads the body. Throws a Refusal for what makes the whole call fail. */
  prepare(body: Record<string, unknown>, context: Context): PreparedCall;
}

/** A call whose body is understood. */
export interface PreparedCall {
  /** Null for commands on accounts. */
  from: string | null;
  /** What tells this call from others of the same From, for fault draws. */
  firstItem: string;
  /** How many; 0 for calls without items. */
  items: number;
  /** Accounts beside From whose lists a write touches. */
  peers(): ReadonlySet<Account>;
  /** Does the work, at the end of the service time. Throws a Refusal for what makes the whole call fail. */
  run(busy: Busy): Answer;
}

/** Lists that another write was at work on (30008). */
export interface Busy {
  from: boolean;
  peers: ReadonlySet<Account>;
}

/** `code` and `info` are the envelope's. */
export interface Answer {
  code: number;
  info: string;
  /** ResultCode → items, for the ledger. Absent: a call without items. */
  items?: ReadonlyMap<number, number>;
  /** JSON text of the fields before the envelope's own, each ended by a comma: a thousand items are written once. */
  fields: string;
}
