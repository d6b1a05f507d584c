import * as fc from 'fast-check';
import type { Fields, Item } from '../../src/domain/chunk.ts';
import {
  ACCOUNT_STATUSES,
  groupOutcomes,
  type Relation,
  type ResultEntry,
  type Settlement,
  STATUSES,
} from '../../src/domain/outcome.ts';

/** Ids as they come, and as they should not: quotes, control characters, any plane, names of object members. */
export const id = fc.oneof(
  fc.string({ minLength: 1, maxLength: 12 }),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 8 }),
  fc.constantFrom('__proto__', 'constructor', 'toString', '"', '\\', '\u2028', '\n', 'Ünïcödé', '😀', '0', '-1', '|'),
);

export const relation = fc.constantFrom<Relation>(
  'CheckResult_Type_AWithB',
  'CheckResult_Type_BWithA',
  'CheckResult_Type_BothWay',
  'CheckResult_Type_NoRelation',
);

/** Few different texts, so that items end alike, and with the characters a grouping might trip over. */
const text = fc.oneof(fc.constantFrom('', 'a', 'a|b', 'b', 'undefined', '|'), fc.string({ maxLength: 6 }));

export const settlement: fc.Arbitrary<Settlement> = fc
  .record({
    status: fc.constantFrom(...STATUSES),
    code: fc.constantFrom(0, 30001, 30003, null),
    info: text,
    fault: fc.option(text, { nil: undefined }),
    relation: fc.option(relation, { nil: undefined }),
    account: fc.option(fc.constantFrom(...ACCOUNT_STATUSES), { nil: undefined }),
    data: fc.option(fc.jsonValue({ maxDepth: 1 }), { nil: undefined, freq: 8 }),
  })
  .map(withoutAbsent);

export const fields: fc.Arbitrary<Fields> = fc.record(
  {
    remark: fc.string(),
    remarkTime: fc.nat(),
    groups: fc.uniqueArray(fc.string({ minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 4 }),
    source: fc.constantFrom('AddSource_Type_Web', 'AddSource_Type_App'),
    wording: fc.string(),
    addTime: fc.nat(),
    custom: fc.dictionary(fc.string({ minLength: 1, maxLength: 5 }), fc.oneof(fc.string(), fc.nat())),
  },
  { requiredKeys: [] },
);

export const item: fc.Arbitrary<Item> = fc
  .record({
    to: id,
    rows: fc.constantFrom('forward', 'reverse', 'both'),
    fields: fc.option(fields, { nil: undefined }),
  })
  .map(withoutAbsent);

/** The items of one call: every To once. */
export const items = fc.uniqueArray(item, { selector: ({ to }) => to, minLength: 1, maxLength: 20 });

/** What one record settled. Few settlements among many items, so that groups have several. */
export const settled = fc
  .tuple(items, fc.array(settlement, { minLength: 1, maxLength: 3 }))
  .chain(([all, endings]) => fc.tuple(...all.map((one) => settledItem(fc.constant(one), fc.constantFrom(...endings)))));

function settledItem(of: fc.Arbitrary<Item>, ending: fc.Arbitrary<Settlement>) {
  return fc.record({ item: of, attempts: fc.integer({ min: 0, max: 2 }), settlement: ending });
}

/** An entry of a results stream. Without a From, items are accounts and have one direction. */
export const entry: fc.Arbitrary<ResultEntry> = fc
  .tuple(fc.option(id, { nil: null, freq: 6 }), settled, fc.nat())
  .map(([from, all, chunk]) => ({
    chunk,
    from,
    attempt: 1,
    at: '2026-11-21T10:00:00.000Z',
    outcomes: groupOutcomes(
      from === null ? all.map((one) => ({ ...one, item: { ...one.item, rows: 'forward' as const } })) : all,
    ),
  }));

function withoutAbsent<T extends object>(record: T): T {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as T;
}
