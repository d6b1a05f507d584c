import { afterAll, expect, it } from 'vitest';
import { makeFolder, reasons, takeFile } from './support.ts';

const folder = makeFolder();
afterAll(folder.remove);

const HEAD = 'from,to,remark\n';
const takeImport = (content: string) => takeFile(folder.next(), content, { operation: 'import' });

const lines = (count: number) => `a,b${count},"${'\n'.repeat(count - 1)}"\n`;
const field = (bytes: number) => `a,b${bytes},"${'x'.repeat(bytes)}"\n`;

it('reads delimiters, doubled quotes and newlines inside quotes, and counts lines on', async () => {
  const taken = await takeImport(
    `${HEAD}"a","b","say ""hi"", then\r\ngo"\r\na,c,5" disk\n"a",d,""\r\na,"e e",x\n"a",f,"last\nline"`,
  );
  expect(taken.rows).toEqual([
    { from: 'a', to: 'b', fields: { remark: 'say "hi", then\r\ngo' } },
    { from: 'a', to: 'c', fields: { remark: '5" disk' } },
    { from: 'a', to: 'd' },
    { from: 'a', to: 'f', fields: { remark: 'last\nline' } },
  ]);
  expect(taken.rejects).toEqual([{ line: 6, reason: 'to: characters other than a-z A-Z 0-9 _ -', row: 'a,"e e",x' }]);
});

it('points at the first line of a record that spans several', async () => {
  const taken = await takeImport(`${HEAD}a,b,"1\n2\n3"\na,"x\ny",r\na,c,d,e\n`);
  expect(taken.rejects).toEqual([
    { line: 5, reason: 'to: characters other than a-z A-Z 0-9 _ -', row: 'a,"x\ny",r' },
    { line: 7, reason: 'columns: 4 instead of 3', row: 'a,c,d,e' },
  ]);
});

it('takes an unclosed quote as one reject and reads on with the next line', async () => {
  const taken = await takeImport(`${HEAD}a,b,"open\na,c,x\na,d,y\n`);
  expect(taken.pairs).toEqual(['a>c', 'a>d']);
  expect(taken.rejects).toEqual([
    { line: 2, reason: 'quote: not closed before the end of the input', row: 'a,b,"open' },
  ]);
});

it('rejects text after a closing quote, and only the line where that quote opens', async () => {
  const taken = await takeImport(`${HEAD}a,b,"x"y\na,c,"open\na,d,r\na,e,"z"\n`);
  expect(taken.pairs).toEqual(['a>d', 'a>e']);
  expect(reasons(taken)).toEqual(['2 quote: text after the closing quote', '3 quote: text after the closing quote']);
});

it('lets a quoted field span 100 lines and no more', async () => {
  const taken = await takeFile(folder.next(), `from,to,x\n${lines(100)}a,c,\n${lines(101)}a,d,\n`);
  expect(taken.pairs).toEqual(['a>b100', 'a>c', 'a>d']);
  // The closing quote stands alone on its line then, and so opens another field.
  expect(reasons(taken)).toEqual([
    '103 quote: not closed within 100 lines',
    '203 quote: not closed before the end of the input',
  ]);
});

it('lets a quoted field span 64 KiB and no more', async () => {
  const taken = await takeFile(folder.next(), `from,to,x\n${field(65_536)}${field(65_537)}a,d,\n`);
  expect(taken.pairs).toEqual(['a>b65536', 'a>d']);
  expect(reasons(taken)).toEqual(['3 quote: not closed within 64 KiB']);
});

it('bounds a record made of many quoted fields, and finds the next line all the same', async () => {
  const wide = `${`"${'x\n'.repeat(50)}",`.repeat(12_000)}\n`;
  const taken = await takeFile(folder.next(), `from,to\n${wide}a,b\n`);
  expect(taken.pairs).toEqual(['a>b']);
  expect(reasons(taken)[0]).toBe('2 row: longer than 1 MiB');
  const { rows, invalid, accepted } = taken.prepared.totals;
  expect(rows).toBe(invalid + accepted);
});

it('reads a file of nothing but opening quotes in reasonable time', async () => {
  const taken = await takeFile(folder.next(), `from,to\n${'a,"b\n'.repeat(20_000)}`);
  expect(taken.prepared.totals.rows).toBeGreaterThan(10_000);
  expect(taken.prepared.totals.accepted).toBe(0);
});
