import { expect, it } from 'vitest';
import { OPERATIONS, type OperationName } from '../../src/domain/operation.ts';
import { columnNamed } from '../../src/intake/columns.ts';
import { checkRow, RawRow } from '../../src/intake/row.ts';

function rowOf(values: Record<string, unknown>, keepsEmpty = false): RawRow {
  const row = new RawRow(keepsEmpty);
  for (const [name, value] of Object.entries(values)) {
    const column = columnNamed(name);
    if (column === null) throw new Error(`no column is called ${name}`);
    row.set(column, value);
  }
  return row;
}

function check(
  values: Record<string, unknown>,
  operation: OperationName = 'import',
  looseIds = false,
  keepsEmpty = false,
) {
  return checkRow(rowOf({ from: 'a', to: 'b', ...values }, keepsEmpty), { operation: OPERATIONS[operation], looseIds });
}

const checkAccount = (values: Record<string, unknown>) =>
  checkRow(rowOf({ account: 'a', ...values }), { operation: OPERATIONS['accounts-import'], looseIds: false });

const id32 = 'x'.repeat(32);

it.each([
  [{ from: '', to: '' }, 'from: empty'],
  [{ to: null }, 'to: empty'],
  [{ from: 7 }, 'from: a number; ids are strings, put it in quotes'],
  [{ to: ['b'] }, 'to: not a string'],
  [{ to: `${id32}x` }, 'to: longer than 32 bytes'],
  [{ to: 'é'.repeat(17) }, 'to: longer than 32 bytes'],
  [{ to: 'é' }, 'to: characters other than a-z A-Z 0-9 _ -'],
  [{ to: ' b' }, 'to: characters other than a-z A-Z 0-9 _ -'],
  [{ to: 'a' }, 'to: same as from'],
  [{ remark: 'é'.repeat(49) }, 'remark: longer than 96 bytes'],
  [{ remark: 5 }, 'remark: not a string'],
  [{ group: 'a||b' }, 'group: an empty name'],
  [{ group: 'x'.repeat(31) }, 'group: longer than 30 bytes'],
  [{ group: Array.from({ length: 33 }, (_, i) => `g${i}`) }, 'group: more than 32 lists'],
  [{ group: { a: 1 } }, 'group: neither a string nor an array of strings'],
  [{ group: [1] }, 'group: not a string'],
  [{ wording: 'x'.repeat(257) }, 'wording: longer than 256 bytes'],
  [{ source: 'TooLongWord' }, 'source: not AddSource_Type_ and 1 to 8 letters'],
  [{ source: 'AddSource_Type_' }, 'source: not AddSource_Type_ and 1 to 8 letters'],
  [{ source: 'Web2' }, 'source: not AddSource_Type_ and 1 to 8 letters'],
  [{ addTime: '2026-01-01' }, 'addTime: not Unix seconds'],
  [{ addTime: 1.5 }, 'addTime: not Unix seconds'],
  [{ addTime: -1 }, 'addTime: not Unix seconds'],
  [{ remarkTime: 1_700_000_000_000 }, 'remarkTime: not Unix seconds (milliseconds?)'],
  [{ 'custom.Tag1': 'x' }, 'custom.Tag1: a tag is 1 to 8 letters'],
  [{ 'custom.Muchtoolong': 'x' }, 'custom.Muchtoolong: a tag is 1 to 8 letters'],
  [{ 'custom.Ext': 'x'.repeat(501) }, 'custom.Ext: longer than 500 bytes'],
  [{ custom: { Ext: 1.5 } }, 'custom.Ext: not an integer; put it in quotes'],
  [{ custom: { Ext: {} } }, 'custom.Ext: not a string'],
  [{ custom: 'x' }, 'custom: not an object of tags and values'],
  [{ custom: { Ext: 'x' }, 'custom.Ext': 'y' }, 'custom.Ext: given twice'],
  [{ remark: '\ud83d' }, 'remark: not valid Unicode'],
  // The first failing reason wins.
  [{ remark: 'x'.repeat(97), group: 'x'.repeat(31), addTime: 'x' }, 'remark: longer than 96 bytes'],
  [{ addTime: 'x', source: '1', wording: 'x'.repeat(257) }, 'wording: longer than 256 bytes'],
])('rejects %j', (values, reason) => {
  expect(check(values)).toEqual({ reason });
});

it.each([
  [{ from: id32, to: 'A-z_09' }, null],
  [{ remark: 'é'.repeat(48) }, { remark: 'é'.repeat(48) }],
  [{ group: 'x|y|x' }, { groups: ['x', 'y'] }],
  [{ group: ['g'.repeat(30)] }, { groups: ['g'.repeat(30)] }],
  [{ source: 'android' }, { source: 'AddSource_Type_android' }],
  [{ source: 'AddSource_Type_Sync' }, { source: 'AddSource_Type_Sync' }],
  [
    { addTime: '0', remarkTime: 4_294_967_295 },
    { remarkTime: 4_294_967_295, addTime: 0 },
  ],
  [{ custom: { Ext: '', B: null, C: -3 } }, { custom: { C: -3 } }],
  [{ remark: '', group: '', addTime: '' }, {}],
])('accepts %j', (values, fields) => {
  const checked = check(values);
  expect('reason' in checked ? checked.reason : (checked.fields ?? {})).toEqual(fields ?? {});
});

it.each([
  [{ nick: 'x'.repeat(501) }, 'nick: longer than 500 bytes'],
  [{ nick: {} }, 'nick: not a string'],
  [{ faceUrl: `https://x/${'y'.repeat(491)}` }, 'faceUrl: longer than 500 bytes'],
  [{ faceUrl: 'https://' }, 'faceUrl: not a URL of http or https'],
  [{ faceUrl: 'data:image/png;base64,x' }, 'faceUrl: not a URL of http or https'],
  [{ faceUrl: '//example.com/x' }, 'faceUrl: not a URL of http or https'],
  [{ nick: 'x'.repeat(501), faceUrl: 'x' }, 'nick: longer than 500 bytes'],
])('rejects an account with %j', (values, reason) => {
  expect(checkAccount(values)).toEqual({ reason });
});

it.each([
  [{ nick: 'é'.repeat(250), faceUrl: `https://x/${'y'.repeat(490)}` }],
  [{ faceUrl: 'http://localhost:8080/用户.png?a=b#c' }],
  [{ nick: ' ' }],
])('accepts an account with %j', (fields) => {
  expect(checkAccount(fields)).toEqual({ from: '', to: 'a', fields });
});

it('takes an account without fields', () => {
  expect(checkAccount({ nick: '', faceUrl: null })).toEqual({ from: '', to: 'a', fields: null });
});

it('keeps an empty value of an update where the input can give one', () => {
  const fields = { remark: '', groups: [], custom: { Ext: '' } };
  expect(check({ remark: '', group: '', 'custom.Ext': '' }, 'update', false, true)).toMatchObject({ fields });
  expect(check({ remark: '', group: [], custom: { Ext: '' } }, 'update', false, true)).toMatchObject({ fields });
  const reason = 'row: nothing to change: no remark, group or custom field';
  expect(check({ remark: '', group: '', 'custom.Ext': '' }, 'update')).toEqual({ reason });
  expect(check({ group: [] }, 'update')).toEqual({ reason });
  expect(check({}, 'update', false, true)).toEqual({ reason });
  expect(check({ group: ['a', ''] }, 'update', false, true)).toEqual({ reason: 'group: an empty name' });
});

it('takes one list for add', () => {
  expect(check({ group: 'x|y' }, 'add')).toEqual({ reason: 'group: add takes one list' });
  expect(check({ group: 'x|x' }, 'add')).toMatchObject({ fields: { groups: ['x'] } });
});

it('lets ids have any text but control characters when asked to', () => {
  expect(check({ from: 'Zoë "q" \\', to: '用户@x' }, 'check', true)).toMatchObject({ to: '用户@x' });
  for (const to of ['a\tb', 'a\u0000', '\u0085', '\ud800x', '\u007f']) {
    expect(check({ to }, 'check', true)).toEqual({ reason: 'to: contains control characters' });
  }
  expect(check({ to: 'é'.repeat(17) }, 'check', true)).toEqual({ reason: 'to: longer than 32 bytes' });
});
