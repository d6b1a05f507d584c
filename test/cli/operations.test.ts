/**
 * The commands of the operations: which options each has, what they make of an input before anything is sent, and which
 * words and exit code a wrong call gets.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { wordsOf } from '../../src/cli/command-words.ts';
import { createProgram } from '../../src/cli/program.ts';
import type { OperationName } from '../../src/domain/operation.ts';
import { COMPRESSED_LIMIT, type Workplace, workplace } from '../support/command.ts';
import { type TestSimulator, testSimulator } from '../support/simulator.ts';

function commandOf(operation: OperationName): Command {
  return wordsOf(operation).reduce(
    (command, word) => {
      const found = command.commands.find((child) => child.name() === word);
      if (found === undefined) throw new Error(`${command.name()} has no ${word}`);
      return found;
    },
    createProgram('', () => {}),
  );
}

/** Options that some operations have and others do not. */
const OWN = new Set(['preflight', 'no-verify', 'type', 'expect', 'single', 'force', 'both', 'tags']);

test.each<[OperationName, string[]]>([
  ['check', ['type', 'expect']],
  ['import', ['preflight', 'no-verify']],
  ['add', ['preflight', 'no-verify', 'single', 'force']],
  ['update', ['preflight']],
  ['delete', ['preflight', 'no-verify', 'both']],
  ['delete-all', ['both']],
  ['get', []],
  ['get-list', ['tags']],
  ['accounts-check', []],
  ['accounts-import', ['no-verify']],
])('%s has its options and no others', (operation, expected) => {
  const names = commandOf(operation).options.map(({ long }) => (long as string).slice(2));
  expect(names.filter((name) => OWN.has(name)).toSorted()).toEqual(expected.toSorted());
  expect(names).toEqual(expect.arrayContaining(['out', 'rejects', 'dry-run', 'detach', 'json', 'idempotency-key']));
});

test('the help of delete-all says what it destroys, and how to keep it', () => {
  let text = '';
  commandOf('delete-all')
    .configureOutput({ writeOut: (part) => (text += part) })
    .outputHelp();
  expect(text).toContain('empties whole lists for good');
  expect(text.replaceAll('\n', ' ')).toContain('What get reads of them before can be imported again');
});

describe('on the command line', () => {
  let simulator: TestSimulator;
  let place: Workplace;

  beforeAll(async () => {
    simulator = await testSimulator({ ...COMPRESSED_LIMIT });
    place = workplace(simulator);
    const files: Record<string, string> = {
      'pairs.csv': 'from,to\nann,bob\nann,cem\nbob,ann\n',
      'updates.csv': 'from,to,remark,group,custom.Ext\nann,bob,Bobby,a|b,\nann,cem,,,x\nbob,ann,,,\n',
      'accounts.csv': 'account,nick,faceUrl\nann,Ann,https://example.com/a.png\nbob,,\ncem,Cem,cem.png\n',
      'ids.txt': 'u1\nu2\nu3\n',
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(place.dir, name), text);
  });
  afterAll(async () => {
    await place.remove();
    await simulator.close();
  });

  test.each<[line: string, planned: { rows: number; accepted: number; calls: number; rate: number }, code: number]>([
    ['update updates.csv', { rows: 3, accepted: 2, calls: 1, rate: 300 }, 1],
    ['update updates.csv --allow-rejects', { rows: 3, accepted: 2, calls: 1, rate: 300 }, 0],
    ['delete pairs.csv --both --no-verify', { rows: 3, accepted: 3, calls: 2, rate: 300 }, 0],
    ['delete-all ids.txt', { rows: 3, accepted: 3, calls: 3, rate: 300 }, 0],
    ['get ids.txt', { rows: 3, accepted: 3, calls: 3, rate: 300 }, 0],
    ['get-list pairs.csv --tags Tag_SNS_IM_Remark', { rows: 3, accepted: 3, calls: 2, rate: 300 }, 0],
    ['accounts import accounts.csv', { rows: 3, accepted: 2, calls: 1, rate: 150 }, 1],
  ])('befriend %s is planned', async (line, { rows, accepted, calls, rate }, code) => {
    const ran = await place.run(...line.split(' '), '--dry-run', '--json');
    expect(ran.code).toBe(code);
    expect(JSON.parse(ran.stdout)).toMatchObject({
      operation: line.startsWith('accounts') ? 'accounts-import' : line.split(' ')[0],
      state: 'planned',
      totals: { rows, accepted },
      calls: { planned: calls },
      callsPerSecond: rate,
    });
  });

  test('a plan of reading whole lists says that a long one takes more calls', async () => {
    const { stdout } = await place.run('get', 'ids.txt', '--dry-run');
    expect(stdout).toContain('  calls      3 at least: a list of more than about 500 friends takes several\n');
    expect((await place.run('get-list', 'pairs.csv', '--dry-run')).stdout).toContain('  calls      2\n');
  });

  test.each([
    ['check pairs.csv --expect Both', "'--expect <list>' cannot be 'Both'. Expected some of BothWay, AWithB, BWithA"],
    ['check pairs.csv --expect ', "'--expect <list>' cannot be ''"],
    [
      'check pairs.csv --type single --expect AWithB,BothWay,BWithA',
      '--expect BothWay,BWithA with --type single: such a check answers AWithB or NoRelation only.',
    ],
    ['check pairs.csv --detach --expect BothWay', '--detach returns before there are relations: leave --expect'],
    [
      'get-list pairs.csv --tags Remark',
      "'--tags <list>' cannot be 'Remark'. Tags are Tag_SNS_IM_Remark, Tag_SNS_IM_Group,",
    ],
    [
      'get-list pairs.csv --tags Tag_SNS_IM_Bogus',
      "'--tags <list>' cannot be 'Tag_SNS_IM_Bogus'. Tags are Tag_SNS_IM_Remark",
    ],
    ['get-list pairs.csv --tags Tag_SNS_IM_Remark,', "'--tags <list>' cannot be 'Tag_SNS_IM_Remark,'"],
    ['get-list pairs.csv --tags Tag_SNS_Other_X', "'--tags <list>' cannot be"],
    ['get ids.txt --no-verify', "unknown option '--no-verify'"],
    ['delete-all ids.txt --preflight', "unknown option '--preflight'"],
    ['results JOB --relation CheckResult_Type_BothWay', "'--relation <list>' cannot be 'CheckResult_Type_BothWay'"],
    [
      'results JOB --account imported',
      "'--account <list>' cannot be 'imported'. Expected some of Imported, NotImported",
    ],
    ['update pairs.csv', 'pairs.csv, line 1: nothing to update among its 2 columns ("from", "to"). Name the columns'],
    [
      'delete-all pairs.csv',
      'pairs.csv, line 1: pairs among its 2 columns ("from", "to"), and a row of delete-all is one account',
    ],
    ['get pairs.csv', 'and a row of get is one account, not a pair; get-list takes pairs. Remove the column of the'],
    ['accounts import pairs.csv', 'befriend import FILE --dry-run --preflight checks both ends'],
    ['get updates', 'updates: no such file'],
  ])('befriend %s: exit code 2 and what to do, nothing sent', async (line, says) => {
    const { code, stdout, stderr } = await place.run(...line.split(' '));
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(says);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect((await simulator.ledger()).friend_check).toBeUndefined();
  });
});
