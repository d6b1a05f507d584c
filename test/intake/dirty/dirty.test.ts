/** Dirty files at the level of intake: what is accepted, what is rejected where and why, what is refused as a whole. */
import { existsSync } from 'node:fs';
import { Readable } from 'node:stream';
import { afterAll, expect, it } from 'vitest';
import { makeFolder, optionsFor, reasons, take, takeFile } from '../support.ts';
import { ACCEPTED, REFUSED } from './corpus.ts';

const folder = makeFolder();
afterAll(folder.remove);

const named = <Case extends { name: string }>(cases: Case[]) => cases.map((dirty) => [dirty.name, dirty] as const);

it.each(named(ACCEPTED))(
  'accepts what is right of %s',
  async (_, { file, bytes, looseIds, operation = 'import', expect: wanted }) => {
    const taken = await takeFile(folder.next(), bytes(), { name: file, operation, looseIds });
    expect(reasons(taken)).toEqual(wanted.rejects.map(([line, reason]) => `${line} ${reason}`));
    expect(taken.prepared.totals).toEqual(wanted.totals);
    expect(taken.pairs).toHaveLength(wanted.totals.accepted);
    expect(wanted.pairs ?? taken.pairs).toEqual(taken.pairs);
    const { warnings = [] } = wanted;
    expect(taken.prepared.warnings).toEqual(warnings.map((pattern) => expect.stringMatching(pattern) as unknown));
  },
);

it.each(named(REFUSED))('refuses %s', async (_, { file, bytes, operation = 'import', expect: wanted }) => {
  const base = folder.next();
  await expect(takeFile(base, bytes(), { name: file, operation })).rejects.toMatchObject({
    name: 'IntakeError',
    code: wanted.error,
    message: expect.stringMatching(wanted.message) as unknown,
  });
  expect(existsSync(optionsFor(base).dir)).toBe(false);
});

it('reads the same from stdin, in pieces of any size', async () => {
  for (const { bytes, looseIds, operation = 'import', expect: wanted } of ACCEPTED.filter(({ file }) =>
    file.endsWith('.csv'),
  )) {
    const content = Buffer.from(bytes());
    const stream = Readable.from(piecesOf(content));
    const taken = await take(folder.next(), { kind: 'stdin', stream, format: 'csv' }, { operation, looseIds });
    expect(reasons(taken)).toEqual(wanted.rejects.map(([line, reason]) => `${line} ${reason}`));
    expect(taken.prepared.totals).toEqual(wanted.totals);
  }
});

function* piecesOf(bytes: Buffer): Generator<Buffer> {
  for (let at = 0, size = 1; at < bytes.length; at += size, size = (size % 4099) + 7)
    yield bytes.subarray(at, at + size);
}

it('takes a line of 100 MB in flat memory', async () => {
  const piece = Buffer.alloc(1 << 20, 'x');
  function* line() {
    yield Buffer.from('from,to\na,b\nc,');
    for (let n = 0; n < 100; n++) yield piece;
    yield Buffer.from('\nd,e\n');
  }
  let most = 0;
  const onProgress = () => (most = Math.max(most, process.memoryUsage().arrayBuffers));
  const before = process.memoryUsage().arrayBuffers;
  const taken = await take(folder.next(), { kind: 'stdin', stream: Readable.from(line()) }, { onProgress });
  expect(reasons(taken)).toEqual(['3 row: longer than 1 MiB']);
  expect(taken.rejects[0]?.row).toBe(`c,${'x'.repeat(1022)}`);
  expect(most - before).toBeLessThan(48 << 20);
});

it('shows of each kind of reject the first lines, as they may stand on a terminal', async () => {
  const rows = ['a,b,first', ...Array.from({ length: 9 }, (_, n) => `q${9 - n},b,x`)];
  const content = ['from,to,remark', ...rows, 'a\x1b[31m\t,b,\u202e', 'c,d', ...rows.toReversed()].join('\n');
  const taken = await takeFile(folder.next(), content, { operation: 'import' });
  expect(taken.prepared.rejects).toEqual({
    count: 12,
    byReason: [
      {
        reason: 'duplicate of an earlier line',
        count: 10,
        examples: [
          { line: 14, text: 'q1,b' },
          { line: 15, text: 'q2,b' },
          { line: 16, text: 'q3,b' },
        ],
      },
      {
        reason: 'from: characters other than a-z A-Z 0-9 _ -',
        count: 1,
        examples: [{ line: 12, text: 'a\\x1b[31m\\t,b,\\u202e' }],
      },
      { reason: 'columns: other than 3', count: 1, examples: [{ line: 13, text: 'c,d' }] },
    ],
  });
});

it('knows few kinds of rejects, whatever the rows hold', async () => {
  const lines = Array.from({ length: 2000 }, (_, n) => `{"from":"a","to":"b${n}","custom.no tag: ${n}: x":"y"}`);
  const taken = await takeFile(folder.next(), lines.join('\n'), { operation: 'import', name: 'in.jsonl' });
  expect(taken.prepared.rejects.byReason).toMatchObject([
    { reason: 'custom.<Tag>: a tag is 1 to 8 letters', count: 2000 },
  ]);
});

it.each(['account', 'UserID', 'From_Account', '"from"'])(
  'takes a header %s in a headerless list of accounts for no account',
  async (name) => {
    for (const end of ['\n', '']) {
      const content = `user1\n${name}\nuser2\nto\n${name}${end}`;
      const taken = await takeFile(folder.next(), content, { operation: 'accounts-check' });
      expect(taken.rows.map(({ to }) => to)).toEqual(['to', 'user1', 'user2']);
      expect(reasons(taken)).toEqual(['2 row: another header', '5 row: another header']);
      expect(taken.prepared.warnings).toEqual([
        'line 2 is another header: the rows below it were read as accounts. Check that they agree',
      ]);
    }
  },
);

it('takes a header again for no account either, whichever way the line is read', async () => {
  for (const end of ['\n', '']) {
    const content = `Account\nuser1\n\ufeffaccount\nuser2\naccounts\naccount${end}`;
    const taken = await takeFile(folder.next(), content, { operation: 'accounts-check' });
    expect(taken.rows.map(({ to }) => to)).toEqual(['accounts', 'user1', 'user2']);
    expect(reasons(taken)).toEqual(['3 row: the header again', '6 row: the header again']);
  }
});
