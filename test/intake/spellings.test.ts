import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { Spellings } from '../../src/intake/spellings.ts';

function found(ids: readonly string[]): string[] {
  const spellings = new Spellings();
  for (const id of ids) spellings.id(id);
  return spellings.warnings();
}

it('warns of what was spelled otherwise, with the first examples', () => {
  const [warning, ...more] = found(['Ann', 'Bob', 'CEM', 'Dee', 'ann', 'bob', 'bob', 'cem', 'dee']);
  expect(warning).toContain('(e.g. "ann", "bob", "cem")');
  expect(more).toEqual([]);
});

it('finds two spellings in capitals, and one that comes before its capitals as soon as it comes again', () => {
  expect(found(['BOB', 'Bob'])).toHaveLength(1);
  expect(found(['bob', 'Bob', 'bob'])).toHaveLength(1);
});

it('never warns where every id has one spelling', () => {
  const id = fc.stringMatching(/^[a-zA-Z0-9_-]{1,32}$/);
  fc.assert(
    fc.property(fc.array(id, { maxLength: 60 }), fc.infiniteStream(fc.nat()), (ids, picks) => {
      const one = [...new Map(ids.map((given) => [given.toLowerCase(), given])).values()];
      const used = one.flatMap((given) => [given, one[(picks.next().value as number) % one.length] as string]);
      expect(found(used)).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

it('never warns of a million ids that differ in more than case', () => {
  expect(found(Array.from({ length: 1_000_000 }, (_, n) => `User_${n % 400_000}`))).toEqual([]);
});
