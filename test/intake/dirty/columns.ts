import { type DirtyCase, CHARACTERS, totals } from './case.ts';

export const COLUMNS: DirtyCase[] = [
  {
    name: 'too few and too many columns',
    file: 'ragged.csv',
    bytes: () => 'from,to,remark\na\na,b\na,c,,\na,d,\na,e,x,y,z\n',
    expect: {
      totals: totals(1, 4),
      rejects: [
        [2, 'columns: 1 instead of 3'],
        [3, 'columns: 2 instead of 3'],
        [4, 'columns: 4 instead of 3'],
        [6, 'columns: 5 instead of 3'],
      ],
      pairs: ['a>d'],
    },
  },
  {
    name: 'no header, two columns',
    file: 'bare.csv',
    bytes: () => 'u1,u2\nu3,u4\n',
    expect: { totals: totals(2), rejects: [], pairs: ['u1>u2', 'u3>u4'] },
  },
  {
    name: 'a header of other words',
    file: 'words.csv',
    bytes: () => 'user,friend\nu3,u4\n',
    expect: {
      totals: totals(2),
      rejects: [],
      pairs: ['u3>u4', 'user>friend'],
      warnings: [/line 1: the first record \("user", "friend"\) was read as a row/],
    },
  },
  {
    name: 'no header, three columns',
    file: 'bare-three.csv',
    bytes: () => 'u1,u2,Bob\n',
    expect: { error: 'no-columns', message: /line 1: neither from nor to among its 3 columns .*Name the columns/ },
  },
  {
    name: "the API's names",
    file: 'aliases.csv',
    bytes: () => 'TO_ACCOUNT, from_account ,AddSource,GroupName\nb,a,Web,x|y\n',
    expect: { totals: totals(1), rejects: [], pairs: ['a>b'] },
  },
  {
    name: 'two names of one column',
    file: 'twice.csv',
    bytes: () => 'from,to,From_Account\na,b,c\n',
    expect: { error: 'no-columns', message: /"from" and "From_Account" both mean from\. Remove or rename one/ },
  },
  {
    name: 'unknown columns, some with awkward names',
    file: 'unknown.csv',
    bytes: () => 'from,constructor,to,__proto__,mood\na,1,b,2,3\n',
    expect: {
      totals: totals(1),
      rejects: [],
      pairs: ['a>b'],
      warnings: [/unknown columns are ignored: "constructor", "__proto__", "mood"/],
    },
  },
  {
    name: 'the header again: cat a.csv b.csv',
    file: 'cat.csv',
    bytes: () => 'from,to\na,b\nfrom,to\nc,d\nto,td\n',
    expect: { totals: totals(3, 1), rejects: [[3, 'row: the header again']], pairs: ['a>b', 'c>d', 'to>td'] },
  },
  {
    name: 'the header again, with quotes and a remark',
    file: 'cat-remark.csv',
    bytes: () => 'from,to,remark\na,b,\n"From","To","Remark"\nfrom_account,to_account,remark\nc,d,x\n',
    expect: {
      totals: totals(2, 2),
      rejects: [
        [3, 'row: the header again'],
        [4, 'row: another header'],
      ],
      pairs: ['a>b', 'c>d'],
      warnings: [/line 4 is another header: the rows below it were read in the order of the first/],
    },
  },
  {
    name: 'another header: columns turned round',
    file: 'cat-turned.csv',
    bytes: () => 'from,to\na,b\nTo_Account,From_Account\nd,c\nto,from\n',
    expect: {
      totals: totals(2, 2),
      rejects: [
        [3, 'row: another header'],
        [5, 'row: another header'],
      ],
      pairs: ['a>b', 'd>c'],
      warnings: [/line 3 is another header/],
    },
  },
  {
    name: 'a header below rows without one',
    file: 'cat-bare.csv',
    bytes: () => 'u1,u2\nfrom,to\nu3,u4\n',
    expect: {
      totals: totals(2, 1),
      rejects: [[2, 'row: another header']],
      pairs: ['u1>u2', 'u3>u4'],
      warnings: [/line 2 is another header: the rows below it were read as from and to/],
    },
  },
  {
    name: 'semicolons, as a spreadsheet writes them',
    file: 'semicolon.csv',
    bytes: () => '\ufeff"From";To;Remark\r\na;b;"x;y, z"\r\nc;d;\r\ne;f\r\n',
    expect: { totals: totals(2, 1), rejects: [[4, 'columns: 2 instead of 3']], pairs: ['a>b', 'c>d'] },
  },
  {
    name: 'semicolons without a header',
    file: 'semicolon-bare.csv',
    bytes: () => 'a;b\nc;d\n',
    expect: { error: 'no-columns', message: /among its 1 column \("a;b"\)\. Columns between semicolons are read only/ },
  },
  {
    name: 'tabs',
    file: 'tabs.txt',
    bytes: () => 'from\tto\tremark\na\tb\tx, y\na\tb c\t\na\tb\n',
    expect: {
      totals: totals(1, 2),
      rejects: [
        [3, `to: ${CHARACTERS}`],
        [4, 'columns: 2 instead of 3'],
      ],
      pairs: ['a>b'],
    },
  },
];
