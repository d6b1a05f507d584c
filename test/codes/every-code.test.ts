/**
 * Every code of the service's tables, once as the whole call's ErrorCode and once as an item's ResultCode: its class, how
 * often the row is sent, how it or its job ends, and the command's exit code. Written down from the vendor's pages (Chat
 * API 1047/34348, 34902–34910, 34457), apart from the table in `src/chat`. The befriend, its Redis and the simulator are
 * real; what a code is answered to are imports where nothing else is said.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CODE_ROWS, type CodeClass, rowOfCode } from '../../src/chat/codes.ts';
import { type Bench, type Level, type Must, openBench, type Trial } from './bench.ts';

/** BEFRIEND_ATTEMPTS, by default. */
const ATTEMPTS = 5;

const stops = (sends = 1): Must => ({ sends, end: 'stopped' });
/** Nobody knows what the service says of the call: the last try is not held against the rows. */
const triesAndStops = (sends: number): Must => ({ ...stops(sends), attempts: sends - 1 });
const fails = (sends = 1): Must => ({ sends, end: 'failed' });
/** The write may have been applied: one read tells that it was not. */
const unsure = (sends: number): Must => ({ ...fails(sends), lookups: 1 });

/** Codes that ask for the same. `call`, `item`: class and what must become of a row, by what carries the code. */
interface Line {
  codes: readonly number[];
  call: [CodeClass, Must];
  item: [CodeClass, Must];
}

const both = (asClass: CodeClass, must: Must) =>
  ({ call: [asClass, must], item: [asClass, must] }) satisfies Partial<Line>;

/** 5.1: what any command may answer. */
const PUBLIC: readonly Line[] = [
  // The request is wrong: never again.
  { codes: [60002, 60003, 60015, 70206, 70402, 70404], ...both('request', fails()) },
  // So is every other of the job: path and query are the same.
  { codes: [60009, 60012], call: ['request', stops()], item: ['request', fails()] },
  // Two pages mean two things by them: an account check that failed for the moment, or a wrong signature.
  { codes: [60004, 60005], call: ['unknown', triesAndStops(3)], item: ['unknown', fails(3)] },
  // The check of the signature timed out: one more try.
  { codes: [70017], call: ['unknown', triesAndStops(2)], item: ['unknown', fails(2)] },
  { codes: [60006, 60010, 60016, 60017, 60020, 60021, 60025, 60026, 60027, 60028], ...both('auth', stops()) },
  { codes: [70002, 70003, 70004, 70005, 70006, 70007, 70008, 70009, 70010, 70013, 70014], ...both('auth', stops()) },
  { codes: [70015, 70016, 70018, 70019, 70020, 70051, 70114, 70346, 70347, 70398, 70403], ...both('auth', stops()) },
  { codes: [71000, 72000, 72001, 72002, 72011, 72012, 80005], ...both('auth', stops()) },
  // The service gave up behind its gateway, and three calls of the same body are enough.
  { codes: [60008], ...both('retry', unsure(3)) },
  { codes: [60013, 70169, 70202], ...both('retry', unsure(ATTEMPTS)) },
  { codes: [60014, 70500], ...both('retry', fails(ATTEMPTS)) },
  // Of a whole call it is the admin that is not imported.
  { codes: [70107], call: ['auth', stops()], item: ['account', fails()] },
  { codes: [70399], ...both('account', fails()) },
  // One account is held back for minutes: three tries.
  { codes: [72010], ...both('throttle', fails(3)) },
  // On no page.
  { codes: [60001, 60024, 65535, 69999], call: ['unknown', triesAndStops(3)], item: ['unknown', fails(3)] },
  { codes: [70000, 70100, 76543, 79999], call: ['unknown', triesAndStops(3)], item: ['unknown', fails(3)] },
  { codes: [10018, 50000, 91000], call: ['unknown', triesAndStops(3)], item: ['unknown', fails(3)] },
];

/** 5.2: the friend commands' own. */
const FRIEND: readonly Line[] = [
  { codes: [30001, 30005, 30614, 31804], ...both('request', fails()) },
  // An account, or the app: of a whole call whose accounts are all there, the app. That is asked once.
  { codes: [30002], call: ['auth', { ...stops(2), lookups: 1 }], item: ['account', fails()] },
  { codes: [30003], ...both('account', fails()) },
  { codes: [30004], ...both('auth', stops()) },
  { codes: [30006, 30008], ...both('retry', fails(ATTEMPTS)) },
  { codes: [30007], ...both('retry', unsure(ATTEMPTS)) },
  { codes: [30012, 30014, 30515, 30516, 30525, 31211, 32216], ...both('account', fails()) },
  // So do all others of the same From_Account: they end with the code too, and none is sent again.
  { codes: [30009, 30010, 30013], ...both('account', fails()) },
  // Those that name no new list pass.
  { codes: [30011], ...both('account', fails()) },
  { codes: [38000, 38500, 39000], ...both('account', fails()) },
  // Reserved, explained on no page; or not even listed.
  { codes: [30015, 30021, 30028, 30520], call: ['unknown', triesAndStops(2)], item: ['unknown', fails(2)] },
  {
    codes: [30000, 30029, 33333, 37999, 39001, 39999],
    call: ['unknown', triesAndStops(2)],
    item: ['unknown', fails(2)],
  },
  { codes: [30540, 31707], ...both('throttle', fails(3)) },
  // What they mean for add and delete is below. An import cannot be answered them: final all the same.
  { codes: [30539, 31704], ...both('done', fails()) },
];

/** Those whose cure is in the caller, or whose limit is the whole app's: each has the service for itself. */
const RENEWED = [70001, 70052];
const LEFT_ALONE = 70050;
const TOO_FAST = [60007, 60011, 60018, 60019];

/** They speak of one item, and for good: of a whole call all the same. */
const OF_ITEMS = [30001, 30005, 30011, 30012, 30014, 30515, 30516, 30525, 30614, 31211, 31804, 32216, 38000, 70399];

const LINES = [...PUBLIC, ...FRIEND];

function trialsOf(lines: readonly Line[], level: Level): Trial[] {
  return lines.flatMap((line) => {
    const [, must] = level === 'envelope' ? line.call : line.item;
    return line.codes.map((code): Trial => ({ ...must, code, level }));
  });
}

const of = (level: Level, codes: readonly number[], more: Omit<Trial, 'code' | 'level'>): Trial[] =>
  codes.map((code) => ({ code, level, ...more }));

describe('the class of a code', () => {
  test.each(LINES)('is what the pages say: $codes', ({ codes, call, item }) => {
    for (const code of codes) {
      const row = rowOfCode(code);
      expect([code, row.class, row.atItem ?? row.class]).toEqual([code, call[0], item[0]]);
    }
  });

  test('a renewable signature, a call too soon and a call too fast have theirs', () => {
    expect([...RENEWED, LEFT_ALONE].map((code) => rowOfCode(code).class)).toEqual(['auth', 'auth', 'auth']);
    expect(TOO_FAST.map((code) => rowOfCode(code).class)).toEqual(TOO_FAST.map(() => 'throttle'));
  });

  test('every code that befriend knows is tried here; of ranges the ends and one between', () => {
    const tried = new Set([...LINES.flatMap(({ codes }) => codes), ...RENEWED, LEFT_ALONE, ...TOO_FAST]);
    const wanted = CODE_ROWS.flatMap(({ codes }) =>
      codes.flatMap((entry) => (typeof entry === 'number' ? [entry] : [...entry])),
    );
    expect(wanted.filter((code) => !tried.has(code))).toEqual([]);
  });
});

describe('a job that is answered it', () => {
  let bench: Bench;

  beforeAll(async () => {
    bench = await openBench();
  });
  afterAll(() => bench.close());

  /** One job a trial, all at once; those that stop go on when the fault is gone. */
  async function expectAsMust(trials: readonly Trial[]): Promise<void> {
    const { became, must } = await bench.run(trials);
    expect(became).toEqual(must);
  }

  test('as an item’s, always', () => expectAsMust(trialsOf(LINES, 'item')));

  test('as the whole call’s, always', () => expectAsMust(trialsOf(LINES, 'envelope')));

  test('once: what may pass passes at the second try', async () => {
    const passing = LINES.flatMap(({ codes, item: [asClass] }) =>
      asClass === 'retry' || asClass === 'unknown' || asClass === 'throttle' ? codes : [],
    );
    const more = { sends: 2, end: 'ok', passesAt: 2 } as const;
    await expectAsMust([...of('item', passing, more), ...of('envelope', passing, more)]);
  });

  test('and has written all the same: a read finds it; without reads it is unknown', async () => {
    const unsureCodes = [60013, 70169, 70202, 30007];
    const more = { sends: ATTEMPTS, applied: true } as const;
    const found = { ...more, end: 'satisfied', lookups: 1 } as const;
    const unread = { ...more, end: 'unknown', options: { noVerify: true } } as const;
    await expectAsMust([...of('item', unsureCodes, found), ...of('envelope', unsureCodes, found)]);
    await expectAsMust([...of('item', unsureCodes, unread), ...of('envelope', unsureCodes, unread)]);
  });

  test('for several rows: parts are tried where one may be the cause', async () => {
    await expectAsMust([
      // Together, then each alone.
      ...of('envelope', [60003, 70206, 70402], { rows: 2, sends: 2, attempts: 1, end: 'failed' }),
      ...of('envelope', OF_ITEMS, { rows: 2, sends: 2, attempts: 1, end: 'failed' }),
      ...of('envelope', [60002, 60015, 70404], { rows: 2, sends: 1, end: 'failed' }),
      // So is what is no failure of the one that is meant.
      ...of('envelope', [31704], { operation: 'delete', rows: 2, sends: 2, attempts: 1, end: 'satisfied' }),
      ...of('envelope', [30539], { operation: 'add', rows: 2, sends: 2, attempts: 1, end: 'pending' }),
      // Of From_Account: of every row of the call.
      ...of('envelope', [30009, 30010, 30013], { rows: 2, sends: 1, end: 'failed' }),
      // Twice together, then alone until three calls have spent an attempt: the one that made them smaller has not.
      ...of('envelope', [60008], { rows: 2, sends: 4, attempts: 3, end: 'failed', lookups: 1 }),
      // Whose account is missing is asked; all are there, so it is said once more and believed.
      ...of('envelope', [30003], { rows: 2, sends: 2, attempts: 1, end: 'failed', lookups: 1 }),
      ...of('envelope', [60020, 60009, 30004, 70107], { rows: 2, sends: 1, end: 'stopped' }),
    ]);
  });

  test('as the whole call’s, of one row: what it means for that row', async () => {
    const exist = (operation: 'import' | 'add') => ({ info: `Err_SNS_Friend${operation}_Friend_Exist`, operation });
    const one = { sends: 1, end: 'satisfied' } as const;
    await expectAsMust([
      ...of('envelope', [30001], { ...one, ...exist('import') }),
      ...of('envelope', [30001], { ...one, ...exist('add'), options: { single: true } }),
      ...of('envelope', [30001], { ...one, ...exist('add'), lookups: 1, end: 'failed' }),
      ...of('envelope', [30539], { operation: 'add', sends: 1, end: 'pending' }),
      ...of('envelope', [31704], { operation: 'delete', ...one }),
    ]);
  });

  test.each(RENEWED)('%d: the signature is renewed once and the call sent again, then the job stops', async (code) => {
    await expectAsMust(of('envelope', [code], { sends: 2, end: 'stopped' }));
    await expectAsMust(of('envelope', [code], { sends: 2, end: 'ok', attempts: 1, passesAt: 2 }));
    await expectAsMust(of('item', [code], { sends: 1, end: 'stopped' }));
  });

  test('70050: nobody calls for a minute, three times; then the job stops', async () => {
    await expectAsMust(of('envelope', [LEFT_ALONE], { sends: 4, end: 'stopped' }));
    await expectAsMust(of('envelope', [LEFT_ALONE], { sends: 3, end: 'ok', attempts: 1, passesAt: 3 }));
    await expectAsMust(of('item', [LEFT_ALONE], { sends: 4, end: 'stopped' }));
  });

  test('too fast: sent again for as long as it is said, and no attempt is spent', async () => {
    const more = { sends: ATTEMPTS + 3, passesAt: ATTEMPTS + 3, end: 'ok', attempts: 1 } as const;
    await expectAsMust(of('item', TOO_FAST, more));
    await expectAsMust(of('envelope', TOO_FAST, more));
  });

  test('by other commands: what their codes mean', async () => {
    const item = (code: number, operation: Trial['operation'], more: Must & Partial<Trial>): Trial => ({
      ...more,
      code,
      level: 'item',
      ...(operation && { operation }),
    });
    const satisfied: Must = { sends: 1, end: 'satisfied' };
    const read = { lookups: 1 };
    const exist = (family: string) => ({ info: `Err_SNS_Friend${family}_Friend_Exist` });
    const ofAdd = [30009, 30010, 30011, 30012, 30014, 30515, 30516, 30525].map((code) => item(code, 'add', fails()));
    await expectAsMust([
      ...ofAdd,
      item(30001, 'import', { ...satisfied, ...exist('Import') }),
      item(30001, 'add', { ...satisfied, ...exist('Add'), options: { single: true } }),
      // That From’s list alone has the entry is no friendship of both: a read tells.
      item(30001, 'add', { ...fails(), ...exist('Add'), ...read, options: {} }),
      item(30001, 'add', { ...fails(), info: 'Err_SNS_FriendAdd_Wording_Too_Long', options: { force: true } }),
      item(30539, 'add', { sends: 1, end: 'pending' }),
      item(30540, 'add', fails(3)),
      item(31704, 'delete', satisfied),
      item(30001, 'delete', { ...satisfied, info: 'Err_SNS_FriendDelete_Not_Friend' }),
      item(31707, 'delete', fails(3)),
      item(30001, 'update', { ...fails(), info: 'Err_SNS_FriendUpdate_Not_Friend' }),
      item(31211, 'get-list', fails()),
      item(30001, 'get-list', { ...fails(), info: 'Err_SNS_FriendGetList_Not_Friend' }),
      item(30006, 'check', fails(ATTEMPTS)),
      item(30003, 'check', fails()),
      // A read that timed out leaves nothing in doubt.
      item(30007, 'check', fails(ATTEMPTS)),
    ]);
    await expectAsMust([
      item(30001, 'add', { ...satisfied, ...exist('Add'), ...read, friends: 'both' }),
      item(31704, 'delete', { ...satisfied, ...read, options: { both: true } }),
      // Words that no page shows: the friend is none, as was wanted.
      item(30001, 'delete', { ...satisfied, ...read, info: 'Err_SNS_FriendDelete_Other' }),
    ]);
    await expectAsMust([
      item(30001, 'delete', { ...fails(), ...read, info: 'Err_SNS_FriendDelete_Other', friends: 'both' }),
      item(31704, 'delete', { ...fails(), ...read, options: { both: true }, friends: 'both' }),
    ]);
  });
});
