/**
 * Dirty files, one kind of dirt each, and what intake must say of them. The tables are run twice: against `prepare`
 * (test/intake/dirty) and against the command (test/cli/dirty.test.ts).
 */
import { BYTES, QUOTES } from './bytes.ts';
import type { Accepts, DirtyCase, Refuses } from './case.ts';
import { COLUMNS } from './columns.ts';
import { FILES, NOTHING } from './files.ts';
import { JSONL } from './json.ts';
import { OPERATIONS_OWN } from './operations.ts';
import { QUOTAS, VALUES } from './values.ts';

const CORPUS = [BYTES, QUOTES, COLUMNS, VALUES, QUOTAS, JSONL, NOTHING, FILES, OPERATIONS_OWN].flat();

/** Read to their end, whatever their rows are. */
export const ACCEPTED = CORPUS.filter((dirty): dirty is DirtyCase<Accepts> => 'totals' in dirty.expect);
/** Refused as a whole. */
export const REFUSED = CORPUS.filter((dirty): dirty is DirtyCase<Refuses> => 'error' in dirty.expect);
