import { type DirtyCase, CHARACTERS, ID32, numbered, totals } from './case.ts';

export const VALUES: DirtyCase[] = [
  {
    name: 'ids that are empty, too long, or of other characters',
    file: 'ids.csv',
    bytes: () =>
      [
        'from,to',
        `x,${ID32}`,
        `x,${ID32}a`,
        'x,',
        ',x',
        'x, y',
        'x,y\u00a0',
        'x,用户',
        `x,${'用'.repeat(11)}`,
        'a@b,c',
      ].join('\n'),
    expect: {
      totals: totals(1, 8),
      rejects: [
        [3, 'to: longer than 32 bytes'],
        [4, 'to: empty'],
        [5, 'from: empty'],
        [6, `to: ${CHARACTERS}`],
        [7, `to: ${CHARACTERS}`],
        [8, `to: ${CHARACTERS}`],
        [9, 'to: longer than 32 bytes'],
        [10, `from: ${CHARACTERS}`],
      ],
      pairs: [`x>${ID32}`],
    },
  },
  {
    name: 'ids of many bytes, with --loose-ids',
    file: 'loose.csv',
    looseIds: true,
    bytes: () => `from,to\nx,用户\nx,${'用'.repeat(10)}ab\nx,${'用'.repeat(11)}\nx,a\tb\na@b,c.d\n`,
    expect: {
      totals: totals(3, 2),
      rejects: [
        [4, 'to: longer than 32 bytes'],
        [5, 'to: contains control characters'],
      ],
      pairs: ['a@b>c.d', 'x>用户', `x>${'用'.repeat(10)}ab`].toSorted(),
    },
  },
  {
    name: 'friends of themselves',
    file: 'self.csv',
    bytes: () => 'from,to\na,a\na,b\n"b",b\n',
    expect: {
      totals: totals(1, 2),
      rejects: [
        [2, 'to: same as from'],
        [4, 'to: same as from'],
      ],
      pairs: ['a>b'],
    },
  },
  {
    name: 'duplicates, near and far, of differing fields',
    file: 'duplicates.csv',
    bytes: () =>
      [
        'from,to,remark',
        'a,b,first',
        'a,b,first',
        ...numbered(3000, (n) => `f${n % 70},t${n},`),
        'b,a,',
        'a,b,other',
        '',
      ].join('\n'),
    expect: {
      totals: totals(3002, 0, 2),
      rejects: [
        [3, 'duplicate of line 2'],
        [3005, 'duplicate of line 2'],
      ],
    },
  },
  {
    name: 'ids in two spellings',
    file: 'spellings.csv',
    bytes: () => 'from,to\nBob,ann\ncem,bob\ncem,ANN\nBob,cem\nu1,u2\n',
    expect: {
      totals: totals(5),
      rejects: [],
      warnings: [/more than one spelling of upper and lower case \(e\.g\. .*\)\. Each spelling is sent as it is/],
    },
  },
  {
    name: 'texts beyond their limits',
    file: 'texts.csv',
    bytes: () =>
      [
        'from,to,remark,wording,group',
        `a,b,${'x'.repeat(96)},${'y'.repeat(256)},${'g'.repeat(30)}`,
        `a,c,${'x'.repeat(97)},,`,
        `a,d,${'用'.repeat(33)},,`,
        `a,e,,${'y'.repeat(257)},`,
        `a,f,,,${'g'.repeat(31)}`,
        'a,g,,,x||y',
        `a,h,,,${numbered(33, (n) => `g${n}`).join('|')}`,
      ].join('\n'),
    expect: {
      totals: totals(1, 6),
      rejects: [
        [3, 'remark: longer than 96 bytes'],
        [4, 'remark: longer than 96 bytes'],
        [5, 'wording: longer than 256 bytes'],
        [6, 'group: longer than 30 bytes'],
        [7, 'group: an empty name'],
        [8, 'group: more than 32 lists'],
      ],
      pairs: ['a>b'],
    },
  },
  {
    name: 'sources, times and custom fields that are none',
    file: 'fields.csv',
    bytes: () =>
      [
        'from,to,source,addTime,custom.Ext,custom.much_too_long',
        'a,b,AddSource_Type_Android,1700000000,x,',
        'a,c,AddSource_Type_TooLongWord,,,',
        'a,d,Add Source,,,',
        'a,e,,1700000000000,,',
        'a,f,,yesterday,,',
        `a,g,,,${'x'.repeat(501)},`,
        'a,h,,,,x',
      ].join('\n'),
    expect: {
      totals: totals(1, 6),
      rejects: [
        [3, 'source: not AddSource_Type_ and 1 to 8 letters'],
        [4, 'source: not AddSource_Type_ and 1 to 8 letters'],
        [5, 'addTime: not Unix seconds (milliseconds?)'],
        [6, 'addTime: not Unix seconds'],
        [7, 'custom.Ext: longer than 500 bytes'],
        [8, 'custom.much_too_long: a tag is 1 to 8 letters'],
      ],
      pairs: ['a>b'],
    },
  },
];

export const QUOTAS: DirtyCase[] = [
  {
    name: 'more friends than an account can have',
    file: 'friends.csv',
    bytes: () =>
      [
        'from,to',
        ...numbered(3120, (n) => `hub1,f${n}`),
        ...numbered(3000, (n) => `full,f${n}`),
        ...numbered(3001, (n) => `hub2,f${n}`),
        // Duplicates take no place.
        ...numbered(10, (n) => `full,f${n}`),
        '',
      ].join('\n'),
    expect: {
      totals: totals(9121, 0, 10),
      rejects: numbered(10, String).map((n) => [6122 + 3001 + Number(n), `duplicate of line ${3122 + Number(n)}`]),
      warnings: [
        /^2 accounts have more than 3,000 friends in this input \("hub1" 3,120, "hub2" 3,001\): the service keeps 3,000 and answers 30010 for the rest$/,
      ],
    },
  },
  {
    name: 'more friend lists than an account can have',
    file: 'lists.csv',
    bytes: () =>
      [
        'from,to,group',
        ...['p', 'q', 'r', 's'].flatMap((from) => numbered(40, (n) => `${from},f${n},l${n}|common`)),
        ...numbered(40, (n) => `fits,f${n},l${n % 32}`),
        '',
      ].join('\n'),
    expect: {
      totals: totals(200),
      rejects: [],
      warnings: [
        /^4 accounts have more than 32 friend lists in this input \(e\.g\. "p" 41, "q" 41, "r" 41\): the service keeps 32 and answers 30011 for the rest$/,
      ],
    },
  },
];
