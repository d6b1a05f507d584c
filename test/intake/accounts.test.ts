/** Rows that are accounts, and the accounts that rows of pairs name. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { afterAll, describe, expect, it, test } from 'vitest';
import { OPERATIONS } from '../../src/domain/operation.ts';
import { accountsOfSpool } from '../../src/intake/accounts.ts';
import { makeFolder, reasons, type Settings, take, takeFile } from './support.ts';

const folder = makeFolder();
afterAll(folder.remove);

const taken = (content: string, settings: Settings = {}) =>
  takeFile(folder.next(), content, { operation: 'accounts-check', ...settings });
const accountsIn = async (...args: Parameters<typeof taken>) => (await taken(...args)).rows.map(({ to }) => to);

describe('an input of accounts to import', () => {
  const FIELDS = { nick: 'Ann, "A"', faceUrl: 'https://example.com/a.png?x=1,2' };

  it.each([
    { what: 'CSV', name: 'in.csv', content: `account,nick,faceUrl\na,"Ann, ""A""","${FIELDS.faceUrl}"\nb,,\n` },
    {
      what: 'the API’s names',
      name: 'in.tsv',
      content: `UserID\tNick\tFaceUrl\na\t"Ann, ""A"""\t${FIELDS.faceUrl}\nb\t\t\n`,
    },
    {
      what: 'JSON lines',
      name: 'in.jsonl',
      content: `${JSON.stringify({ account: 'a', ...FIELDS })}\n{"account":"b"}\n`,
    },
    { what: 'accounts alone', name: 'in.txt', content: 'b2\n', only: 'b2' },
  ])('is $what', async ({ name, content, only }) => {
    const read = await taken(content, { name, operation: 'accounts-import' });
    expect(read.rejects).toEqual([]);
    const both = [
      { from: null, to: 'a', fields: FIELDS },
      { from: null, to: 'b' },
    ];
    expect(read.rows).toEqual(only === undefined ? both : [{ from: null, to: only }]);
  });

  it('is cut by the size of its fields too', async () => {
    const rows = Array.from({ length: 100 }, (_, n) => ({ account: `u${n}`, nick: 'x'.repeat(500) }));
    const settings = { operation: 'accounts-import', bodyCapBytes: 20_000 } as const;
    const { chunks } = await take(folder.next(), { kind: 'rows', rows }, settings);
    expect(chunks.flatMap(({ items }) => items)).toHaveLength(100);
    for (const { items } of chunks) {
      const body = JSON.stringify(OPERATIONS['accounts-import'].request(null, items, {}));
      expect(body.length).toBeLessThanOrEqual(20_000);
    }
    expect(chunks).toHaveLength(3);
  });
});

describe('an input of accounts', () => {
  it.each([
    { what: 'a column account', content: 'account\nb\na\n' },
    { what: 'a column from among others', content: 'note,From_Account,mood\nx,a,y\nx,b,y\n' },
    { what: 'the API’s UserID', content: 'UserID\na\nb\n' },
    { what: 'an account a line without a header', content: '\ufeffa1\r\n\r\nb2\r\n', accounts: ['a1', 'b2'] },
    { what: 'a column from', content: 'From_Account,note\na,x\nb,x\n' },
    { what: 'TSV', content: 'account\tx\na\t1\nb\t2\n', name: 'in.tsv' },
    { what: 'quoted ids', content: 'account\n"a"\n"b"\n' },
    { what: 'JSON lines', content: '{"account":"a"}\n{"from":"b","note":"x"}\n', name: 'in.jsonl' },
  ])('is $what', async ({ content, name = 'in.csv', accounts = ['a', 'b'] }) => {
    const read = await taken(content, { name });
    expect(read.rejects).toEqual([]);
    expect(read.rows).toEqual(accounts.map((to) => ({ from: null, to })));
    expect(read.prepared.accounts).toBe(2);
  });

  it('may come from code', async () => {
    const rows = [{ account: 'b' }, { account: 'a' }];
    expect((await take(folder.next(), { kind: 'rows', rows }, { operation: 'accounts-check' })).rows).toEqual([
      { from: null, to: 'a' },
      { from: null, to: 'b' },
    ]);
  });

  it('is cut into calls of 100 accounts in sorted order, without a From_Account', async () => {
    const ids = Array.from({ length: 250 }, (_, n) => `u${String(n).padStart(3, '0')}`);
    const { chunks } = await taken(`${ids.toReversed().join('\n')}\n`);
    expect(chunks.map(({ from, items }) => [from, items.length])).toEqual([
      [null, 100],
      [null, 100],
      [null, 50],
    ]);
    expect(chunks.flatMap(({ items }) => items.map(({ to }) => to))).toEqual(ids);
  });

  it('accounts for every dirty row by line and reason; duplicates keep the first', async () => {
    const long = 'x'.repeat(33);
    const read = await taken(`account,note\nann,1\n,2\nb b,3\nann,4\n${long},5\nbob\n"ca""t",7\nbob,8\n`);
    expect(read.rows.map(({ to }) => to)).toEqual(['ann', 'bob']);
    expect(reasons(read)).toEqual([
      '3 account: empty',
      '4 account: characters other than a-z A-Z 0-9 _ -',
      '5 duplicate of line 2',
      '6 account: longer than 32 bytes',
      '7 columns: 1 instead of 2',
      '8 account: characters other than a-z A-Z 0-9 _ -',
    ]);
    expect(read.rejects[2]?.row).toBe('ann');
    expect(read.prepared.totals).toEqual({ rows: 8, invalid: 5, duplicate: 1, accepted: 2 });
  });

  it('names what JSON lines lack', async () => {
    const lines = '{"to":"a"}\n{"account":7}\n{"account":"a","from":"b"}\n"a"\n{"account":"a"}\n{"account":"a"}\n';
    const read = await taken(lines, { name: 'in.jsonl' });
    expect(reasons(read)).toEqual([
      '1 to: a row of accounts-check is one account, not a pair',
      '2 account: a number; ids are strings, put it in quotes',
      '3 account: given twice',
      '4 row: not a JSON object',
      '6 duplicate of line 5',
    ]);
    expect(read.rejects.at(-1)?.row).toBe('{"account":"a"}');
    expect(read.prepared.warnings).toEqual([]);
  });

  it.each(['name', 'users', 'User_Name', 'uids', 'from user', 'acount', 'usr_id'])(
    'says so when its first line looks like a header: %s',
    async (name) => {
      const { prepared } = await taken(`${name}\nu1\n`);
      expect(prepared.warnings.filter((text) => !text.startsWith('0 rows'))).toEqual([
        `line 1: the first record ("${name}") was read as a row: it does not name a column of accounts. If it is a ` +
          'header, call its columns as docs/formats.md has them; if it is a row, a line above it that names account ' +
          'ends this warning',
      ]);
    },
  );

  it.each(['ann', 'bob-and-cem', 'Administrator', 'guest_user', 'adam', 'user1', 'x'])(
    'says nothing of a first line that is an account: %s',
    async (id) => {
      const { prepared, rows } = await taken(`${id}\nu7\n`);
      expect({ rows: rows.length, warnings: prepared.warnings }).toEqual({ rows: 2, warnings: [] });
    },
  );

  it.each([
    { content: 'u1,u2\nu3,u4\n', says: 'no column of accounts among its 2 columns ("u1", "u2")' },
    { content: 'to\nu3\n', says: 'no column of accounts among its 1 column ("to")' },
    { content: 'account,from\na,b\n', says: 'both mean account' },
    {
      content: 'from,to\na,b\n',
      says:
        'pairs among its 2 columns ("from", "to"), and a row of accounts-check is one account, not a pair. befriend ' +
        'import FILE --dry-run --preflight checks both ends and lists the accounts that the app lacks in ' +
        'FILE.missing-accounts.txt, which accounts import takes. Or remove the column of the friends',
    },
    { content: 'a;b\nc;d\n', says: 'no column of accounts among its 1 column ("a;b"). Columns between semicolons are' },
    { content: 'a\rb\rc', says: 'among its 1 column ("a\\rb\\rc"). Its lines end in CR alone' },
    { content: '{"account":"a"}\n', says: 'It looks like JSON lines: call the file .jsonl' },
  ])('$content is refused with what to do', async ({ content, says }) => {
    await expect(taken(content)).rejects.toMatchObject({ name: 'IntakeError', code: 'no-columns' });
    await expect(taken(content)).rejects.toThrow(says);
  });

  it('whose first account is no id for a reason of its own is read on', async () => {
    expect(reasons(await taken('a b\nc\n'))).toEqual(['1 account: characters other than a-z A-Z 0-9 _ -']);
  });

  it('of ids with semicolons takes them as they are where that is wanted', async () => {
    expect(await accountsIn('a;b\nc;d\n', { looseIds: true })).toEqual(['a;b', 'c;d']);
  });

  it('of odd ids takes them as they are where that is wanted', async () => {
    expect(await accountsIn('account\n"a,b"\n"say ""hi"""\n😀\n', { looseIds: true })).toEqual([
      'a,b',
      'say "hi"',
      '😀',
    ]);
  });
});

/** Ids that a sort by UTF-16 units and one by bytes order differently, and those that a CSV reader would split. */
const id = fc.oneof(
  fc.constantFrom('a', 'b', 'A', 'from', 'account', 'NULL', '"', ',', 'a b', '😀', '\ufffd', '\uffee'),
  fc.stringMatching(/^[a-d]{1,2}$/),
);
const rows = fc.array(fc.tuple(id, id), { maxLength: 60 });

async function* each(accounts: readonly string[]): AsyncGenerator<string> {
  yield* accounts;
}

test('the accounts of a spool are those of its rows, each once; missing ones are listed, and touch the rows that name them', async () => {
  await fc.assert(
    fc.asyncProperty(rows, fc.func(fc.boolean()), async (pairs, isMissing) => {
      const base = folder.next();
      const source = { kind: 'rows', rows: pairs.map(([from, to]) => ({ from, to })) } as const;
      const { rows: accepted } = await take(base, source, { operation: 'import', looseIds: true });
      const named = new Set(accepted.flatMap(({ from, to }) => [from as string, to]));
      const missing = [...named].filter((account) => isMissing(account));

      const found = await accountsOfSpool(`${base}.spool`, `${base}.work`, { threads: 1 });
      expect(found.count).toBe(named.size);
      const listed = named.size === 0 ? [] : (await take(folder.next(), input(found.path), CHECK)).rows;
      expect(listed.map(({ to }) => to).toSorted()).toEqual([...named].toSorted());

      const path = `${base}.missing`;
      writeFileSync(path, 'of an earlier run\n');
      const touched = accepted.filter(({ from, to }) => missing.includes(from as string) || missing.includes(to));
      expect(await found.writeMissing(each(missing), path)).toEqual({
        missing: missing.length,
        rowsTouched: touched.length,
      });
      const byBytes = missing.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      const written = existsSync(path) ? readFileSync(path, 'utf8') : '';
      expect(written).toBe(byBytes.map((account) => `${account}\n`).join(''));
      await found.remove();
      expect(existsSync(`${base}.work`)).toBe(false);
    }),
    { numRuns: 40 },
  );
});

const CHECK: Settings = { operation: 'accounts-check', looseIds: true };
const input = (path: string) => ({ kind: 'file', path, format: 'jsonl' }) as const;

test('rows of accounts that need several chunks are each counted once', async () => {
  const base = folder.next();
  const lines = Array.from({ length: 2500 }, (_, n) => `hub,leaf${n}`);
  await takeFile(base, `from,to\n${lines.join('\n')}\nleaf1,hub\nleaf2,leaf3\n`, { operation: 'import' });
  const found = await accountsOfSpool(`${base}.spool`, `${base}.work`, { threads: 1 });
  expect(found.count).toBe(2501);
  expect(await found.writeMissing(each(['hub']), `${base}.missing`)).toEqual({ missing: 1, rowsTouched: 2501 });
  expect(await found.writeMissing(each(['leaf3', 'leaf1']), `${base}.missing`)).toEqual({ missing: 2, rowsTouched: 4 });
  await found.remove();
});
