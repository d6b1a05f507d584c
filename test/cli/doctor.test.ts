/** `befriend doctor`: on a healthy set-up, and on each broken one. It goes on after a problem, and never tells a secret. */
import { rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { makeUserSig } from '../../src/chat/usersig.ts';
import type { Finding } from '../../src/domain/finding.ts';
import { httpServer, type Seen } from '../chat/support/servers.ts';
import { COMPRESSED_LIMIT, type Workplace, workplace } from '../support/command.ts';
import { type OddServers, oddServers } from '../support/odd-servers.ts';
import { type TestRedis, testRedis } from '../support/redis.ts';
import { type TestSimulator, testSimulator } from '../support/simulator.ts';

const WRONG_KEY = 'not-the-key-of-this-app-4711';

let simulator: TestSimulator;
let redis: TestRedis;
let odd: OddServers;
let place: Workplace;

beforeAll(async () => {
  [simulator, redis] = await Promise.all([testSimulator({ ...COMPRESSED_LIMIT }), testRedis()]);
  odd = oddServers();
  // Under the documented limit and the vendor's alarm: 150 calls a second.
  place = workplace(simulator, { REDIS_URL: await redis.listen(), CHAT_CALLS_PER_SECOND: '30' });
});
afterAll(async () => {
  await place.remove();
  await odd.closeAll();
  await redis.close();
  await simulator.close();
});
beforeEach(() => simulator.reset());

interface Examined {
  code: number | null;
  ready: boolean;
  findings: Finding[];
}

async function doctor(settings: Record<string, string> = {}): Promise<Examined> {
  const before = { ...place.env };
  Object.assign(place.env, settings);
  try {
    const { code, stdout, stderr } = await place.run('doctor', '--json');
    for (const secret of [simulator.key, WRONG_KEY, 'sesame']) expect(stdout + stderr).not.toContain(secret);
    expect(stdout + stderr).not.toMatch(/eJ[A-Za-z0-9*_-]{20}/);
    expect(stderr).toBe('');
    return { code, ...(JSON.parse(stdout) as { ready: boolean; findings: Finding[] }) };
  } finally {
    for (const name of Object.keys(settings)) delete place.env[name];
    Object.assign(place.env, before);
  }
}

/** The areas of these findings, so that a surprise shows. */
const areas = ({ findings }: Examined, level: Finding['level']): string[] =>
  findings.filter((finding) => finding.level === level).map(({ area }) => area);

const textOf = ({ findings }: Examined, area: string): string => {
  const { text = '', advice = '' } = findings.find((finding) => finding.area === area && finding.level !== 'ok') ?? {};
  return `${text} → ${advice}`;
};

const userSig = (changes: object): Record<string, string> => ({
  CHAT_SECRET_KEY: '',
  CHAT_USERSIG: makeUserSig({
    sdkappid: simulator.sdkappid,
    key: simulator.key,
    identifier: simulator.admin,
    expire: 30 * 86_400,
    now: Math.floor(Date.now() / 1000),
    ...changes,
  }),
});

test('all is well: ready, exit 0, three harmless calls and nothing else', async () => {
  const healthy = await doctor();
  expect({ code: healthy.code, ready: healthy.ready }).toEqual({ code: 0, ready: true });
  expect(areas(healthy, 'problem')).toEqual([]);
  expect(areas(healthy, 'warning')).toEqual([]);
  for (const area of ['node', 'home', 'disk', 'redis version', 'redis persistence', 'jobs', 'connection', 'clock']) {
    expect(areas(healthy, 'ok')).toContain(area);
  }
  for (const area of ['answers', 'credentials', 'limit', 'rate in force']) expect(areas(healthy, 'ok')).toContain(area);
  expect(await simulator.ledger()).toMatchObject({ account_check: { calls: 3 } });
  expect(Object.keys(await simulator.ledger())).toEqual(['account_check']);
});

test('as text: grouped, within 80 columns, no colour in a pipe, the last line says what to do', async () => {
  const { code, stdout, stderr } = await place.run('doctor');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const lines = stdout.trimEnd().split('\n');
  for (const title of ['Settings', 'This machine', 'Redis', 'Chat API', 'Credentials', 'Limits']) {
    expect(lines).toContain(title);
  }
  expect(lines.filter((line) => line.length > 80 && !/\S{40}/.test(line))).toEqual([]);
  expect(stdout).not.toContain('\u001b');
  expect(lines.at(-1)).toMatch(/^ready/);
  expect(stdout).toContain('set, not shown (environment)');
});

test('without REDIS_URL it tries the private Redis', async () => {
  const own = await doctor({ REDIS_URL: '' });
  expect({ code: own.code, problems: areas(own, 'problem') }).toEqual({ code: 0, problems: [] });
  expect(own.findings.find(({ area }) => area === 'redis')?.text).toBe('a private one in the home');
});

test('bad and missing settings are told together, and the rest is looked at', async () => {
  const broken = await doctor({ CHAT_SDKAPPID: 'abc', CHAT_SECRET_KEY: '', CHAT_REGIN: 'x' });
  expect({ code: broken.code, ready: broken.ready }).toEqual({ code: 2, ready: false });
  expect(areas(broken, 'problem')).toEqual(['CHAT_SDKAPPID', 'CHAT_SECRET_KEY']);
  expect(textOf(broken, 'misspelt')).toContain('CHAT_REGION');
  expect(areas(broken, 'ok')).toContain('connection');
  expect(areas(broken, 'ok')).toContain('redis version');
  expect(textOf(broken, 'credentials')).toContain('not tried');
});

test('a .env file is told apart from the environment', async () => {
  const path = join(place.dir, '.env');
  writeFileSync(path, 'CHAT_ADMIN=administrator\nCHAT_CALLS_PER_SECOND=1\n');
  try {
    const { findings } = await doctor({ CHAT_ADMIN: '' });
    expect(findings.find(({ area }) => area === 'CHAT_ADMIN')).toMatchObject({
      level: 'warning',
      text: expect.stringContaining('hides the one in .env'),
    });
    expect(findings.find(({ area }) => area === 'CHAT_SDKAPPID')?.text).toContain('(environment)');
  } finally {
    rmSync(path);
  }
});

test('a Redis that is away: exit 4, and the API is looked at all the same', async () => {
  const broken = await doctor({ REDIS_URL: `redis://user:sesame@127.0.0.1:${await odd.nothing()}` });
  expect({ code: broken.code, problems: areas(broken, 'problem') }).toEqual({ code: 4, problems: ['redis'] });
  expect(areas(broken, 'ok')).toEqual(expect.arrayContaining(['connection', 'clock']));
  expect(textOf(broken, 'credentials')).toContain('slots come from Redis');
  expect(await simulator.ledger()).toEqual({});
});

test('a Redis that may lose rows is a warning', async () => {
  await redis.redis.config('SET', 'maxmemory-policy', 'allkeys-lru');
  try {
    const careless = await doctor();
    expect(careless.code).toBe(0);
    expect(textOf(careless, 'redis eviction')).toContain('noeviction');
  } finally {
    await redis.redis.config('SET', 'maxmemory-policy', 'noeviction');
  }
});

test('a home that cannot be written: exit 2', async () => {
  const path = join(place.dir, 'a-file');
  writeFileSync(path, '');
  const broken = await doctor({ BEFRIEND_HOME: path });
  expect(broken.code).toBe(2);
  expect(textOf(broken, 'home')).toContain('BEFRIEND_HOME');
  expect(areas(broken, 'ok')).toContain('credentials');
});

test.each([
  { wrong: 'key', settings: () => ({ CHAT_SECRET_KEY: WRONG_KEY }), says: 'CHAT_SECRET_KEY' },
  { wrong: 'app or region', settings: () => ({ CHAT_SDKAPPID: '1400000002' }), says: 'CHAT_REGION' },
  { wrong: 'admin', settings: () => ({ CHAT_ADMIN: 'ann' }), says: 'CHAT_ADMIN' },
])('credentials, wrong $wrong: exit 2, the setting is named', async ({ settings, says }) => {
  const broken = await doctor(settings());
  expect({ code: broken.code, problems: areas(broken, 'problem') }).toEqual({ code: 2, problems: ['credentials'] });
  expect(textOf(broken, 'credentials')).toContain(says);
});

test('a UserSig that does not fit is told before any call; one that ends soon is a warning', async () => {
  const broken = await doctor(userSig({ sdkappid: 1_400_000_002, now: 1_700_000_000 }));
  expect({ code: broken.code, problems: areas(broken, 'problem') }).toEqual({
    code: 2,
    problems: ['CHAT_USERSIG', 'CHAT_USERSIG'],
  });
  expect(await simulator.ledger()).toEqual({});

  const short = await doctor(userSig({ expire: 7200 }));
  expect({ code: short.code, warnings: areas(short, 'warning') }).toEqual({ code: 0, warnings: ['usersig'] });
  expect(textOf(short, 'usersig')).toMatch(/in 1 h|in 2 h/);
});

test('an API that is away, or another server in its place: exit 4', async () => {
  const away = await doctor({ CHAT_BASE_URL: `http://127.0.0.1:${await odd.nothing()}` });
  expect({ code: away.code, problems: areas(away, 'problem') }).toEqual({ code: 4, problems: ['connection'] });
  const web = await doctor({ CHAT_BASE_URL: `http://127.0.0.1:${await odd.web()}` });
  expect({ code: web.code, problems: areas(web, 'problem') }).toEqual({ code: 4, problems: ['answers'] });
});

test('a clock that is off is a warning, by the Date of the answers', async () => {
  const tenMinutesOn = new Date(Date.now() + 600_000).toUTCString();
  // The simulator itself, but for its clock.
  const forward = async ({ target, body }: Seen, response: ServerResponse): Promise<void> => {
    const answer = await fetch(new URL(target, simulator.url), { method: 'POST', body });
    response.setHeader('date', tenMinutesOn).end(await answer.text());
  };
  const { url } = await httpServer((seen, response) => void forward(seen, response));
  const off = await doctor({ CHAT_BASE_URL: url });
  expect({ code: off.code, warnings: areas(off, 'warning') }).toEqual({ code: 0, warnings: ['clock'] });
  expect(textOf(off, 'clock')).toMatch(/^this machine is (59\d|600) s behind the API .*NTP/);
  expect(areas(off, 'ok')).toContain('credentials');
});

test('a rate that throttling has lowered is a warning', async () => {
  await doctor();
  const time = await redis.redis.time();
  const state = `{befriend:${simulator.sdkappid}}:limiter:friend_import`;
  await redis.redis.hset(state, { rate: '250000', reducedAt: `${time[0]}${String(time[1]).padStart(6, '0')}` });
  const lowered = await doctor();
  expect(lowered.code).toBe(0);
  expect(textOf(lowered, 'rate in force')).toMatch(/friend_import [2-9]\d %/);
});
