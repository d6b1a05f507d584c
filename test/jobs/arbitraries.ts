import * as fc from 'fast-check';
import type { Fault } from '../../src/domain/fault.ts';
import type { OpenItem } from '../../src/jobs/settle.ts';
import { items } from '../domain/arbitraries.ts';

const info = fc.constantFrom('', 'a text of the service');
const code = fc.constantFrom(30006, 30007, 60008);
const maxAttempts = fc.integer({ min: 1, max: 4 });

/** A fault of any kind, as `chat` makes them. */
export const fault: fc.Arbitrary<Fault> = fc.oneof(
  fc
    .record({
      kind: fc.constant('transient' as const),
      curve: fc.constantFrom('internal' as const, 'conflict' as const, 'network' as const),
      code: fc.option(code, { nil: null }),
      info,
      answered: fc.boolean(),
      maxAttempts: fc.option(maxAttempts, { nil: undefined }),
    })
    .map(({ maxAttempts: most, ...rest }) => ({ ...rest, ...(most !== undefined && { maxAttempts: most }) })),
  fc.record({ kind: fc.constant('throttled' as const), code, info }),
  fc.record({ kind: fc.constant('credentials' as const), code, info, renewable: fc.boolean() }),
  fc.record({ kind: fc.constant('malformed' as const), code, info }),
  fc.record({ kind: fc.constant('account' as const), code, info }),
  fc.record({ kind: fc.constant('unreadable' as const), info }),
  fc.record({ kind: fc.constant('unknown-code' as const), code, info, maxAttempts }),
);

/** The items of a claimed chunk: some of them settled already, the rest with any past. */
export const openItemsBelow = (attempts: number): fc.Arbitrary<OpenItem[]> =>
  items.chain((all) =>
    fc
      .tuple(
        ...all.map((item, index) =>
          fc.record({
            index: fc.constant(index),
            item: fc.constant(item),
            attempts: fc.integer({ min: 0, max: attempts - 1 }),
            unanswered: fc.boolean(),
            fault: fc.option(fault, { nil: null }),
            open: fc.boolean(),
          }),
        ),
      )
      .map((states) => states.filter(({ open }) => open).map(({ open: _open, ...state }) => state)),
  );
