import { gzipSync } from 'node:zlib';
import { type DirtyCase, CHARACTERS, latin1, numbered, totals, utf16 } from './case.ts';

export const BYTES: DirtyCase[] = [
  {
    name: 'a byte order mark',
    file: 'bom.csv',
    bytes: () => '\ufefffrom,to\na,b\n',
    expect: { totals: totals(1), rejects: [], pairs: ['a>b'] },
  },
  {
    name: 'a byte order mark in the midst, where two files were joined',
    file: 'bom-inside.csv',
    bytes: () => 'from,to\na,b\n\ufefffrom,to\nc,d\n',
    expect: {
      totals: totals(2, 1),
      rejects: [[3, 'row: the header again']],
      pairs: ['a>b', 'c>d'],
    },
  },
  {
    name: 'CRLF',
    file: 'crlf.csv',
    bytes: () => 'from,to\r\na,b\r\n\r\nc,d d\r\ne,f',
    expect: { totals: totals(2, 1), rejects: [[4, `to: ${CHARACTERS}`]], pairs: ['a>b', 'e>f'] },
  },
  {
    name: 'lines that end in CR alone',
    file: 'cr.csv',
    bytes: () => 'from,to\ra,b\rc,d\r',
    expect: { error: 'no-columns', message: /line 1: .* end in CR alone: convert them first \(tr/ },
  },
  {
    name: 'a CR inside lines',
    file: 'cr-inside.csv',
    bytes: () => 'from,to\na,b\rc,d\ne,f\r\r\ng,h\n',
    expect: {
      totals: totals(1, 2),
      rejects: [
        [2, 'columns: 3 instead of 2'],
        [3, `to: ${CHARACTERS}`],
      ],
      pairs: ['g>h'],
    },
  },
  {
    name: 'NUL bytes',
    file: 'nul.csv',
    bytes: () => 'from,to\na,b\0\n\0\0\0\nc,d\n',
    expect: {
      totals: totals(1, 2),
      rejects: [
        [2, 'row: contains a NUL byte'],
        [3, 'row: contains a NUL byte'],
      ],
      pairs: ['c>d'],
    },
  },
  {
    name: 'text that is not UTF-8',
    file: 'latin1.csv',
    bytes: () => latin1('from,to,remark\na,b,J\xf6rg\nc,d,ok\ne,f,\xff\xfe\n'),
    expect: {
      totals: totals(1, 2),
      rejects: [
        [2, 'row: not valid UTF-8'],
        [4, 'row: not valid UTF-8'],
      ],
      pairs: ['c>d'],
    },
  },
  {
    name: 'a header that is not UTF-8',
    file: 'latin1-header.csv',
    bytes: () => latin1('from,to,Gr\xfc\xdfe\na,b,x\n'),
    expect: { error: 'no-columns', message: /line 1: row: not valid UTF-8, so its columns .* iconv/ },
  },
  ...(
    [
      ['little', Buffer.from([0xff, 0xfe]), (text: string) => utf16(text)],
      ['big', Buffer.from([0xfe, 0xff]), (text: string) => utf16(text).swap16()],
    ] as const
  ).flatMap(([end, mark, encode]): DirtyCase[] => [
    {
      name: `UTF-16, ${end} end first`,
      file: `utf16-${end}.csv`,
      bytes: () => Buffer.concat([mark, encode('from,to\na,b\n')]),
      expect: { error: 'format', message: /UTF-16, and text must be UTF-8: iconv/ },
    },
    {
      name: `UTF-16 without a mark, ${end} end first`,
      file: `utf16-${end}-bare.csv`,
      bytes: () => encode('from,to\na,b\n'),
      expect: { error: 'format', message: /UTF-16, and text must be UTF-8: iconv/ },
    },
  ]),
  {
    name: 'empty lines and lines of white space',
    file: 'blank.csv',
    bytes: () => '\n\nfrom,to\n\na,b\n   \n\t\n\n\nc,d\n\n',
    expect: {
      totals: totals(2, 2),
      rejects: [
        [6, 'columns: 1 instead of 2'],
        [7, 'columns: 1 instead of 2'],
      ],
      pairs: ['a>b', 'c>d'],
    },
  },
  {
    name: 'a line of 100 MB',
    file: 'long-line.csv.gz',
    bytes: () =>
      gzipSync(Buffer.concat([latin1('from,to\na,b\nc,'), Buffer.alloc(1e8, 'x'), latin1('\nd,e\n')]), { level: 1 }),
    expect: { totals: totals(2, 1), rejects: [[3, 'row: longer than 1 MiB']], pairs: ['a>b', 'd>e'] },
  },
];

export const QUOTES: DirtyCase[] = [
  {
    name: 'quotes around commas, quotes and newlines',
    file: 'quotes.csv',
    bytes: () => '"from","to",remark\n"a",b,"x, ""y""\nz"\nc,d,\n"e","e",\n',
    expect: { totals: totals(2, 1), rejects: [[5, 'to: same as from']], pairs: ['a>b', 'c>d'] },
  },
  {
    name: 'a quote that is never closed',
    file: 'unclosed.csv',
    bytes: () => 'from,to,remark\na,b,"open\nc,d,ok\ne,f,ok\n',
    expect: {
      totals: totals(2, 1),
      rejects: [[2, 'quote: not closed before the end of the input']],
      pairs: ['c>d', 'e>f'],
    },
  },
  {
    name: 'a quote that is not closed for 100 lines',
    file: 'unclosed-long.csv',
    bytes: () => ['from,to,remark', 'a,b,"open', ...numbered(150, (n) => `c,d${n},`), 'e,f,"x"', ''].join('\n'),
    expect: { totals: totals(151, 1), rejects: [[2, 'quote: not closed within 100 lines']] },
  },
  {
    name: 'text behind a closing quote, and quotes in the midst of a field',
    file: 'stray.csv',
    bytes: () => 'from,to,remark\na,b,"x"y\nc,d,5" nail\ne,f,"z"\n',
    expect: {
      totals: totals(2, 1),
      rejects: [[2, 'quote: text after the closing quote']],
      pairs: ['c>d', 'e>f'],
    },
  },
];
