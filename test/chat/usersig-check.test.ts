import { deflateSync } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { userSigProblems } from '../../src/chat/usersig-check.ts';
import { makeUserSig, readUserSig } from '../../src/chat/usersig.ts';

const NOW = 1_800_000_000;
const APP = { sdkAppId: 1_400_000_001, admin: 'administrator', now: NOW };
const sign = (changes: object = {}): string =>
  makeUserSig({ sdkappid: 1_400_000_001, identifier: 'administrator', key: 'k', expire: 3600, now: NOW, ...changes });

describe('problems of a UserSig', () => {
  test('one that fits has none', () => expect(userSigProblems(sign(), APP)).toEqual([]));

  test('it holds to its last second', () => {
    expect(userSigProblems(sign(), { ...APP, now: NOW + 3600 })).toEqual([]);
    expect(userSigProblems(sign(), { ...APP, now: NOW + 3601 })).toHaveLength(1);
  });

  test('all are told at once, and nothing of the text', () => {
    const text = sign({ sdkappid: 5, identifier: 'ann', now: NOW - 7200 });
    const problems = userSigProblems(text, APP);
    expect(problems).toHaveLength(3);
    for (const problem of problems) expect(problem).toMatch(/^CHAT_USERSIG: /);
    expect(problems.join()).not.toContain(text.slice(0, 12));
  });

  test.each(['', 'abc', 'eJw', sign().slice(0, -30), `${'A'.repeat(9000)}`])('%j cannot be read', (text) => {
    expect(userSigProblems(text, APP)).toEqual([expect.stringContaining('copy it whole')]);
  });

  test('a ticket of an older scheme is left to the service', () => {
    const old = deflateSync(JSON.stringify({ 'TLS.sdk_appid': '5', 'TLS.identifier': 'ann' })).toString('base64');
    const text = old.replaceAll('+', '*').replaceAll('/', '-').replaceAll('=', '_');
    expect(userSigProblems(text, APP)).toEqual([]);
  });
});

test('what was signed is read', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 2 ** 40 }),
      fc.string({ minLength: 1, maxLength: 32 }),
      fc.integer({ min: 1, max: 2 ** 31 }),
      (sdkappid, identifier, expire) => {
        expect(readUserSig(sign({ sdkappid, identifier, expire }))).toEqual({
          kind: 'read',
          sdkappid,
          identifier,
          madeAt: NOW,
          expiresAt: NOW + expire,
        });
      },
    ),
  );
});

test('anything is read without an error', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(readUserSig(text).kind).toMatch(/^(read|other|malformed)$/);
    }),
  );
});
