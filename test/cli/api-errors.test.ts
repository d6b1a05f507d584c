/**
 * Everything that can be wrong with the API's address, the way to it, and the credentials: told before anything is read
 * or sent where that is cheap, else the job stops with the setting's name, and the same command goes on after the fix.
 */
import { readdirSync, writeFileSync } from 'node:fs';
import { createServer as createHttps } from 'node:https';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { makeUserSig } from '../../src/chat/usersig.ts';
import { CERT, KEY } from '../chat/support/certificate.ts';
import { EXPIRED_CERT, OTHER_HOST_CERT } from '../chat/support/bad-certificates.ts';
import { httpServer } from '../chat/support/servers.ts';
import { COMPRESSED_LIMIT, type Finished, type Workplace, workplace } from '../support/command.ts';
import { type OddServers, oddServers } from '../support/odd-servers.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { type TestSimulator, testSimulator } from '../support/simulator.ts';

const WRONG_KEY = 'not-the-key-of-this-app-4711';

let simulator: TestSimulator;
let redis: TestRedis;
let odd: OddServers;
let place: Workplace;
let file: string;

beforeAll(async () => {
  [simulator, redis] = await Promise.all([testSimulator({ ...COMPRESSED_LIMIT }), testRedis()]);
  odd = oddServers();
  place = workplace(simulator, { REDIS_URL: await redis.listen() });
  file = place.csv('friends.csv', [
    ['ann', 'bob'],
    ['bob', 'cem'],
  ]);
});
afterAll(async () => {
  await place.remove();
  await odd.closeAll();
  await redis.close();
  await simulator.close();
});
beforeEach(() => simulator.reset());

/** Runs the check of two rows with other settings; an empty one counts as absent. */
async function check(settings: Record<string, string>, ...args: string[]): Promise<Finished> {
  const before = { ...place.env };
  Object.assign(place.env, settings);
  try {
    return await place.run('check', file, ...args);
  } finally {
    for (const name of Object.keys(settings)) delete place.env[name];
    Object.assign(place.env, before);
  }
}

/** The words of it, however its lines are broken. */
const words = (text: string): string => text.replaceAll(/\s+/g, ' ');

function expectNoSecret({ stdout, stderr }: Finished, ...secrets: string[]): void {
  for (const secret of [simulator.key, WRONG_KEY, ...secrets]) expect(stdout + stderr).not.toContain(secret);
  expect(stdout + stderr).not.toMatch(/eJ[A-Za-z0-9*_-]{20}/);
  expect(stderr).not.toMatch(/\n\s+at /);
}

/** One paragraph that says it, nothing on stdout, no friend command called, no results. */
async function expectRefused(finished: Finished, code: number, ...says: string[]): Promise<void> {
  expectNoSecret(finished);
  const text = words(finished.stderr);
  expect({ code: finished.code, text, lacks: says.filter((part) => !text.includes(part)) }).toMatchObject({
    code,
    lacks: [],
  });
  expect(finished.stdout).toBe('');
  expect(finished.stderr.match(/^befriend: /gm)).toHaveLength(1);
  expect((await simulator.ledger()).friend_check).toBeUndefined();
  expect(readdirSync(place.dir).filter((name) => name.includes('results'))).toEqual([]);
}

const userSig = (changes: Partial<Parameters<typeof makeUserSig>[0]> = {}): Record<string, string> => ({
  CHAT_SECRET_KEY: '',
  CHAT_USERSIG: makeUserSig({
    sdkappid: simulator.sdkappid,
    key: simulator.key,
    identifier: simulator.admin,
    expire: 86_400,
    now: Math.floor(Date.now() / 1000),
    ...changes,
  }),
});

describe('a UserSig is read before anything is called: exit 2', () => {
  const cases: { wrong: string; settings: () => Record<string, string>; says: string[] }[] = [
    {
      wrong: 'of another app',
      settings: () => userSig({ sdkappid: 1_400_000_002 }),
      says: ['CHAT_USERSIG', 'SDKAppID 1400000002', 'CHAT_SDKAPPID is 1400000001'],
    },
    {
      wrong: 'expired',
      settings: () => userSig({ now: 1_700_000_000 }),
      says: ['CHAT_USERSIG: expired at 2023-11-15T22:13:20Z', 'CHAT_SECRET_KEY'],
    },
    {
      wrong: 'cut off',
      settings: () => ({ ...userSig(), CHAT_USERSIG: userSig().CHAT_USERSIG!.slice(0, 60) }),
      says: ['CHAT_USERSIG', 'copy it whole'],
    },
    {
      wrong: 'all of it',
      settings: () => userSig({ sdkappid: 7, identifier: 'x', now: 1_700_000_000 }),
      says: ['SDKAppID 7', '"x"', 'CHAT_ADMIN is "administrator"', 'expired'],
    },
  ];
  test.each(cases)('$wrong', async ({ settings, says }) => {
    await expectRefused(await check(settings()), 2, ...says);
    expect(await simulator.ledger()).toEqual({});
  });

  test('a good one works', async () => {
    expect((await check(userSig(), '--out', 'good.jsonl', '--new')).code).toBe(0);
  });
});

describe('credentials that the service refuses: exit 2, before the file is read', () => {
  const cases: { wrong: string; settings: () => Record<string, string>; says: string[] }[] = [
    { wrong: 'key', settings: () => ({ CHAT_SECRET_KEY: WRONG_KEY }), says: ['70009', 'CHAT_SECRET_KEY'] },
    { wrong: 'key of the UserSig', settings: () => userSig({ key: WRONG_KEY }), says: ['70009', 'CHAT_USERSIG'] },
    { wrong: 'app, or its region', settings: () => ({ CHAT_SDKAPPID: '1400000002' }), says: ['60026', 'CHAT_REGION'] },
    { wrong: 'admin', settings: () => ({ CHAT_ADMIN: 'ann' }), says: ['60010', 'CHAT_ADMIN'] },
  ];
  test.each(cases)('$wrong', async ({ settings, says }) => {
    await expectRefused(await check(settings()), 2, 'Nothing was read or sent', ...says);
  });

  test.each([{ code: 60020, says: 'renew the plan' }])('$code', async ({ code, says }) => {
    await simulator.setFaults({ calls: { commands: ['account_check'], codes: { [code]: 1 } } });
    await expectRefused(await check({}), 2, `code ${code}`, says);
  });

  test.each([60017])('%i says nothing of them: the job runs', async (code) => {
    await simulator.setFaults({ calls: { commands: ['account_check'], codes: { [code]: 1 } } });
    const finished = await check({}, '--out', 'odd.jsonl', '--new');
    expectNoSecret(finished);
    expect(finished.code).toBe(0);
  });
});

describe('an API that cannot be reached: exit 4', () => {
  const local = (scheme: string, port: number): string => `${scheme}://127.0.0.1:${port}`;
  const tls = async (cert: string): Promise<string> => {
    const server = createHttps({ cert, key: KEY }, (_, response) => response.end('{}')).listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    server.on('tlsClientError', () => {});
    await once(server, 'listening');
    return local('https', (server.address() as AddressInfo).port);
  };
  const trusted = (cert: string): Record<string, string> => {
    const path = join(place.dir, 'trusted.pem');
    writeFileSync(path, cert);
    return { NODE_EXTRA_CA_CERTS: path };
  };
  type Settings = Record<string, string>;
  const cases: { wrong: string; settings: () => Promise<Settings> | Settings; says: string[] }[] = [
    {
      wrong: 'refused',
      settings: async () => ({ CHAT_BASE_URL: local('http', await odd.nothing()) }),
      says: ['cannot be reached: connection refused'],
    },
    {
      wrong: 'no such host',
      settings: () => ({ CHAT_BASE_URL: 'https://no-such-host.invalid' }),
      says: ['cannot be reached: host name', 'CHAT_BASE_URL'],
    },
    {
      wrong: 'silent',
      settings: async () => ({ CHAT_BASE_URL: local('http', await odd.silent()), BEFRIEND_CALL_TIMEOUT_MS: '400' }),
      says: ['no answer within 0.4 s'],
    },
    {
      wrong: 'closing',
      settings: async () => ({ CHAT_BASE_URL: local('http', await odd.closing()) }),
      says: ['connection'],
    },
    {
      wrong: 'not HTTP',
      settings: async () => ({ CHAT_BASE_URL: local('http', await odd.greeting('220 mail.example.com ESMTP')) }),
      says: ['not HTTP'],
    },
    {
      wrong: 'a certificate nobody knows',
      settings: async () => ({ CHAT_BASE_URL: await tls(CERT) }),
      says: ['the certificate is self-signed'],
    },
    {
      wrong: 'an expired certificate',
      settings: async () => ({ CHAT_BASE_URL: await tls(EXPIRED_CERT), ...trusted(EXPIRED_CERT) }),
      says: ['the certificate has expired', 'clock'],
    },
    {
      wrong: 'the certificate of another host',
      settings: async () => ({ CHAT_BASE_URL: await tls(OTHER_HOST_CERT), ...trusted(OTHER_HOST_CERT) }),
      says: ['the certificate is for another host'],
    },
    {
      wrong: 'https to a server without TLS',
      settings: () => ({ CHAT_BASE_URL: simulator.baseUrl.replace('http:', 'https:') }),
      says: ['does not speak TLS', 'CHAT_BASE_URL'],
    },
    {
      wrong: 'http to a server with TLS',
      settings: async () => ({ CHAT_BASE_URL: (await tls(CERT)).replace('https:', 'http:') }),
      says: ['cannot be used as the Chat API'],
    },
    {
      wrong: 'a proxy in the environment, which is not used',
      settings: async () => ({
        CHAT_BASE_URL: local('http', await odd.nothing()),
        HTTPS_PROXY: 'http://user:sesame@proxy.example.com',
      }),
      says: ['HTTPS_PROXY is set, and befriend uses no proxy'],
    },
  ];
  test.each(cases)('$wrong', async ({ settings, says }) => {
    const finished = await check(await settings());
    expectNoSecret(finished, 'sesame');
    await expectRefused(finished, 4, 'Nothing was read or sent', ...says);
  });

  const HTML = '<!DOCTYPE html><html><body>Please log in</body></html>';
  test.each([
    { wrong: 'a web page', status: 200, body: HTML, says: 'a web page' },
    { wrong: 'a forbidding proxy', status: 403, body: HTML, says: 'HTTP 403: a proxy or firewall' },
    { wrong: 'a wrong path', status: 404, body: HTML, says: 'HTTP 404: nothing of the Chat API' },
    { wrong: 'a proxy that wants a password', status: 407, body: HTML, says: 'HTTP 407: a proxy' },
  ])('$wrong ($status) instead of an answer', async ({ status, body, says }) => {
    const { url } = await httpServer((_, response) => response.writeHead(status).end(body));
    await expectRefused(await check({ CHAT_BASE_URL: url }), 4, 'cannot be used as the Chat API', says, 'CHAT_REGION');
  });

  test('a path behind the host is no place of the API', async () => {
    await expectRefused(await check({ CHAT_BASE_URL: `${simulator.baseUrl}/api` }), 2, '60009', 'CHAT_BASE_URL');
  });

  test('an answer that cannot be used once is a blip: the job runs', async () => {
    let answered = 0;
    const { url } = await httpServer(async ({ target, body }, response) => {
      answered += 1;
      if (answered === 1) return void response.writeHead(502).end(HTML);
      const passed = await fetch(`${simulator.baseUrl}${target}`, { method: 'POST', body });
      response.end(await passed.text());
    });
    expect((await check({ CHAT_BASE_URL: url }, '--out', 'blip.jsonl', '--new')).code).toBe(0);
  });
});

describe('credentials that fail in the middle: the job stops, and the same command goes on after the fix', () => {
  test.each([
    { code: 70003, says: 'check CHAT_SECRET_KEY' },
    { code: 60026, says: "set CHAT_REGION to the app's region" },
  ])('$code', async ({ code, says }) => {
    await simulator.setFaults({ calls: { commands: ['friend_check'], codes: { [code]: 1 } } });
    const stopped = await check({}, '--out', `stopped-${code}.jsonl`, '--new');
    const text = words(stopped.stdout).replaceAll('’', "'");
    expectNoSecret(stopped);
    expect({ code: stopped.code, text, says: text.includes(says) }).toMatchObject({ code: 3, says: true });
    expect(text).toContain(`code ${code}`);
    // With --new it would begin another job.
    expect(text).toContain('the same command without --new');

    await simulator.setFaults('none');
    const again = await check({}, '--out', `stopped-${code}.jsonl`);
    expect({ code: again.code, goesOn: again.stderr.includes('going on with its 2 open rows of ') }).toEqual({
      code: 0,
      goesOn: true,
    });
  });

  test('a proxy that steps in is named by its status, with the settings to look at', async () => {
    let probed = false;
    const { url } = await httpServer(async ({ target, body }, response) => {
      if (probed) return void response.writeHead(403).end('forbidden');
      const passed = await fetch(`${simulator.baseUrl}${target}`, { method: 'POST', body });
      probed = true;
      response.end(await passed.text());
    });
    const stopped = await check({ CHAT_BASE_URL: url }, '--out', 'proxy.jsonl', '--new');
    const text = words(stopped.stdout);
    expect({ code: stopped.code, text }).toMatchObject({ code: 3 });
    expect(text).toContain('HTTP 403');
    expect(text).toContain('check CHAT_REGION or CHAT_BASE_URL');
    expect(text).not.toContain('RequestId');
  });
});
