import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { makeUserSig } from '../../src/chat/usersig.ts';
import type * as SimulatorRoom from '../../src/simulator/index.ts';
import { testSimulator, type Pair, type TestSimulator } from '../support/simulator.ts';
import { accounts, adding, check, codes, deleting, getting, many, updating, type Envelope } from './service-support.ts';

let simulator: TestSimulator;
beforeAll(async () => {
  simulator = await testSimulator({ serviceTimeMs: { read: 0, write: 0 } });
});
afterAll(() => simulator.close());
beforeEach(() => simulator.reset());

function urlOf(command: string): string {
  const { baseUrl, sdkappid, admin, key } = simulator;
  const now = Math.floor(Date.now() / 1000);
  const usersig = makeUserSig({ sdkappid, key, identifier: admin, expire: 3600, now });
  const query = `sdkappid=${sdkappid}&identifier=${admin}&usersig=${usersig}&random=1&contenttype=json`;
  const service = command.startsWith('friend_') ? 'sns' : 'im_open_login_svc';
  return `${baseUrl}/v4/${service}/${command}?${query}`;
}

/** One call as a client makes it. Rejects when no whole answer comes. */
async function post(
  command: string,
  body: unknown,
  signal?: AbortSignal,
): Promise<{ status: number; text: string; ms: number }> {
  const begun = performance.now();
  const response = await fetch(urlOf(command), { method: 'POST', body: JSON.stringify(body), signal });
  const text = await response.text();
  return { status: response.status, text, ms: performance.now() - begun };
}
const call = async (command: string, body: unknown) => JSON.parse((await post(command, body)).text) as Envelope;

describe('calls', () => {
  test('a list of 1000 is imported and checked', async () => {
    const ids = many(1000);
    expect((await call('friend_import', adding('a', ids))).Fail_Account).toBeUndefined();
    const answer = await call('friend_check', check('a', ids));
    expect(answer.InfoItem?.map((item) => item.To_Account)).toEqual(ids);
    expect(new Set(answer.InfoItem?.map((item) => item.Relation))).toEqual(new Set(['CheckResult_Type_AWithB']));
  });

  test('a list comes, changes, is read and goes', async () => {
    const ids = many(600);
    await call('multiaccount_import', accounts([{ UserID: 'a', Nick: 'Ann' }]));
    await call('friend_import', adding('a', ids));
    const remarks = updating('a', ids.map((to) => [to, { Tag_SNS_IM_Remark: `${to}!` }])); // prettier-ignore
    expect((await call('friend_update', remarks)).Fail_Account).toBeUndefined();
    const pages = [await call('friend_get', getting('a')), await call('friend_get', getting('a', 500))];
    expect(pages.map(({ CompleteFlag }) => CompleteFlag)).toEqual([0, 1]);
    expect(
      pages.flatMap(({ UserDataItem = [] }) =>
        UserDataItem.map(({ ValueItem }) => ValueItem.find(({ Tag }) => Tag === 'Tag_SNS_IM_Remark')?.Value),
      ),
    ).toEqual(ids.map((to) => `${to}!`));
    expect((await call('friend_delete', deleting('a', ids.slice(1), 'Both'))).ErrorInfo).toBe('0');
    expect((await simulator.friends('a')).friends).toMatchObject([{ to: 'many0', remark: 'many0!' }]);
    expect((await call('friend_delete_all', deleting('a'))).ErrorCode).toBe(0);
    expect(await simulator.friends('a')).toMatchObject({ nick: 'Ann', exists: true, friends: [] });
  });

  test('a wrong path is answered with HTTP 200 and 60009', async () => {
    expect(JSON.parse((await post('friend_chek', {})).text)).toMatchObject({ ErrorCode: 60009 });
  });

  test('UserIDs outside ASCII come back as they went', async () => {
    const answer = await call('friend_import', adding('a', ['用户"1\\']));
    expect(answer.ResultItem).toEqual([{ To_Account: '用户"1\\', ResultCode: 0, ResultInfo: '' }]);
    expect((await simulator.friends('a')).friends[0]?.to).toBe('用户"1\\');
  });
});

const applied = async () => (await simulator.friends('a')).friends.length === 1;
const send = () => post('friend_import', adding('a', ['b']));

describe('faults of the connection', () => {
  test('502', async () => {
    await simulator.setFaults({ calls: { badGateway: 1 } });
    expect(await send()).toMatchObject({ status: 502, text: expect.stringContaining('502') as string });
    expect(await applied()).toBe(false);
  });

  test('reset before the service, and after it', async () => {
    await simulator.setFaults({ calls: { resetBefore: 1 } });
    await expect(send()).rejects.toMatchObject({ cause: { code: 'ECONNRESET' } });
    expect(await applied()).toBe(false);
    await simulator.setFaults({ calls: { resetAfter: 1 } });
    await expect(send()).rejects.toMatchObject({ cause: { code: 'ECONNRESET' } });
    expect(await applied()).toBe(true);
    // A call that was cut off has arrived all the same.
    expect(await simulator.arrivals('friend_import')).toHaveLength(2);
  });

  test('a body that breaks off, and one that is no JSON', async () => {
    await simulator.setFaults({ calls: { truncated: 1 } });
    await expect(send()).rejects.toThrow(/terminated/);
    await simulator.setFaults({ calls: { malformed: 1 } });
    const { status, text } = await send();
    expect(status).toBe(200);
    expect(() => JSON.parse(text) as unknown).toThrow(SyntaxError);
    expect(await applied()).toBe(true);
  });

  test('hang and latency hold the answer', async () => {
    await simulator.setFaults({ calls: { hang: 1, hangMs: 200 } });
    expect((await send()).ms).toBeGreaterThanOrEqual(195);
    await simulator.setFaults({ latency: { baseMs: 100, jitterMs: 10 } });
    expect((await send()).ms).toBeGreaterThanOrEqual(85);
  });

  test('a client that gave up a hanging call does no harm', async () => {
    await simulator.setFaults({ calls: { hang: 1, hangMs: 60_000 } });
    const gone = new AbortController();
    const lost = post('friend_import', adding('a', ['b']), gone.signal);
    while (!(await applied())) expect(gone.signal.aborted).toBe(false);
    gone.abort();
    await expect(lost).rejects.toThrow(/abort/);
    await simulator.setFaults('none');
    expect((await call('friend_check', check('a', ['b']))).InfoItem?.[0]?.Relation).toBe('CheckResult_Type_AWithB');
  });

  test('a body above the limit closes the connection', async () => {
    await simulator.reset({ maxBodyBytes: 1000, switches: { 'body-above-limit': 'closed' } });
    await expect(post('friend_check', check('a', many(1000)))).rejects.toMatchObject({ cause: { code: 'ECONNRESET' } });
    expect((await call('friend_check', check('a', ['b']))).ErrorCode).toBe(0);
  });
});

describe('the rate at arrival', () => {
  test('of calls at once, as many pass as the limit says; the meter has seen all', async () => {
    await simulator.reset({ limit: 5, windowMs: 60_000 });
    const answers = await Promise.all(many(8).map((from) => call('friend_check', check(from, ['b']))));
    expect(answers.map((answer) => answer.ErrorCode).toSorted((a, b) => a - b)).toEqual([0, 0, 0, 0, 0, 60007, 60007, 60007]); // prettier-ignore
    expect(await simulator.meter('friend_check')).toMatchObject({ calls: 8, mostInWindow: 8, certainMax: 8 });
    expect(await simulator.meter('friend_check', { window: 0.001 })).toMatchObject({ certainMax: 1 });
    expect((await simulator.meter('friend_check', { limit: 8 })).spanOfNPlus1).toBeNull();
  });

  test('all commands together have a meter and, if wanted, a limit', async () => {
    await simulator.reset({ appLimit: 3, windowMs: 60_000 });
    const commands = ['friend_check', 'friend_import', 'friend_check', 'friend_import'];
    const answers: number[] = [];
    for (const command of commands) {
      const body = command === 'friend_check' ? check('a', ['b']) : adding('a', ['b']);
      answers.push((await call(command, body)).ErrorCode);
    }
    expect(answers).toEqual([0, 0, 0, 60011]);
    expect(await simulator.meter('*')).toMatchObject({ limit: 3, calls: 4, certainMax: 4 });
    expect((await simulator.meter('friend_check')).calls).toBe(2);
    const arrivals = await simulator.arrivals('*');
    expect(arrivals).toHaveLength(4);
    expect(arrivals.map(({ at }) => at)).toEqual(arrivals.map(({ at }) => at).toSorted((a, b) => a - b));
    await simulator.setLimits({ '*': 10 });
    expect((await call('friend_import', adding('a', ['b']))).ErrorCode).toBe(0);
    await simulator.reset();
    expect(await simulator.meter('*')).toMatchObject({ limit: 200, calls: 0 });
  });

  test('the limit can be changed while it runs', async () => {
    await simulator.reset({ windowMs: 60_000 });
    await simulator.setLimits({ friend_check: 1 });
    await call('friend_check', check('a', ['b']));
    expect((await call('friend_check', check('a', ['b']))).ErrorCode).toBe(60007);
  });

  test('arrivals are stamped in order, each with the time since which it may have waited', async () => {
    for (const from of many(20)) await call('friend_check', check(from, many(300)));
    const arrivals = await simulator.arrivals('friend_check');
    expect(arrivals).toHaveLength(20);
    expect(arrivals.map(({ at }) => at)).toEqual(arrivals.map(({ at }) => at).toSorted((a, b) => a - b));
    for (const { lo, at } of arrivals) expect(lo).toBeLessThanOrEqual(at);
    const json = await (await fetch(`${simulator.url}/_simulator/arrivals?command=friend_check`)).json();
    expect(json).toEqual(arrivals.map(({ lo, at }) => [lo, at]));
  });

  test('a request whose body never ends has arrived all the same', async () => {
    const { port, hostname } = new URL(simulator.url);
    const socket = connect(Number(port), hostname);
    const path = urlOf('friend_check').slice(simulator.url.length);
    socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"From`);
    // What is asked later on another connection is answered later: the gate has the first by then, or at the next try.
    while ((await simulator.arrivals('friend_check')).length === 0) socket.destroySoon();
    expect((await simulator.ledger()).friend_check).toBeUndefined();
  });
});

describe('writes at the same time', () => {
  test('two that overlap: the later one gets 30008, and the overlap is counted', async () => {
    await simulator.reset({ serviceTimeMs: { read: 0, write: 500 } });
    const answers = await Promise.all(['b', 'c'].map((to) => call('friend_import', adding('a', [to]))));
    expect(answers.flatMap(codes).toSorted((a, b) => a - b)).toEqual([0, 30008]);
    expect(await simulator.conflicts()).toMatchObject({ mostConcurrent: 2, overlaps: 1, examples: [{ account: 'a' }] });
  });

  test('one after another never overlap, however fast', async () => {
    for (const to of many(50)) expect(codes(await call('friend_import', adding('a', [to])))).toEqual([0]);
    expect(await simulator.conflicts()).toEqual({ mostConcurrent: 1, overlaps: 0, examples: [] });
  });
});

describe('control plane', () => {
  test('relations of any number of pairs, in order, with the plan’s faults', async () => {
    const pairs = many(12_000).map((to): Pair => ['a', to]);
    await simulator.seedFriends(pairs.filter((_, n) => n % 3 === 0));
    await simulator.seedFriends([['many1', 'a']]);
    await simulator.setFaults({ permanent: [{ code: 30516, fraction: 1, commands: ['friend_add'] }] });
    const truths = await simulator.relations(pairs, 'friend_add');
    expect(truths.map(({ forward }) => forward)).toEqual(pairs.map((_, n) => n % 3 === 0));
    expect(truths[1]).toEqual({
      forward: false,
      reverse: true,
      pending: false,
      fromExists: true,
      toExists: true,
      fault: { kind: 'permanent', code: 30516, tries: 0 },
    });
    expect((await simulator.relations([['a', 'b']]))[0]?.fault).toBeNull();
  });

  test('entries with their fields, in the order of the pairs', async () => {
    await call('friend_import', adding('a', [{ To_Account: 'b', Remark: 'Bo', GroupName: ['A'], AddTime: 5 }]));
    expect(await simulator.entries([['b', 'a'], ['a', 'b'], ['x', 'y']])).toEqual([
      null,
      {
        to: 'b',
        addTime: 5,
        source: 'AddSource_Type_Sync',
        remark: 'Bo',
        remarkTime: expect.any(Number) as number,
        groups: ['A'],
      },
      null,
    ]); // prettier-ignore
    expect(await simulator.entries(many(10_001).map((to): Pair => ['a', to]))).toHaveLength(10_001);
  });

  test('profiles, and what is imported', async () => {
    await simulator.reset({ accounts: { mode: 'known' } });
    await call('multiaccount_import', accounts([{ UserID: 'ann', Nick: 'Ann', FaceUrl: 'http://x/a' }]));
    await simulator.setAccounts({ profiles: [{ account: 'bob', nick: 'Bob', allowType: 'deny-any' }] });
    expect(await simulator.profiles(['bob', 'ann', 'cem'])).toEqual([
      { account: 'bob', exists: false, nick: 'Bob', faceUrl: '', allowType: 'deny-any' },
      { account: 'ann', exists: true, nick: 'Ann', faceUrl: 'http://x/a', allowType: null },
      { account: 'cem', exists: false, nick: '', faceUrl: '', allowType: null },
    ]);
  });

  test('how often items were sent, where that is counted', async () => {
    await expect(simulator.sent('friend_import', [['a', 'b']])).rejects.toThrow(/countSent/);
    await simulator.reset({ countSent: true });
    await call('friend_import', adding('a', ['b', 'c']));
    await call('friend_import', adding('a', ['b']));
    expect(await simulator.sent('friend_import', [['a', 'c'], ['a', 'b'], ['a', 'd']])).toEqual([1, 2, 0]); // prettier-ignore
    await expect(simulator.sent('friend_imprt', [['a', 'b']])).rejects.toThrow(/friend_imprt/);
  });

  test('accounts and their settings', async () => {
    await simulator.setAccounts({ missing: ['gone'], profiles: [{ account: 'shy', allowType: 'need-confirm' }] });
    expect(codes(await call('friend_add', adding('a', ['gone', 'shy', 'b'])))).toEqual([30003, 30539, 0]);
    expect(await simulator.friends('shy')).toMatchObject({ pending: ['a'], allowType: 'need-confirm' });
  });

  test('switches, ledger and reset', async () => {
    await simulator.setSwitches({ 'request-id': 'absent' });
    expect(await call('friend_import', adding('a', ['b']))).not.toHaveProperty('RequestId');
    expect((await simulator.ledger()).friend_import).toMatchObject({ calls: 1, codes: { 0: 1 }, applied: 1 });
    await simulator.reset();
    expect(await simulator.ledger()).toEqual({});
    expect(await simulator.arrivals('friend_import')).toEqual([]);
    expect((await simulator.friends('a')).friends).toEqual([]);
    expect(await call('friend_check', check('a', ['b']))).toHaveProperty('RequestId');
  });

  test('what is wrong with a request is told', async () => {
    await expect(simulator.meter('friend_chek')).rejects.toThrow(/friend_chek/);
    await expect(simulator.setSwitches({ 'request-id': 'maybe' })).rejects.toThrow(/present, absent/);
    await expect(simulator.setSwitches({ 'userid-case': 'insensitive' })).rejects.toThrow(/reset/);
    await expect(simulator.setFaults({ missing: 2 })).rejects.toThrow(/missing/);
    await expect(simulator.reset({ limit: 0 })).rejects.toThrow(/limit/);
    expect((await fetch(`${simulator.url}/_simulator/nothing`)).status).toBe(404);
  });
});

/** What ships: the gate's thread needs the built file. */
const room = () =>
  import(new URL('../../dist/src/simulator/index.js', import.meta.url).href) as Promise<typeof SimulatorRoom>;

describe('start and stop', () => {
  test('in this process: answers, closes, closes twice', async () => {
    const { startSimulator } = await room();
    const own = await startSimulator({ port: 0 });
    expect((await fetch(`${own.url}/_simulator/ledger`)).status).toBe(200);
    await own.close();
    await own.close();
    await expect(fetch(own.url)).rejects.toThrow(/fetch failed/);
  });

  test('runs until its signal is aborted', async () => {
    const { simulate } = await room();
    const stop = new AbortController();
    await simulate({ port: 0, admin: 'root' }, { signal: stop.signal, onReady: ({ admin, baseUrl }) => {
      expect([admin, new URL(baseUrl).hostname]).toEqual(['root', '127.0.0.1']);
      stop.abort();
    } }); // prettier-ignore
    expect.assertions(1);
  });

  test('a taken port and wrong options are told', async () => {
    const { startSimulator } = await room();
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    await expect(startSimulator({ port })).rejects.toThrow(new RegExp(`127.0.0.1:${port}.*another port`));
    taken.close();
    await expect(startSimulator({ limit: -1, switches: { colour: 'red' }, faults: 'stormy' })).rejects.toThrow(
      /limit[\s\S]*stormy|stormy[\s\S]*limit/,
    );
  });

  test('the command takes an app-wide limit and switches', async () => {
    const file = fileURLToPath(new URL('../../dist/src/cli/befriend.js', import.meta.url));
    const flags = [
      '--port',
      '0',
      '--json',
      '--app-limit',
      '2',
      '--window-ms',
      '60000',
      '--switch',
      'get-page-size=100',
    ];
    const child = spawn(process.execPath, [file, 'simulate', ...flags], { stdio: ['ignore', 'pipe', 'inherit'] });
    const exited = once(child, 'exit');
    const [line] = (await Promise.race([once(child.stdout, 'data'), exited])) as [Buffer];
    const { baseUrl } = JSON.parse(line.toString()) as { baseUrl: string };
    const ask = async (command: string, body: object) => {
      const url = urlOf(command).replace(simulator.baseUrl, baseUrl);
      return (await (await fetch(url, { method: 'POST', body: JSON.stringify(body) })).json()) as Envelope;
    };
    expect((await ask('friend_import', adding('a', many(101)))).ErrorCode).toBe(0);
    expect(await ask('friend_get', getting('a'))).toMatchObject({ FriendNum: 101, NextStartIndex: 100 });
    expect((await ask('friend_check', check('a', ['b']))).ErrorCode).toBe(60011);
    child.kill('SIGINT');
    await exited;
  });

  test('the child ends when its parent lets go of it', async () => {
    const file = fileURLToPath(new URL('../../dist/src/simulator/child.js', import.meta.url));
    const child = spawn(process.execPath, [file, '{"port":0}'], { stdio: ['pipe', 'pipe', 'inherit'] });
    const exited = once(child, 'exit');
    await Promise.race([once(child.stdout, 'data'), exited]);
    child.stdin.end();
    expect(await exited).toEqual([0, null]);
  });
});
