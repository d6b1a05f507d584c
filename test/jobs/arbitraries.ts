import * as fc from 'fast-check';
import type { Fault } from '../../src/domain/fault.ts';
import type { Item } from '../../src/domain/chunk.ts';
import { type Lessons, NO_LESSONS, type OpenItem } from '../../src/jobs/open-items.ts';
import type { Size } from '../../src/jobs/size.ts';
import { items, settlement } from '../domain/arbitraries.ts';

const info = fc.constantFrom('', 'a text of the service');
const code = fc.constantFrom(30006, 30007, 60008);
const maxAttempts = fc.integer({ min: 1, max: 4 });

/** A fault of any kind, as `chat` makes them. */
export const fault: fc.Arbitrary<Fault> = fc.oneof(
  fc
    .record({
      kind: fc.constant('transient' as const),
      curve: fc.constantFrom('internal' as const, 'conflict' as const, 'network' as const, 'security' as const),
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
  fc.record({ kind: fc.constant('unexplained' as const), info, maxAttempts }),
  fc.record({ kind: fc.constant('unknown-code' as const), code, info, maxAttempts }),
);

/** An item that nobody has called yet, but for what is given. */
export const openItem = (index: number, item: Item, given: Partial<OpenItem> = {}): OpenItem => ({
  index,
  item,
  step: 'send',
  attempts: 0,
  unanswered: false,
  answer: null,
  exists: false,
  fault: null,
  times: 0,
  suspect: false,
  ...given,
});

/** Any past of an item that waits to be sent. */
const past = (attempts: number) => ({
  attempts: fc.integer({ min: 0, max: attempts }),
  unanswered: fc.boolean(),
  exists: fc.boolean(),
  fault: fc.option(fault, { nil: null }),
});

/** Any past of an item, whatever it waits for. */
export const anyPast = (attempts: number) =>
  fc.record({
    ...past(attempts),
    times: fc.integer({ min: 0, max: 3 }),
    suspect: fc.boolean(),
    step: fc.constantFrom('send' as const, 'accounts' as const, 'verify' as const),
    // As JSON has it: no -0.
    answer: fc.option(settlement, { nil: null }).map((answer) => JSON.parse(JSON.stringify(answer)) as typeof answer),
  });

const size: fc.Arbitrary<Size> = fc.record({
  atMost: fc.option(fc.integer({ min: 1, max: 500 }), { nil: null }),
  tooMany: fc.option(fc.integer({ min: 2, max: 1000 }), { nil: null }),
  answered: fc.nat(15),
  unanswered: fc.nat(5),
  alone: fc.nat(3),
});

export const lessons: fc.Arbitrary<Lessons> = fc
  .record({
    fromExists: fc.boolean(),
    sizes: fc.record({ send: size, accounts: size, verify: size }),
    lookups: fc.integer({ min: 0, max: 4 }),
  })
  .map((learned) => ({ ...NO_LESSONS, ...learned }));

/** The items of a claimed chunk: some of them settled already, the rest with any past. */
export const openItemsBelow = (attempts: number): fc.Arbitrary<OpenItem[]> =>
  items.chain((all) =>
    fc
      .tuple(
        ...all.map((item, index) =>
          fc.record({ ...past(attempts - 1), index: fc.constant(index), item: fc.constant(item), open: fc.boolean() }),
        ),
      )
      .map((states) =>
        states.filter(({ open }) => open).map(({ open: _open, index, item, ...state }) => openItem(index, item, state)),
      ),
  );
