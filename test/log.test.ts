import { execFileSync } from 'node:child_process';
import { inspect } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { scrub, Secret } from '../src/domain/secret.ts';
import { createLog, type Log } from '../src/log.ts';

const USERSIG = 'eJwtzMsKwjAQheF3mbVIJk1jLLgRtKCCiK7dxTKVQXohjTfEdzdesvzPB*cJ1e5Q3clDAWqsYPTtmtrADf-XiVVVNgB_';
const KEY = '5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e';

function logTo(lines: string[], secrets: Secret[] = []): Log {
  return createLog({ level: 'trace', destination: { write: (line: string) => void lines.push(line) }, secrets });
}

/** The line that logging `fields` gives. It must stay JSON. */
function logged(fields: object, message = 'said', secrets: Secret[] = []): string {
  const lines: string[] = [];
  logTo(lines, secrets).info(fields, message);
  const line = lines.join('');
  expect(() => JSON.parse(line)).not.toThrow();
  return line;
}

describe('the log', () => {
  it('writes one JSON object a line, with what a child binds', () => {
    const lines: string[] = [];
    logTo(lines).child({ job: 'j1', chunk: 7 }).warn({ calls: 3 }, 'slow');
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] as string)).toMatchObject({ level: 'warn', job: 'j1', chunk: 7, calls: 3, msg: 'slow' });
  });

  it('keeps of an error what explains it, and not the request it carries', () => {
    const error = Object.assign(new Error('no answer', { cause: new Error('reset') }), {
      code: 'ECONNRESET',
      config: { data: 'x' },
    });
    expect(JSON.parse(logged({ err: error })).err).toEqual({
      type: 'Error',
      message: 'no answer',
      code: 'ECONNRESET',
      stack: expect.stringContaining('log.test.ts'),
      cause: { type: 'Error', message: 'reset', stack: expect.any(String) },
    });
  });

  it('goes to stderr, and loses nothing when the process ends at once', () => {
    const dist = new URL('../dist/src/log.js', import.meta.url).href;
    const code = `
      import { createLog } from ${JSON.stringify(dist)};
      const log = createLog({ level: 'info' });
      for (let i = 0; i < 500; i++) log.info({ i }, 'x'.repeat(200));
      process.exit(3);`;
    let stderr = '';
    let stdout = '';
    try {
      execFileSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8', stdio: 'pipe' });
    } catch (error) {
      ({ stderr, stdout } = error as { stderr: string; stdout: string });
    }
    const lines = stderr.trimEnd().split('\n');
    expect(JSON.parse(lines.at(-1) as string)).toMatchObject({ i: 499, level: 'info' });
    expect(lines).toHaveLength(500);
    expect(stdout).toBe('');
  });
});

describe('no secret is logged', () => {
  const url = `https://console.tim.qq.com/v4/sns/friend_check?sdkappid=1&identifier=a&usersig=${USERSIG}&random=1`;
  const error = new Error(`connect to ${url} failed`);
  const places: [string, object, string?][] = [
    ['a URL', { url }],
    ['a path', { path: url.slice('https://console.tim.qq.com'.length) }],
    ['the message', {}, `calling ${url}`],
    ['an error, its stack and its cause', { err: new Error(`failed: ${url}`, { cause: error }) }],
    ['an error under another name', { reason: error.stack }],
    ['nested objects', { a: { b: [{ usersig: USERSIG, UserSig: USERSIG, other: { userSig: USERSIG } }] } }],
    ['JSON in a string', { body: JSON.stringify({ deep: JSON.stringify({ UserSig: USERSIG }) }) }],
    ['a bare UserSig', {}, `signature ${USERSIG} refused`],
    ['a key', { key: KEY, secretKey: KEY, nested: { secret_key: KEY, CHAT_SECRET_KEY: KEY } }],
    ['a line of an environment', { text: `CHAT_SECRET_KEY=${KEY} CHAT_USERSIG=${USERSIG}` }],
    ['a Redis URL', { redis: `redis://user:${KEY}@10.0.0.1:6379/1`, REDIS_URL: `rediss://:${KEY}/@10.0.0.1` }],
    ['a password', { password: KEY, options: { Password: KEY } }, `password: ${KEY}`],
    ['headers', { headers: { authorization: `Bearer ${KEY}` } }, `Authorization: Basic ${KEY}`],
    ['a Secret', { secret: new Secret(KEY), list: [new Secret(USERSIG)] }, `${new Secret(KEY)}`],
  ];
  it.each(places)('in %s', (_place, fields, message) => {
    const line = logged(fields, message);
    expect(line).toContain('[secret]');
    expect(line).not.toContain(USERSIG.slice(2, 30));
    expect(line).not.toContain(USERSIG.slice(-20));
    expect(line).not.toContain(KEY.slice(0, 16));
  });

  it('anywhere, when it is known to the log, whatever its form', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 6, unit: 'grapheme-ascii' }).filter((value) => /^[^\\"]{6,}$/.test(value.trim())),
        fc.constantFrom<(value: string) => object>(
          (value) => ({ odd: `<${value}>` }),
          (value) => ({ odd: { deep: [`x${encodeURIComponent(value)}x`] } }),
          (value) => ({ err: new Error(value) }),
        ),
        (value, place) => {
          const known = `~${value.trim()}~`;
          const line = logged(place(known), 'said', [new Secret(known)]);
          expect(line).not.toContain(known);
          expect(line).not.toContain(encodeURIComponent(known));
        },
      ),
    );
  });
});

describe('scrub', () => {
  it('leaves alone what is no secret', () => {
    const harmless = [
      'GET https://console.tim.qq.com/v4/sns/friend_check',
      'Redis at redis://10.0.0.1:6379/2 cannot be used: connect ECONNREFUSED',
      'the job keeps its key; password needed; 30 tokens left',
      '{"keys":3,"monkey":"x","from":"a@b"}',
      'WRONGTYPE Operation against a key holding the wrong kind of value',
    ];
    for (const text of harmless) expect(scrub(text)).toBe(text);
  });

  it('leaves the place readable', () => {
    expect(scrub('redis://user:pw@host:1/2')).toBe('redis://[secret]@host:1/2');
    expect(scrub('see https://h/v4/a?usersig=1&b=2 now')).toBe('see https://h/v4/a?[secret] now');
    expect(scrub('{"key":"a\\"b","n":{"password":12}}')).toBe('{"key":"[secret]","n":{"password":"[secret]"}}');
  });

  it('gives the same when it is done again', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('key', 'password', '=', ':', '"', 'eJ', '://', '@', '?', ' ', 'x1', '\\')),
        (parts) => {
          const once = scrub(parts.join(''));
          expect(scrub(once)).toBe(once);
        },
      ),
    );
  });
});

describe('Secret', () => {
  it('is had by reveal() only', () => {
    const secret = new Secret(KEY);
    expect(secret.reveal()).toBe(KEY);
    for (const text of [
      `${secret}`,
      JSON.stringify({ secret }),
      inspect({ secret }),
      inspect(secret, { showHidden: true }),
    ]) {
      expect(text).toContain('[secret]');
      expect(text).not.toContain(KEY);
    }
  });
});
