import { gzipSync } from 'node:zlib';
import { type DirtyCase, latin1, numbered, totals } from './case.ts';

export const NOTHING: DirtyCase[] = [
  {
    name: 'an empty file',
    file: 'empty.csv',
    bytes: () => '',
    expect: { totals: totals(0), rejects: [], warnings: [/^0 rows: .*empty\.csv is empty$/] },
  },
  {
    name: 'a header and nothing else',
    file: 'header.csv',
    bytes: () => 'from,to\n\n',
    expect: { totals: totals(0), rejects: [], warnings: [/^0 rows: .*header\.csv holds at most a header/] },
  },
  {
    name: 'nothing but bad rows',
    file: 'all-bad.csv',
    bytes: () => 'from,to\na,a\nb\n',
    expect: {
      totals: totals(0, 2),
      rejects: [
        [2, 'to: same as from'],
        [3, 'columns: 1 instead of 2'],
      ],
      warnings: [/^0 rows accepted: all 2 were rejected, see the reasons/],
    },
  },
];

const packed = () => gzipSync(['from,to', ...numbered(5000, (n) => `a${n},b${n}`)].join('\n'));

export const FILES: DirtyCase[] = [
  {
    name: 'gzip that was cut short',
    file: 'cut.csv.gz',
    bytes: () => packed().subarray(0, -20),
    expect: { error: 'corrupt-gzip', message: /damaged or cut short .*Nothing of it was taken; fetch the file again/ },
  },
  {
    name: 'gzip with a damaged middle',
    file: 'damaged.csv.gz',
    bytes: () => {
      const bytes = packed();
      bytes.fill(0x55, 2000, 2010);
      return bytes;
    },
    expect: { error: 'corrupt-gzip', message: /damaged or cut short/ },
  },
  {
    name: 'gzip with text behind it',
    file: 'joined.csv.gz',
    bytes: () => Buffer.concat([packed(), latin1('c,d\n'.repeat(9))]),
    expect: { error: 'corrupt-gzip', message: /damaged or cut short/ },
  },
  {
    name: 'Parquet cut short that is called .csv',
    file: 'parquet.csv',
    bytes: () => latin1('PAR1\x15\x04\x15'),
    expect: { error: 'unreadable', message: /Parquet file is damaged or cut short/ },
  },
  {
    name: 'zstd cut short that is called .csv',
    file: 'zstd.csv',
    bytes: () => latin1('\x28\xb5\x2f\xfd\x04\0'),
    expect: { error: 'corrupt-zstd', message: /zstd data is damaged or cut short/ },
  },
  ...(
    [
      ['what is called .parquet and is none', 'rows.parquet', 'from,to\na,b\n', /it is no Parquet file/],
      ['a spreadsheet', 'rows.xlsx', 'PK\x03\x04', /spreadsheets are not read: export it as CSV/],
      ['zip', 'rows.zip', 'PK\x03\x04', /zip archives are not read: unpack it/],
      ['tar', 'rows.tar.gz', '', /tar archives are not read: unpack it/],
      ['a spreadsheet that is called .csv', 'sheet.csv', 'PK\x03\x04\x14\0\x06\0', /a zip archive or a spreadsheet/],
      ['an old spreadsheet', 'old-sheet.csv', '\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0', /a spreadsheet \(\.xls\)/],
    ] as const
  ).map(([name, file, head, message]): DirtyCase => ({
    name,
    file,
    bytes: () => latin1(head),
    expect: { error: 'format', message },
  })),
  {
    name: 'a tar archive inside gzip',
    file: 'archive.csv.gz',
    bytes: () => gzipSync(Buffer.concat([Buffer.from('rows.csv'.padEnd(257, '\0')), Buffer.from('ustar\x0000')])),
    expect: { error: 'format', message: /a tar archive: unpack it first/ },
  },
];
