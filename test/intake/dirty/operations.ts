import { type DirtyCase, CHARACTERS, totals } from './case.ts';

const NOTHING = 'row: nothing to change: no remark, group or custom field';

/** Columns that other operations than `import` have, and inputs that only they refuse. */
export const OPERATIONS_OWN: DirtyCase[] = [
  {
    name: 'accounts with dirty nicknames and pictures',
    file: 'accounts.csv',
    operation: 'accounts-import',
    bytes: () =>
      [
        'UserID,Nick,face,remark',
        'a,Ann,https://example.com/a.png,x',
        `b,${'é'.repeat(251)},,`,
        'c,,ftp://example.com/c.png,',
        'd,,example.com/d.png,',
        `e,,https://example.com/${'x'.repeat(490)},`,
        'f,,https://exa mple.com/,',
        'g,"two\nlines",HTTP://EXAMPLE.COM,',
        'h h,Ann,,',
        'i,,,',
        'a,Other,,',
        '',
      ].join('\n'),
    expect: {
      totals: totals(3, 6, 1),
      rejects: [
        [3, 'nick: longer than 500 bytes'],
        [4, 'faceUrl: not a URL of http or https'],
        [5, 'faceUrl: not a URL of http or https'],
        [6, 'faceUrl: longer than 500 bytes'],
        [7, 'faceUrl: not a URL of http or https'],
        [10, `account: ${CHARACTERS}`],
        [12, 'duplicate of line 2'],
      ],
      pairs: ['null>a', 'null>g', 'null>i'],
      warnings: [/^columns that accounts-import does not take are ignored: "remark"$/],
    },
  },
  {
    name: 'accounts as JSON lines with values that are no text',
    file: 'accounts.jsonl',
    operation: 'accounts-import',
    bytes: () =>
      [
        '{"account":"a","nick":7}',
        '{"account":"b","faceUrl":["https://example.com"]}',
        '{"account":"c","nick":"","faceUrl":""}',
        '{"account":"d","nick":"\\ud83d"}',
        '{"account":"e","nick":"x","Nick":"y"}',
        '{"account":"f","nick":null}',
      ].join('\n'),
    expect: {
      totals: totals(2, 4),
      rejects: [
        [1, 'nick: not a string'],
        [2, 'faceUrl: not a string'],
        [4, 'nick: not valid Unicode'],
        [5, 'nick: given twice'],
      ],
      pairs: ['null>c', 'null>f'],
    },
  },
  {
    name: 'updates without anything to change',
    file: 'update.csv',
    operation: 'update',
    bytes: () => 'from,to,remark,group,custom.Ext,wording\na,b,x,,,\na,c,,,,\na,d,,,,hello\na,e,,,x,\na,f,,l1|l2,,\n',
    expect: {
      totals: totals(3, 2),
      rejects: [
        [3, NOTHING],
        [4, NOTHING],
      ],
      pairs: ['a>b', 'a>e', 'a>f'],
      warnings: [/^columns that update does not take are ignored: "wording"$/],
    },
  },
  {
    name: 'updates as JSON lines, where an empty value is one',
    file: 'update.jsonl',
    operation: 'update',
    bytes: () =>
      [
        '{"from":"a","to":"b","remark":""}',
        '{"from":"a","to":"c","remark":null,"custom":{}}',
        '{"from":"a","to":"d"}',
        '{"from":"a","to":"e","group":[]}',
        '{"from":"a","to":"f","custom":{"Ext":""}}',
        '{"from":"a","to":"g","remark":"","Remark":"x"}',
        '{"from":"a","to":"h","addTime":1700000000}',
        '{"from":"a","to":"i","CustomItem":[{"Tag":"Tag_SNS_IM_Bogus","Value":"x"}]}',
      ].join('\n'),
    expect: {
      totals: totals(3, 5),
      rejects: [
        [2, NOTHING],
        [3, NOTHING],
        [6, 'remark: given twice'],
        [7, NOTHING],
        [8, 'custom.Tag_SNS_IM_Bogus: a tag is 1 to 8 letters'],
      ],
      pairs: ['a>b', 'a>e', 'a>f'],
      warnings: [/^columns that update does not take are ignored: "addTime"$/],
    },
  },
  {
    name: 'updates without a column to change',
    file: 'update-pairs.csv',
    operation: 'update',
    bytes: () => 'from,to,wording\na,b,x\n',
    expect: {
      error: 'no-columns',
      message: /line 1: nothing to update among its 3 columns \("from", "to", "wording"\)\. Name the columns/,
    },
  },
  {
    name: 'updates without a header',
    file: 'update-bare.csv',
    operation: 'update',
    bytes: () => 'a1,b1\na2,b2\n',
    expect: { error: 'no-columns', message: /line 1: nothing to update among its 2 columns \("a1", "b1"\)/ },
  },
  {
    name: 'updates of more friends than an account can have, in more lists',
    file: 'update-many.csv',
    operation: 'update',
    bytes: () => `from,to,group\n${Array.from({ length: 3001 }, (_, n) => `a,f${n},l${n % 33}`).join('\n')}\n`,
    expect: { totals: totals(3001), rejects: [], warnings: [/^1 account has more than 32 friend lists in this input/] },
  },
  {
    name: 'pairs whose whole lists would be emptied',
    file: 'delete-all.csv',
    operation: 'delete-all',
    bytes: () => 'from,to\na,b\n',
    expect: {
      error: 'no-columns',
      message:
        /line 1: pairs among its 2 columns \("from", "to"\), and a row of delete-all is one account, not a pair; delete takes pairs\. Remove the column/,
    },
  },
  {
    name: 'pairs as JSON lines whose whole lists would be emptied',
    file: 'delete-all.jsonl',
    operation: 'delete-all',
    bytes: () => '{"from":"a","to":"b"}\n{"from":"c"}\n{"account":"d","To_Account":"e"}\n',
    expect: {
      totals: totals(1, 2),
      rejects: [
        [1, 'to: a row of delete-all is one account, not a pair; delete takes pairs'],
        [3, 'to: a row of delete-all is one account, not a pair; delete takes pairs'],
      ],
      pairs: ['null>c'],
    },
  },
  {
    name: 'pairs whose accounts would be imported by halves',
    file: 'import-pairs.csv',
    operation: 'accounts-import',
    bytes: () => 'From_Account,To_Account,Nick\na,b,Ann\n',
    expect: {
      error: 'no-columns',
      message: /line 1: pairs among its 3 columns .* is one account, not a pair\. befriend import FILE .* --preflight/,
    },
  },
  {
    name: 'pairs of which lists are to be read',
    file: 'get-pairs.csv',
    operation: 'get',
    bytes: () => 'from;to\na;b\n',
    expect: { error: 'no-columns', message: /a row of get is one account, not a pair; get-list takes pairs\. Remove/ },
  },
  {
    name: 'accounts and nicknames between semicolons without a header',
    file: 'accounts-semicolons.csv',
    operation: 'accounts-import',
    bytes: () => 'a;Ann\nb;Bob\n',
    expect: {
      error: 'no-columns',
      message:
        /line 1: no column of accounts among its 1 column \("a;Ann"\)\. Columns between semicolons are read only/,
    },
  },
  {
    name: 'accounts of letters alone, an id a line',
    file: 'letters.txt',
    operation: 'get',
    bytes: () => 'ann\nbob\ncem\nbob\n',
    expect: {
      totals: totals(3, 0, 1),
      rejects: [[4, 'duplicate of line 2']],
      pairs: ['null>ann', 'null>bob', 'null>cem'],
    },
  },
];
