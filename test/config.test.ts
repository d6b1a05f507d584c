import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError, type Environment, readConfig, readEnvironment, secretsOf, SETTING_NAMES } from '../src/config.ts';

const KEY = '5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e';
const CHAT: Environment = { CHAT_SDKAPPID: '1400000000', CHAT_SECRET_KEY: KEY, CHAT_REGION: 'china' };

function problemsOf(env: Environment, need: 'nothing' | 'app' | 'chat' = 'nothing'): readonly string[] {
  try {
    readConfig(env, { need });
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

describe('readConfig', () => {
  it('has a default for all that has one', () => {
    expect(readConfig({}, { cwd: '/srv' })).toEqual({
      redisUrl: null,
      home: '/srv/.befriend',
      sdkAppId: null,
      chat: null,
      logLevel: 'warn',
      tuning: {
        callsPerSecond: 200,
        appCallsPerSecond: null,
        windowMs: 1000,
        marginMs: null,
        latenessMs: 20,
        coldLatenessMs: 100,
        pace: 0.95,
        leaseSize: null,
        holdTokens: false,
        callTimeoutMs: 10_000,
        serviceLimitMs: 3000,
        attempts: 5,
        backoffScale: 1,
        brakeAfter: 1000,
        brakePercent: 50,
        backlogMegabytes: 64,
        stallSeconds: 60,
        handoverMegabytes: 16,
        handoverWaitSeconds: 300,
        keepDays: null,
        keepGigabytes: null,
        concurrency: 64,
        readySeconds: 2,
      },
    });
  });

  it('logs as its caller likes it, unless it is told otherwise', () => {
    expect(readConfig({}, { logLevel: 'error' }).logLevel).toBe('error');
    expect(readConfig({ LOG_LEVEL: 'debug' }, { logLevel: 'error' }).logLevel).toBe('debug');
  });

  it('reads what calls need', () => {
    const { chat } = readConfig(CHAT, { need: 'chat' });
    expect(chat).toMatchObject({ sdkAppId: 1_400_000_000, admin: 'administrator', endpoint: { region: 'china' } });
    expect('secretKey' in chat.credentials && chat.credentials.secretKey.reveal()).toBe(KEY);
  });

  it('takes a UserSig and a base URL instead of key and region', () => {
    const env = { CHAT_SDKAPPID: '1', CHAT_USERSIG: 'eJw*-_', CHAT_BASE_URL: 'http://127.0.0.1:7301/' };
    const { chat } = readConfig(env, { need: 'chat' });
    expect(chat.endpoint).toEqual({ baseUrl: 'http://127.0.0.1:7301' });
    expect('userSig' in chat.credentials && chat.credentials.userSig.reveal()).toBe('eJw*-_');
  });

  it('reports every bad setting at once, a line each, with what was expected and given', () => {
    const env = {
      REDIS_URL: 'localhost:6379',
      CHAT_SDKAPPID: '14e8',
      CHAT_REGION: 'mars',
      CHAT_CALLS_PER_SECOND: '0',
      CHAT_ADMIN: 'a'.repeat(33),
      LOG_LEVEL: 'loud',
      BEFRIEND_WINDOW_MS: '1.5',
    };
    const problems = problemsOf(env);
    expect(problems.map((line) => line.split(':')[0]).toSorted()).toEqual(Object.keys(env).toSorted());
    expect(problems).toContain('CHAT_SDKAPPID: expected a whole number from 1 to 999999999999, got "14e8"');
    expect(() => readConfig(env)).toThrow(problems.join('\n  '));
  });

  it('asks for what is missing only where it is needed', () => {
    expect(problemsOf({})).toEqual([]);
    expect(problemsOf({}, 'app')).toEqual([expect.stringMatching(/^CHAT_SDKAPPID: missing/)]);
    expect(problemsOf({}, 'chat').map((line) => line.split(':')[0])).toEqual([
      'CHAT_SDKAPPID',
      'CHAT_SECRET_KEY or CHAT_USERSIG',
      'CHAT_REGION or CHAT_BASE_URL',
    ]);
  });

  it('does not call a setting missing that is there and wrong', () => {
    expect(problemsOf({ ...CHAT, CHAT_REGION: 'mars' }, 'chat')).toHaveLength(1);
  });

  it('refuses two answers to one question', () => {
    const env = { ...CHAT, CHAT_USERSIG: 'eJw', CHAT_BASE_URL: 'https://example.com' };
    expect(problemsOf(env, 'chat')).toEqual([
      'CHAT_SECRET_KEY and CHAT_USERSIG: both are set, expected one of them',
      'CHAT_REGION and CHAT_BASE_URL: both are set, expected one of them',
    ]);
  });

  it('lets overrides set a variable, and take one away', () => {
    const overrides = { CHAT_REGION: undefined, CHAT_BASE_URL: 'http://127.0.0.1:1' };
    expect(readConfig(CHAT, { need: 'chat', overrides }).chat.endpoint).toEqual({ baseUrl: 'http://127.0.0.1:1' });
  });

  it('says what is wrong with a base URL', () => {
    expect(problemsOf({ CHAT_BASE_URL: 'http://example.com' })[0]).toMatch(/must use https/);
  });

  it('counts an empty variable as absent', () => {
    const empty = Object.fromEntries(SETTING_NAMES.map((name) => [name, ' ']));
    expect(readConfig(empty)).toEqual(readConfig({}));
  });

  it('never fails but with a ConfigError, and never shows a secret in it', () => {
    const secret = 'S3cret-value-of-a-setting!';
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...SETTING_NAMES), fc.string()), (env) => {
        const text = problemsOf({ ...env, REDIS_URL: secret, CHAT_USERSIG: secret }, 'chat').join('\n');
        expect(text).toMatch(/REDIS_URL: .*not shown/);
        expect(text).not.toContain(secret);
      }),
    );
  });
});

describe('secrets of a configuration', () => {
  const env = { ...CHAT, REDIS_URL: 'redis://user:p%40ssword@10.0.0.1:6379/2' };

  it('do not print', () => {
    const config = readConfig(env, { need: 'chat' });
    for (const text of [
      inspect(config, { depth: 9, showHidden: true }),
      JSON.stringify(config),
      `${config.redisUrl}`,
    ]) {
      expect(text).toContain('[secret]');
      expect(text).not.toContain(KEY);
      expect(text).not.toContain('ssword');
    }
  });

  it('are listed for the log, with the password of REDIS_URL on its own', () => {
    const config = readConfig(env, { need: 'chat' });
    expect(secretsOf(config).map((secret) => secret.reveal())).toEqual([KEY, 'p@ssword']);
  });

  it('are not shown when a base URL holds one', () => {
    expect(problemsOf({ CHAT_BASE_URL: 'ftp://me:hidden@host/?usersig=eJhidden' }).join()).not.toContain('hidden');
  });
});

describe('readEnvironment', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'befriend-config-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('puts .env behind the variables that are set, even to nothing', () => {
    writeFileSync(join(folder, '.env'), '# ours\nCHAT_ADMIN="root"\nCHAT_REGION=seoul\nLOG_LEVEL=debug\n');
    const env = readEnvironment(folder, { CHAT_REGION: 'tokyo', LOG_LEVEL: '' });
    expect(env).toEqual({ CHAT_ADMIN: 'root', CHAT_REGION: 'tokyo', LOG_LEVEL: '' });
  });

  it('needs no .env', () => {
    expect(readEnvironment(folder, { A: '1' })).toEqual({ A: '1' });
  });

  it('tells when .env cannot be read', () => {
    mkdirSync(join(folder, '.env'));
    expect(() => readEnvironment(folder, {})).toThrow(/\.env: cannot be read/);
  });
});
