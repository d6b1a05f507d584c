import { type DirtyCase, CHARACTERS, latin1, numbered, totals } from './case.ts';

export const JSONL: DirtyCase[] = [
  {
    name: 'JSON lines: ids that are numbers, and values that are nested',
    file: 'nested.jsonl',
    bytes: () =>
      [
        '{"from":1001,"to":"b"}',
        '{"from":"a","to":1002}',
        '{"from":["a"],"to":"b"}',
        '{"from":{"id":"a"},"to":"b"}',
        '{"from":null,"to":"b"}',
        '{"from":"a","to":true}',
        '{"from":"a","to":"b","remark":{"x":1}}',
        '{"from":"a","to":"b","group":[["x"]]}',
        '{"from":"a","to":"c","custom":[1]}',
        '{"from":"a","to":"ok","remark":null,"mood":{"from":"z"}}',
      ].join('\n'),
    expect: {
      totals: totals(1, 9),
      rejects: [
        [1, 'from: a number; ids are strings, put it in quotes'],
        [2, 'to: a number; ids are strings, put it in quotes'],
        [3, 'from: not a string'],
        [4, 'from: not a string'],
        [5, 'from: empty'],
        [6, 'to: not a string'],
        [7, 'remark: not a string'],
        [8, 'group: not a string'],
        [9, 'custom: not an object of tags and values'],
      ],
      pairs: ['a>ok'],
      warnings: [/unknown columns are ignored: "mood"/],
    },
  },
  {
    name: 'JSON lines: lines that are no objects',
    file: 'lines.ndjson',
    bytes: () => '{"from":"a","to":"b"}\n[]\nnull\n"x"\n7\n{"from":"a"\n{}\n{"from":"a","to":"c"},\nfrom,to\n',
    expect: {
      totals: totals(1, 8),
      rejects: [
        [2, 'row: not a JSON object'],
        [3, 'row: not a JSON object'],
        [4, 'row: not a JSON object'],
        [5, 'row: not a JSON object'],
        [6, 'row: not valid JSON'],
        [7, 'from: empty'],
        [8, 'row: not valid JSON'],
        [9, 'row: not valid JSON'],
      ],
      pairs: ['a>b'],
    },
  },
  {
    name: 'JSON lines: keys given twice',
    file: 'keys.jsonl',
    bytes: () =>
      [
        '{"from":"a","to":"b","from":"c"}',
        '{"from":"a","From_Account":"a","to":"b"}',
        '{"from":"a","to":"b","remark":"x","remark":"y"}',
        '{"from":"a","to":"fr\\u006fm","fr\\u006fm":"c","from":"d"}',
        '{"from":"a","to":"k1","remark":"\\"to\\":\\"from\\"","mood":{"to":1,"from":2}}',
        '{"from":"a","to":"k2","mood":1,"mood":2}',
        `{"from":"a","to":"k3",${numbered(40, (n) => `"x${n}":0`).join()},"to":"k4"}`,
        '{"from":"a","\\u0066rom":"b","to":"k5"}',
        '{"to":"k6","t\\u006F" :"k7","from":"a"}',
        '{"from":"a","to":"k8","\\u0072emark":"\\u0022from\\u0022:","mood":{"\\u0074o":1}}',
      ].join('\n'),
    expect: {
      totals: totals(3, 7),
      rejects: [
        [1, 'from: given twice'],
        [2, 'from: given twice'],
        [3, 'remark: given twice'],
        [4, 'from: given twice'],
        [7, 'to: given twice'],
        [8, 'from: given twice'],
        [9, 'to: given twice'],
      ],
      pairs: ['a>k1', 'a>k2', 'a>k8'],
      warnings: [/unknown columns are ignored: "mood"$/],
    },
  },
  {
    name: 'JSON lines: text that is not UTF-8, and control characters',
    file: 'latin1.jsonl',
    bytes: () =>
      latin1(
        [
          '{"from":"a","to":"b","remark":"J\xf6rg"}',
          '{"from":"a","to":"c","remark":"\0"}',
          '{"from":"a","to":"d","remark":"x\ty"}',
          '{"from":"a","to":"e","remark":"x\\ty"}',
          '{"from":"a","to":"f","remark":"\\ud800"}',
          '{"from":"a\\n","to":"g"}',
        ].join('\n'),
      ),
    expect: {
      totals: totals(1, 5),
      rejects: [
        [1, 'row: not valid UTF-8'],
        [2, 'row: contains a NUL byte'],
        [3, 'row: not valid JSON'],
        [5, 'remark: not valid Unicode'],
        [6, `from: ${CHARACTERS}`],
      ],
      pairs: ['a>e'],
    },
  },
  {
    name: 'JSON in an array',
    file: 'array.json',
    bytes: () => '[{"from":"a","to":"b"}]',
    expect: { error: 'format', message: /a JSON array is not read: write one object a line/ },
  },
  {
    name: 'JSON over several lines',
    file: 'pretty.json',
    bytes: () => '{\n  "from": "a",\n  "to": "b"\n}\n',
    expect: { error: 'format', message: /over several lines is not read: write one object a line/ },
  },
  {
    name: 'JSON lines that are called .csv',
    file: 'json.csv',
    bytes: () => '{"from":"a","to":"b"}\n',
    expect: { error: 'no-columns', message: /It looks like JSON lines: call the file \.jsonl/ },
  },
];
