import { describe, expect, test } from 'vitest';
import type { EndpointFacts } from '../../src/chat/endpoint.ts';
import { makeUserSig } from '../../src/chat/usersig.ts';
import { judgeAnswers, judgeEndpoint, judgeProbes, judgeUserSig } from '../../src/doctor/api.ts';
import { causeOf, type Group } from '../../src/doctor/group.ts';
import { judgeAllowances, judgeLimit, judgeRates } from '../../src/doctor/limits.ts';
import { judgeBacklog, judgeHome, judgeJobs, judgeNode } from '../../src/doctor/machine.ts';
import { readSettings } from '../../src/doctor/settings.ts';
import { doctorText } from '../../src/doctor/text.ts';
import { readConfig } from '../../src/config.ts';

const GIB = 1024 ** 3;
const { tuning } = readConfig({});
const chat = readConfig({ CHAT_SDKAPPID: '5', CHAT_SECRET_KEY: 'k', CHAT_REGION: 'tokyo' }, { need: 'chat' }).chat;

test.each([
  ['20.18.3', 'problem'],
  ['20.19.0', 'ok'],
  ['24.1.0', 'ok'],
  ['18.20.0', 'problem'],
])('node %s: %s', (version, level) => expect(judgeNode(version).level).toBe(level));

test.each([
  { freeBytes: 2 * GIB, refused: null, levels: ['ok', 'ok'] },
  { freeBytes: GIB / 2, refused: null, levels: ['ok', 'warning'] },
  { freeBytes: 1024, refused: 'The home cannot be used: full. Free some space', levels: ['problem', 'problem'] },
  { freeBytes: null, refused: null, levels: ['ok'] },
])('home with $freeBytes bytes free: $levels', ({ levels, ...facts }) => {
  expect(judgeHome({ path: '/home/befriend', ...facts }).map(({ level }) => level)).toEqual(levels);
});

test('jobs that wait for a word are a warning, with what to do', () => {
  expect(judgeJobs([])).toMatchObject({ level: 'ok', text: 'none yet' });
  expect(judgeJobs([{ id: 'a', state: 'completed' }])).toMatchObject({ level: 'ok', text: '1 completed' });
  const waiting = judgeJobs([
    { id: 'a', state: 'running' },
    { id: 'b', state: 'stopped' },
    { id: 'c', state: 'stopped' },
  ]);
  expect(waiting).toMatchObject({ level: 'warning', text: '1 running, 2 stopped' });
  expect(waiting.advice).toContain('befriend status b');
});

test('outcomes that wait in Redis: for whom, and that nothing new is fed for it', () => {
  const memory = { usedBytes: 1, mostBytes: 0 };
  const waiting = (bytes: number) =>
    judgeBacklog({ memory, jobs: [{ job: 'a', bytes, entries: 9, groups: [{ group: 'books', entries: 8 }] }] }, tuning);
  expect(judgeBacklog({ memory, jobs: [] }, tuning)).toMatchObject({ level: 'ok', text: '0 of at most 64 MB wait' });
  expect(waiting(20 * 1024 ** 2)).toMatchObject({ level: 'ok', text: expect.stringMatching(/^13 of.*: books$/) });
  const { level, text, advice } = waiting(90e6);
  expect(level).toBe('warning');
  expect(text).toMatch(/^nothing new is fed: 82 MB .* durable group books/);
  expect(advice).toContain('befriend jobs groups --forget');
});

describe('the API', () => {
  const facts: EndpointFacts = {
    host: 'api.example.com',
    address: '192.0.2.1',
    resolvedMs: 3,
    connectedMs: 20,
    securedMs: 60,
    clockOffsetMs: 100,
    clockErrorMs: 520,
    failed: null,
  };
  const clockAt = (clockOffsetMs: number | null) =>
    judgeEndpoint({ ...facts, clockOffsetMs }, 'there', 'look').find(({ area }) => area === 'clock');

  test('a failed step is a problem, with where to look', () => {
    expect(judgeEndpoint({ ...facts, failed: 'connection refused' }, 'there', 'look')).toEqual([
      { level: 'problem', area: 'connection', text: 'there cannot be reached: connection refused', advice: 'look' },
    ]);
  });

  test('a clock is off only beyond what measuring may be wrong by', () => {
    expect(clockAt(null)).toBeUndefined();
    expect(clockAt(-2400)?.level).toBe('ok');
    expect(clockAt(2600)).toMatchObject({ level: 'warning', text: expect.stringContaining('3 s behind') });
    expect(clockAt(-90_000)).toMatchObject({ level: 'warning', text: expect.stringContaining('90 s ahead of') });
  });

  test('answers that are too slow for the limit', () => {
    const probes = (tookMs: number) => [{ verdict: { kind: 'accepted' as const }, tookMs }];
    expect(judgeAnswers(probes(3000), tuning)[0]?.level).toBe('ok');
    expect(judgeAnswers(probes(4000), tuning)[0]).toMatchObject({
      level: 'warning',
      advice: expect.stringContaining('several workers'),
    });
    expect(judgeAnswers([], tuning)).toEqual([]);
  });

  test('no slot is a warning, an odd answer too', () => {
    expect(judgeProbes([], chat, 'look')[0]?.level).toBe('warning');
    const odd = { kind: 'odd' as const, code: 60008, text: 'code 60008, slow: again', throttled: false };
    expect(judgeProbes([{ verdict: odd, tookMs: 1 }], chat, 'look')[0]).toMatchObject({
      level: 'warning',
      advice: 'again',
    });
  });

  test('a UserSig: days are well, hours are a warning, a wrong one is told elsewhere', () => {
    const sig = makeUserSig({ sdkappid: 5, key: 'k', identifier: 'root', expire: 4 * 86_400, now: 1000 });
    expect(judgeUserSig(sig, 1000)[0]).toMatchObject({ level: 'ok', text: expect.stringContaining('4 days') });
    expect(judgeUserSig(sig, 1000 + 3.5 * 86_400)[0]).toMatchObject({
      level: 'warning',
      text: expect.stringContaining('12 h'),
    });
    expect(judgeUserSig(sig, 1000 + 5 * 86_400)).toEqual([]);
    expect(judgeUserSig('abc', 0)).toEqual([]);
  });
});

describe('limits', () => {
  test.each([
    [159, 'ok', 'alarm fires at 160'],
    [200, 'ok', '159 keeps it quiet'],
    [201, 'warning', '101 %'],
  ])('%i calls/s: %s', (callsPerSecond, level, says) => {
    const finding = judgeLimit({ ...tuning, callsPerSecond });
    expect(finding.level).toBe(level);
    expect(finding.text).toContain(says);
  });

  test('rates in force', () => {
    expect(judgeRates({ app: 1, commands: { a: 1, b: 0.999 } }).level).toBe('ok');
    const slow = judgeRates({ app: 1, commands: { a: 1, b: 0.5 } });
    expect(slow).toMatchObject({ level: 'warning', text: 'lowered after throttling: b 50 %' });
    expect(slow.advice).toMatch(/lower CHAT_CALLS_PER_SECOND\.$/);
    const all = judgeRates({ app: 0.25, commands: { a: 1, b: 0.5 } });
    expect(all).toMatchObject({ text: 'lowered after throttling: all commands 25 %, b 50 %' });
    expect(all.advice).toContain('lower CHAT_APP_CALLS_PER_SECOND (the service said 60011');
  });

  test('what an operator has set, and only that', () => {
    const all = { callsPerSecond: null, inFlight: null };
    expect(judgeAllowances([['import', all]])).toEqual([]);
    expect(judgeAllowances([['import', { callsPerSecond: 50, inFlight: 3 }]])).toMatchObject([
      { level: 'warning', text: 'import: 50 calls/s, 3 in flight allowed' },
    ]);
  });

  test('the limit of the whole app is told where it is set', () => {
    expect(judgeLimit(tuning).text).not.toContain('whole app');
    expect(judgeLimit({ ...tuning, appCallsPerSecond: 350 }).text).toContain('; 350 of the whole app');
  });
});

describe('settings', () => {
  const good = { CHAT_SDKAPPID: '5', CHAT_SECRET_KEY: 'a-very-secret-key', CHAT_REGION: 'tokyo' };

  test('secrets are set, not shown; what is bad counts as absent and the endpoint stays known', () => {
    const { findings, config, baseUrl } = readSettings(
      { file: good, environment: { CHAT_SDKAPPID: '-5', REDIS_URL: 'redis://u:hush@h' } },
      0,
    );
    expect(JSON.stringify(findings)).not.toMatch(/hush|a-very-secret-key/);
    expect(findings.filter(({ level }) => level === 'problem').map(({ area }) => area)).toEqual(['CHAT_SDKAPPID']);
    expect(config).toMatchObject({ sdkAppId: null, chat: null });
    expect(baseUrl).toBe('https://adminapijpn.im.qcloud.com');
  });

  test('two that contradict each other are both out', () => {
    const read = readSettings({ file: good, environment: { CHAT_BASE_URL: 'http://127.0.0.1:1' } }, 0);
    expect(read.findings.filter(({ level }) => level === 'problem')).toHaveLength(1);
    expect(read.baseUrl).toBeNull();
  });
});

describe('the whole', () => {
  const group = (cause: Group['cause'], level: 'ok' | 'warning' | 'problem'): Group => ({
    title: 'A group',
    cause,
    findings: [{ level, area: 'area', text: 'word '.repeat(60), ...(level !== 'ok' && { advice: 'do '.repeat(60) }) }],
  });

  test('settings come before what cannot be reached; warnings are no problem', () => {
    expect(causeOf([group('unreachable', 'problem'), group('setting', 'problem')])).toBe('setting');
    expect(causeOf([group('unreachable', 'problem'), group('setting', 'warning')])).toBe('unreachable');
    expect(causeOf([group('setting', 'warning')])).toBeNull();
  });

  test.each(['ok', 'warning', 'problem'] as const)('%s as text: within 80 columns, no word lost', (level) => {
    const text = doctorText([group('setting', level)], process.stdout);
    expect(text.split('\n').filter((line) => line.length > 80)).toEqual([]);
    expect(text.match(/\bword\b/g)).toHaveLength(60);
    expect(text.trimEnd().split('\n').at(-1)).toMatch(level === 'problem' ? /^not ready: mend area/ : /^ready/);
  });
});
