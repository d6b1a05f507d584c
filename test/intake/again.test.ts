/** Rows of a job that is over as an input: exactly the chosen rows, with what their spool knows of them. */
import * as fc from 'fast-check';
import { existsSync, mkdirSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import type { RowName } from '../../src/intake/again.ts';
import { SpoolWriter } from '../../src/intake/spool-writer.ts';
import { makeFolder, optionsFor, take } from './support.ts';

const folder = makeFolder();
afterAll(folder.remove);

async function* each<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items;
}

const again = (spool: string, chosen: Iterable<RowName>) => ({ kind: 'again' as const, spool, chosen: each(chosen) });

const rowOf = fc.record({
  from: fc.stringMatching(/^[a-dB]{1,2}$/),
  to: fc.stringMatching(/^[x-z\-_Z]{1,3}$/),
  remark: fc.option(
    fc.string({ unit: fc.constantFrom('a', 'é', '\t', '"', '\n', '\\', '用'), minLength: 1, maxLength: 6 }),
  ),
  groups: fc.option(fc.uniqueArray(fc.stringMatching(/^[a-z]{1,4}$/), { minLength: 1, maxLength: 3 })),
  chosen: fc.boolean(),
});

describe('rows run again', () => {
  it('are exactly the chosen ones, with their fields, whatever else the spool holds', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(rowOf, { maxLength: 60 }), fc.nat(), async (given, order) => {
        const rows = given.map(({ from, to, remark, groups }) => ({
          from,
          to,
          ...(remark !== null && { remark }),
          ...(groups !== null && { groups }),
        }));
        const parent = folder.next();
        const first = await take(parent, { kind: 'rows', rows }, { operation: 'import' });
        // Of equal pairs the first row counts.
        const wanted = new Set<string>();
        const seen = new Set<string>();
        for (const { from, to, chosen } of given) {
          const pair = `${from}>${to}`;
          if (!seen.has(pair) && chosen) wanted.add(pair);
          seen.add(pair);
        }
        const expected = first.rows.filter(({ from, to }) => wanted.has(`${from}>${to}`));
        const turned = order % 2 === 0 ? expected : expected.toReversed();
        const child = folder.next();
        const {
          prepared,
          rows: found,
          rejects,
        } = await take(child, again(`${parent}.spool`, turned), {
          operation: 'import',
        });
        expect(found).toEqual(expected);
        expect(rejects).toEqual([]);
        expect(prepared.totals).toEqual({
          rows: expected.length,
          invalid: 0,
          duplicate: 0,
          accepted: expected.length,
        });
      }),
      { numRuns: 40 },
    );
  });

  it('can run again in turn', async () => {
    const rows = Array.from({ length: 3000 }, (_, n) => ({ from: `a${n % 7}`, to: `b${n}`, remark: `row ${n}` }));
    const parent = folder.next();
    await take(parent, { kind: 'rows', rows }, { operation: 'import' });
    const chosen = rows.filter((_, n) => n % 3 === 0);
    const child = folder.next();
    await take(child, again(`${parent}.spool`, chosen), { operation: 'import' });
    const last = rows.filter((_, n) => n % 9 === 0);
    const { rows: found } = await take(folder.next(), again(`${child}.spool`, last), { operation: 'import' });
    expect(found.map(({ to, fields }) => [to, fields?.remark]).toSorted()).toEqual(
      last.map(({ to, remark }) => [to, remark]).toSorted(),
    );
  });

  it('come out of items of either direction, each as the row it was', async () => {
    const dir = `${folder.next()}.spool`;
    mkdirSync(dir);
    const writer = await SpoolWriter.create(dir);
    writer.add(
      {
        from: 'hub',
        items: [
          { to: 'a', rows: 'both' },
          { to: 'b', rows: 'reverse' },
          { to: 'c', rows: 'forward' },
        ],
      },
      0,
    );
    await writer.commit({
      version: 2,
      kind: 'file',
      operation: 'check',
      options: {},
      totals: { rows: 4, invalid: 0, duplicate: 0, accepted: 4 },
      accounts: 3,
      digest: '',
      warnings: [],
      rejects: { count: 0, byReason: [] },
    });
    await writer.close();
    const chosen = [
      { from: 'a', to: 'hub' },
      { from: 'b', to: 'hub' },
      { from: 'hub', to: 'c' },
    ];
    const { pairs } = await take(folder.next(), again(dir, chosen));
    expect(pairs).toEqual(['a>hub', 'b>hub', 'hub>c']);
  });

  it('may be accounts', async () => {
    const rows = ['ann', 'bob', 'cem'].map((account) => ({ account }));
    const parent = folder.next();
    await take(parent, { kind: 'rows', rows }, { operation: 'accounts-check' });
    const chosen = [
      { from: null, to: 'cem' },
      { from: null, to: 'ann' },
    ];
    const { chunks } = await take(folder.next(), again(`${parent}.spool`, chosen), { operation: 'accounts-check' });
    expect(chunks).toEqual([{ from: null, items: ['ann', 'cem'].map((to) => ({ to, rows: 'forward' })) }]);
  });

  it('may be accounts with fields, and updates that empty some', async () => {
    const accounts = ['ann', 'bob'].map((account) => ({
      account,
      nick: `the "${account}"`,
      faceUrl: `https://x/${account}`,
    }));
    const first = folder.next();
    await take(first, { kind: 'rows', rows: accounts }, { operation: 'accounts-import' });
    const bob = await take(folder.next(), again(`${first}.spool`, [{ from: null, to: 'bob' }]), {
      operation: 'accounts-import',
    });
    expect(bob.rows).toEqual([{ from: null, to: 'bob', fields: { nick: 'the "bob"', faceUrl: 'https://x/bob' } }]);

    const updates = ['x', 'y'].map((to) => ({ from: 'a', to, remark: '', groups: [], custom: { Ext: '' } }));
    const second = folder.next();
    await take(second, { kind: 'rows', rows: updates }, { operation: 'update' });
    const y = await take(folder.next(), again(`${second}.spool`, [{ from: 'a', to: 'y' }]), { operation: 'update' });
    expect(y.rows).toEqual([{ from: 'a', to: 'y', fields: { remark: '', groups: [], custom: { Ext: '' } } }]);
  });

  it('none chosen: an empty spool, and the parent’s is not read', async () => {
    const { prepared } = await take(folder.next(), again('/no/such/spool', []));
    expect(prepared).toMatchObject({ chunks: 0, totals: { rows: 0, accepted: 0 } });
  });

  it.each([
    [
      'a row that the spool does not have',
      [
        { from: 'a', to: 'b' },
        { from: 'a', to: 'z' },
      ],
    ],
    [
      'a row that is named twice',
      [
        { from: 'a', to: 'b' },
        { from: 'a', to: 'b' },
      ],
    ],
  ])('%s is an error, and nothing is left over', async (_, chosen) => {
    const parent = folder.next();
    await take(parent, { kind: 'rows', rows: [{ from: 'a', to: 'b' }] });
    const child = folder.next();
    const taking = take(child, again(`${parent}.spool`, chosen));
    await expect(taking).rejects.toMatchObject({ name: 'IntakeError', code: 'spool-damaged' });
    await expect(taking).rejects.toThrow('do not belong together');
    expect(existsSync(optionsFor(child).dir)).toBe(false);
  });
});
