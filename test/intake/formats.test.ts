import { createHash } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { type Page, readPage, wholeList } from '../../src/chat/page.ts';
import { digestOf } from '../../src/intake/digest.ts';
import { makeFolder, optionsFor, reasons, take, takeFile } from './support.ts';

const folder = makeFolder();
afterAll(folder.remove);

it('takes what a list was read as, each friend with its from in front', async () => {
  const tags = {
    Tag_SNS_IM_Remark: 'Bo "B"',
    Tag_SNS_IM_RemarkTime: 1_690_000_001,
    Tag_SNS_IM_Group: ['Team', 'a b'],
    Tag_SNS_IM_AddSource: 'AddSource_Type_Web',
    Tag_SNS_IM_AddWording: 'hi',
    Tag_SNS_IM_AddTime: 1_690_000_000,
    Tag_SNS_Custom_Ext: 'x1',
    Tag_SNS_Custom_Rank: 7,
  };
  const page = readPage({
    UserDataItem: [
      { To_Account: 'bob', ValueItem: Object.entries(tags).map(([Tag, Value]) => ({ Tag, Value })) },
      { To_Account: 'cem', ValueItem: [] },
    ],
    FriendNum: 2,
    CompleteFlag: 1,
    NextStartIndex: 0,
  });
  const verdict = wholeList([page as Page]);
  const { friends } = ('settlement' in verdict ? verdict.settlement.data : {}) as { friends: { to: string }[] };
  const rows = friends.map((friend) => ({ from: 'ann', ...friend }));
  const taken = await take(folder.next(), { kind: 'rows', rows }, { operation: 'import' });
  expect(taken.prepared.warnings).toEqual([]);
  expect(taken.rows).toEqual([
    {
      from: 'ann',
      to: 'bob',
      fields: {
        remark: 'Bo "B"',
        remarkTime: 1_690_000_001,
        groups: ['Team', 'a b'],
        source: 'AddSource_Type_Web',
        wording: 'hi',
        addTime: 1_690_000_000,
        custom: { Ext: 'x1', Rank: 7 },
      },
    },
    { from: 'ann', to: 'cem' },
  ]);
});

describe('CSV and TSV', () => {
  it('reads a header in any case and order, and ignores other columns with one warning', async () => {
    const taken = await takeFile(folder.next(), 'note,TO,From_Account,mood\nx,b,a,y\nx,c,a,y\n');
    expect(taken.pairs).toEqual(['a>b', 'a>c']);
    expect(taken.prepared.warnings).toEqual(['unknown columns are ignored: "note", "mood"']);
    expect(taken.prepared.totals).toEqual({ rows: 2, invalid: 0, duplicate: 0, accepted: 2 });
  });

  it('reads two columns without a header as from and to', async () => {
    const taken = await takeFile(folder.next(), 'u1,u2\nu3,u4');
    expect(taken.pairs).toEqual(['u1>u2', 'u3>u4']);
    expect(taken.prepared.warnings).toEqual([]);
  });

  it('says so when a first row looks like a header', async () => {
    const taken = await takeFile(folder.next(), 'user,friend\nu3,u4');
    expect(taken.pairs).toEqual(['u3>u4', 'user>friend']);
    expect(taken.prepared.warnings).toEqual([
      'line 1: the first record ("user", "friend") was read as a row: it names neither from nor to. If it is a header, call its columns as docs/formats.md has them; if it is a row, a line above it that names from and to ends this warning',
    ]);
  });

  it('counts physical lines with BOM, CRLF and empty lines; white space is a row, and a bad one', async () => {
    const taken = await takeFile(folder.next(), '\ufefffrom,to\r\na,b\r\n\r\n\r\nc,d d\r\n \r\ne,f\r\n\n');
    expect(taken.pairs).toEqual(['a>b', 'e>f']);
    expect(taken.rejects).toEqual([
      { line: 5, reason: 'to: characters other than a-z A-Z 0-9 _ -', row: 'c,d d' },
      { line: 6, reason: 'columns: 1 instead of 2', row: ' ' },
    ]);
  });

  it('reads every optional column of an import', async () => {
    const head = 'from,to,remark,remarkTime,group,source,wording,addTime,custom.Ext,Tag_SNS_Custom_Lvl';
    const taken = await takeFile(
      folder.next(),
      `${head}\na,b,"Ann, B",1700000000,Team|Close,Sync,hi,1690000000,x1,7\na,c,,,,,,,,\n`,
      { operation: 'import' },
    );
    expect(taken.rejects).toEqual([]);
    expect(taken.rows).toEqual([
      {
        from: 'a',
        to: 'b',
        fields: {
          remark: 'Ann, B',
          groups: ['Team', 'Close'],
          wording: 'hi',
          source: 'AddSource_Type_Sync',
          remarkTime: 1_700_000_000,
          addTime: 1_690_000_000,
          custom: { Ext: 'x1', Lvl: '7' },
        },
      },
      { from: 'a', to: 'c' },
    ]);
  });

  it('ignores columns that the operation does not take, with a warning', async () => {
    const taken = await takeFile(folder.next(), `from,to,remark\na,b,${'x'.repeat(200)}\n`);
    expect(taken.rows).toEqual([{ from: 'a', to: 'b' }]);
    expect(taken.prepared.warnings).toEqual(['columns that check does not take are ignored: "remark"']);
  });

  it('reads TSV by name and by look', async () => {
    expect((await takeFile(folder.next(), 'from\tto\na\tb\n', { name: 'x.tsv' })).pairs).toEqual(['a>b']);
    expect((await takeFile(folder.next(), 'from\tto\na\tb\n', { name: 'x.data' })).pairs).toEqual(['a>b']);
  });

  it.each([
    ['from,friend\na,b\n', /line 1: no to among its 2 columns \("from", "friend"\)/],
    ['a,b,c\n', /line 1: neither from nor to among its 3 columns/],
    ['\n\nonly\n', /line 3: neither from nor to among its 1 column /],
    ['from,to,From_Account\n', /line 1: the columns "from" and "From_Account" both mean from/],
    [Buffer.from('f\0r\0', 'latin1'), /line 1: row: contains a NUL byte.*UTF-8/],
    ['"from,to\na,b\n', /line 1: quote: not closed/],
  ])('refuses a file without usable columns: %j', async (content, message) => {
    const base = folder.next();
    await expect(takeFile(base, content)).rejects.toMatchObject({
      name: 'IntakeError',
      code: 'no-columns',
      message: expect.stringMatching(message) as unknown,
    });
    expect(existsSync(optionsFor(base).dir)).toBe(false);
  });
});

describe('dirty bytes', () => {
  it('rejects lines that are no text and goes on', async () => {
    const content = Buffer.concat([
      Buffer.from('from,to,x\na,b,\xc3\xbc\n', 'latin1'),
      Buffer.from('a,c,\xff\n', 'latin1'),
      Buffer.from('a,d,\0\n', 'latin1'),
      Buffer.from('a,e,ok\na,f,\xc3', 'latin1'),
    ]);
    const taken = await takeFile(folder.next(), content);
    expect(taken.pairs).toEqual(['a>b', 'a>e']);
    expect(reasons(taken)).toEqual(['3 row: not valid UTF-8', '4 row: contains a NUL byte', '6 row: not valid UTF-8']);
  });

  it('rejects lines beyond 1 MiB without holding them, and keeps 1 KiB of their text', async () => {
    const long = `a,${'é'.repeat(3 << 20)}`;
    const taken = await takeFile(folder.next(), `from,to\n${long}\na,b\n${long}`);
    expect(taken.pairs).toEqual(['a>b']);
    expect(reasons(taken)).toEqual(['2 row: longer than 1 MiB', '4 row: longer than 1 MiB']);
    expect(taken.rejects[0]?.row).toBe(`a,${'é'.repeat(511)}`);
  });
});

describe('JSON lines', () => {
  it('reads both sets of names, groups and custom fields in each notation', async () => {
    const lines = [
      { from: 'a', to: 'b', group: 'x|y', custom: { Ext: 'v', Num: 3 }, extra: 1 },
      {
        From_Account: 'a',
        To_Account: 'c',
        GroupName: ['x'],
        AddSource: 'AddSource_Type_Web',
        CustomItem: [{ Tag: 'Tag_SNS_Custom_Ext', Value: 'w' }],
        Tag_SNS_Custom_More: 'z',
      },
      { FROM: 'a', to: 'd', remark: null, group: [], wording: '' },
    ];
    const taken = await takeFile(folder.next(), lines.map((line) => JSON.stringify(line)).join('\n'), {
      name: 'in.jsonl',
      operation: 'import',
    });
    expect(taken.rejects).toEqual([]);
    expect(taken.rows).toEqual([
      { from: 'a', to: 'b', fields: { groups: ['x', 'y'], custom: { Ext: 'v', Num: 3 } } },
      {
        from: 'a',
        to: 'c',
        fields: { groups: ['x'], source: 'AddSource_Type_Web', custom: { Ext: 'w', More: 'z' } },
      },
      { from: 'a', to: 'd' },
    ]);
    expect(taken.prepared.warnings).toEqual(['unknown columns are ignored: "extra"']);
  });

  it('rejects what is no row', async () => {
    const taken = await takeFile(
      folder.next(),
      '{"from":"a","to":"b"}\n{"from":1,"to":"b"}\n[]\nnope\n\n{"from":"a","From_Account":"a","to":"c"}\n{"from":"a"}\n  \n"x"',
      { name: 'in.ndjson' },
    );
    expect(reasons(taken)).toEqual([
      '2 from: a number; ids are strings, put it in quotes',
      '3 row: not a JSON object',
      '4 row: not valid JSON',
      '6 from: given twice',
      '7 to: empty',
      '8 row: not valid JSON',
      '9 row: not a JSON object',
    ]);
    expect(taken.prepared.totals).toEqual({ rows: 8, invalid: 7, duplicate: 0, accepted: 1 });
  });
});

describe('sources', () => {
  const csv = 'from,to\na,b\na,c\n';

  it('unpacks gzip, of several members too, and takes the digest of the file as it is', async () => {
    const base = folder.next();
    const packed = Buffer.concat([gzipSync('from,to\na,b\n'), gzipSync('a,c\n')]);
    const taken = await takeFile(base, packed, { name: 'in.csv.gz' });
    expect(taken.pairs).toEqual(['a>b', 'a>c']);
    expect(taken.prepared.digest).toBe(createHash('sha256').update(packed).digest('hex'));
    expect(await digestOf([`${base}-in.csv.gz`])).toBe(taken.prepared.digest);
  });

  it('refuses damaged gzip as a whole', async () => {
    const packed = gzipSync(csv.repeat(1000));
    await expect(takeFile(folder.next(), packed.subarray(0, packed.length - 12))).rejects.toMatchObject({
      code: 'corrupt-gzip',
    });
  });

  it('reads a stream byte by byte, packed or not', async () => {
    for (const bytes of [Buffer.from(csv), gzipSync(csv)]) {
      const stream = Readable.from([...bytes].map((byte) => Buffer.from([byte])));
      const taken = await take(folder.next(), { kind: 'stdin', stream });
      expect(taken.pairs).toEqual(['a>b', 'a>c']);
      expect(taken.prepared.digest).toBe(createHash('sha256').update(bytes).digest('hex'));
    }
  });

  it('reads rows from code; the n-th row is line n', async () => {
    const loop: Record<string, unknown> = { from: 'a', to: 'z' };
    loop['self'] = loop;
    async function* rows() {
      yield { from: 'a', to: 'b' };
      yield loop as never;
      yield { from: 'a', to: 12n as never };
      yield { from: 'a', to: '\ud800' };
      yield undefined as never;
      yield { from: 'a', to: 'c', remark: 'two\nlines', groups: ['g'] };
    }
    const taken = await take(folder.next(), { kind: 'rows', rows: rows() }, { operation: 'import', looseIds: true });
    expect(reasons(taken)).toEqual([
      '2 row: not valid JSON',
      '3 to: a number; ids are strings, put it in quotes',
      '4 to: contains control characters',
      '5 row: not valid JSON',
    ]);
    expect(taken.rows).toEqual([
      { from: 'a', to: 'b' },
      { from: 'a', to: 'c', fields: { remark: 'two\nlines', groups: ['g'] } },
    ]);
  });

  it.each(['', '\n\n', '\ufeff', 'from,to\n'])('makes an empty spool of an empty input: %j', async (content) => {
    const taken = await takeFile(folder.next(), content);
    expect(taken.prepared.totals).toEqual({ rows: 0, invalid: 0, duplicate: 0, accepted: 0 });
    expect(taken.chunks).toEqual([]);
  });

  it('names what is wrong with a file', async () => {
    const base = folder.next();
    const missing = take(base, { kind: 'file', path: `${base}-none.csv` });
    await expect(missing).rejects.toMatchObject({ code: 'missing', message: expect.stringContaining('none.csv') });
    await expect(take(base, { kind: 'file', path: folder.path })).rejects.toMatchObject({ code: 'directory' });
    await expect(digestOf([folder.path])).rejects.toMatchObject({ code: 'directory' });
    await expect(takeFile(base, '[{}]', { name: 'x.json' })).rejects.toMatchObject({ code: 'format' });
  });

  it('replaces an earlier rejects file, and removes it when nothing is rejected', async () => {
    const base = folder.next();
    const rejectsPath = `${base}.rejects.jsonl`;
    writeFileSync(rejectsPath, 'old\n');
    await takeFile(base, 'from,to\na,a\n', { rejectsPath });
    expect((await takeFile(folder.next(), 'from,to\na,a\n', { rejectsPath })).rejects).toHaveLength(1);
    await takeFile(folder.next(), csv, { rejectsPath });
    expect(existsSync(rejectsPath)).toBe(false);
  });

  it('does not write rejects over the input', async () => {
    const base = folder.next();
    await expect(takeFile(base, csv, { rejectsPath: `${base}-in.csv` })).rejects.toMatchObject({
      code: 'rejects-path',
    });
  });

  it('stops on a signal, while waiting for input too, and leaves nothing', async () => {
    const base = folder.next();
    const stop = new AbortController();
    const stream = new Readable({
      read() {
        this.push(csv.repeat(20_000));
        this.read = () => stop.abort();
      },
    });
    await expect(take(base, { kind: 'stdin', stream }, { signal: stop.signal })).rejects.toMatchObject({
      code: 'aborted',
    });
    expect(existsSync(optionsFor(base).dir)).toBe(false);
    expect(existsSync(optionsFor(base).rejectsPath)).toBe(false);
  });
});
