import type { OperationName, OperationOptions } from '../../src/domain/operation.ts';
import type { Outcome } from '../../src/domain/outcome.ts';
import type { Switches } from '../../src/simulator/switches.ts';
import type { PairTruth } from '../../src/simulator/truth.ts';
import type { Factors, Run } from './pairwise.ts';
import { CAREFUL, CLOSED, CROSS, FORBIDDEN } from './scene.ts';

/** What a row asks for; of an account both ends are the account. */
export interface Row {
  from: string;
  to: string;
  remark?: string;
  groups?: readonly string[];
  custom?: Record<string, string | number>;
  nick?: string;
}

export type Word = Pick<Outcome, 'status' | 'code'>;

/** One row of a job, and what it meets. */
export interface Case {
  operation: OperationName;
  options: OperationOptions;
  row: Row;
  /** What lay between its ends before the job. */
  before: PairTruth;
  switches: Switches;
}

const OK: Word = { status: 'ok', code: 0 };
const failed = (code: number): Word => ({ status: 'failed', code });

/**
 * What becomes of a row where nothing goes wrong on the way, written down from what the pages say (`docs/api-notes.md`) and
 * from the reading of what they leave open.
 */
export function expectedOf(one: Case): Word {
  const { operation, before, row, switches } = one;
  if (operation === 'accounts-check' || operation === 'accounts-import') return OK;
  const isWrong = switches['integer-custom-value'] === '30001' && row.custom !== undefined;
  // A value that is not allowed is seen before any account is looked for, where it is the whole call that is refused.
  if (isWrong && switches['over-long-field'] === 'envelope') return failed(30001);
  if (!before.fromExists || !before.toExists) return failed(30003);
  return isWrong ? failed(30001) : ofPair(one);
}

function ofPair({ operation, options, row, before, switches }: Case): Word {
  switch (operation) {
    case 'import':
      return before.forward && switches['import-existing'] === 'exists' ? { status: 'satisfied', code: 30001 } : OK;
    case 'add':
      return added(options, row, before, switches);
    case 'update':
    case 'get-list':
      return before.forward ? OK : failed(30001);
    case 'delete':
      return deleted(options, before, switches);
    default:
      return OK;
  }
}

function deleted({ both }: OperationOptions, { forward, reverse }: PairTruth, switches: Switches): Word {
  if (forward || (both && reverse && switches['delete-both-over-one-way'] === 'completes')) return OK;
  const code = Number(switches['delete-non-friend']);
  return { status: both && reverse ? 'failed' : 'satisfied', code };
}

function added(
  { single = false, force = false }: OperationOptions,
  row: Row,
  before: PairTruth,
  switches: Switches,
): Word {
  const passesAll = force && switches['forced-add'] === 'passes-all';
  if (!passesAll && row.from === FORBIDDEN) return failed(30009);
  if (!passesAll && row.to === CROSS.account && CROSS.blocked.includes(row.from)) return failed(30525);
  if (before.forward) {
    if (single || before.reverse) return { status: 'satisfied', code: 30001 };
    return switches['add-both-over-one-way'] === 'exists' ? failed(30001) : OK;
  }
  if (single && switches['one-way-add'] === 'succeeds') return OK;
  if (row.to === CLOSED) return passesAll ? OK : failed(30516);
  const asks = row.to === CAREFUL || switches['default-allow-type'] === 'need-confirm';
  if (!asks || force) return OK;
  return { status: 'pending', code: before.pending && switches['repeat-add-pending'] === 'ok' ? 0 : 30539 };
}

/** Runs in which every reading of every switch comes at least once. */
export function diagonal(switches: Factors): Run[] {
  const most = Math.max(...Object.values(switches).map((readings) => readings.length));
  return Array.from({ length: most }, (_, n) =>
    Object.fromEntries(
      Object.entries(switches).map(([name, readings]) => [name, readings[n % readings.length] as string]),
    ),
  );
}
