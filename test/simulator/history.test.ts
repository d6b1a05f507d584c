import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { History } from '../../src/simulator/history.ts';
import { World } from '../../src/simulator/state.ts';

const LAG = 300;
const step = fc.record({
  after: fc.integer({ min: 0, max: 200 }),
  from: fc.constantFrom('a', 'b'),
  to: fc.constantFrom('x', 'y', 'z'),
  does: fc.constantFrom('write', 'delete', 'read'),
  custom: fc.boolean(),
});

/** A world with a clock of microseconds, and a copy of its lists from after every step. */
function watched() {
  const world = new World(true);
  let now = 0;
  world.history = new History(LAG, () => now);
  const picture = () =>
    Object.fromEntries(
      ['a', 'b'].map((id) => {
        const { friends, standardSequence, customSequence } = world.account(id);
        return [id, { entries: sourcesOf(friends), standardSequence, customSequence }];
      }),
    );
  const pictures = [{ at: -Infinity, lists: picture() }];
  return {
    world,
    pass: (us: number) => (now += us),
    note: () => pictures.push({ at: now, lists: picture() }),
    /** What was true a lag ago. */
    before: () => pictures.findLast(({ at }) => at <= now - LAG)?.lists,
  };
}

function sourcesOf(friends: ReadonlyMap<{ id: string }, { source: string }>): Record<string, string> {
  return Object.fromEntries([...friends].map(([{ id }, { source }]) => [id, source]));
}

describe('reads that lag', () => {
  test('see every list as it truly was a lag ago, whatever was written since', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { world, pass, note, before } = watched();
        steps.forEach(({ after, from, to, does, custom }, n) => {
          pass(after);
          const [a, b] = [world.account(from), world.account(to)];
          const more = custom ? { custom: { Tag_SNS_Custom_Ext: n } } : null;
          if (does === 'write') world.befriend(a, b, { addTime: 0, source: `write ${n}`, more });
          if (does === 'delete' && a.friends.has(b)) world.unfriend(a, b);
          note();
          for (const id of ['a', 'b']) {
            const { friends, standardSequence, customSequence } = world.seen(world.account(id));
            const entries = sourcesOf(friends);
            expect({ entries, standardSequence, customSequence }).toEqual(before()?.[id]);
            const singly = ['x', 'y', 'z'].flatMap((other) => {
              const seen = world.seenEntry(world.account(id), world.account(other));
              return seen ? [[other, seen.source]] : [];
            });
            expect(Object.fromEntries(singly)).toEqual(entries);
          }
        });
      }),
    );
  });

  test('entries that were seeded are seen at once', () => {
    const { world } = watched();
    const [a, b] = [world.account('a'), world.account('b')];
    world.seed(a, b, { addTime: 0, source: 'seed', more: null });
    expect(world.seenEntry(a, b)?.source).toBe('seed');
    expect(world.seen(a).friends.size).toBe(1);
  });
});
