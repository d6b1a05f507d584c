import { inflateSync } from 'node:zlib';
import { inspect } from 'node:util';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fixedUserSig, userSigFromKey } from '../../src/chat/usersig-source.ts';
import { makeUserSig, verifyUserSig } from '../../src/chat/usersig.ts';
import { SECRET } from './support/clients.ts';

const INPUT = { sdkappid: 1400000001, key: SECRET, identifier: 'administrator', expire: 86_400, now: 1_700_000_000 };
const EXPECTED = { sdkappid: INPUT.sdkappid, key: SECRET, identifier: INPUT.identifier, now: INPUT.now };

function inflated(userSig: string): unknown {
  const base64 = userSig.replaceAll('*', '+').replaceAll('-', '/').replaceAll('_', '=');
  return JSON.parse(inflateSync(Buffer.from(base64, 'base64')).toString());
}

describe('makeUserSig', () => {
  test('gives the ticket of the test vector', () => {
    expect(inflated(makeUserSig(INPUT))).toEqual({
      'TLS.ver': '2.0',
      'TLS.identifier': 'administrator',
      'TLS.sdkappid': 1400000001,
      'TLS.time': 1_700_000_000,
      'TLS.expire': 86_400,
      'TLS.sig': 'OsmZf/YsbQHkP+VDdZVT42pSvZ3ZQJfOWfLC+bnBDDE=',
    });
  });

  test('gives the ticket of the test vector with a userbuf', () => {
    expect(inflated(makeUserSig({ ...INPUT, userbuf: Buffer.from('room:1') }))).toMatchObject({
      'TLS.userbuf': 'cm9vbTox',
      'TLS.sig': 'dxkh6rItBsSyASVrHWHhEMXlfVzrW5qlvsxsugJmb3U=',
    });
  });

  test.each([
    [{ sdkappid: 0 }, /SDKAppID/],
    [{ sdkappid: 1.5 }, /SDKAppID/],
    [{ key: '' }, /secret key is empty/],
    [{ identifier: '' }, /identifier/],
    [{ expire: -1 }, /expire/],
    [{ now: Number.NaN }, /now/],
  ])('refuses %o without naming the key', (change, message) => {
    expect(() => makeUserSig({ ...INPUT, ...change })).toThrow(message);
    expect(() => makeUserSig({ ...INPUT, ...change })).not.toThrow(SECRET);
  });

  test('is accepted by verifyUserSig for any account and app, in characters that need no escaping', () => {
    const whole = fc.integer({ min: 1, max: 2 ** 31 });
    fc.assert(
      fc.property(
        whole,
        fc.string({ minLength: 1 }),
        fc.string({ minLength: 1 }),
        whole,
        (sdkappid, key, identifier, now) => {
          const userSig = makeUserSig({ sdkappid, key, identifier, now, expire: 60 });
          expect(userSig).toMatch(/^[A-Za-z0-9*_-]+$/);
          expect(verifyUserSig(userSig, { sdkappid, key, identifier, now })).toEqual({ ok: true });
        },
      ),
    );
  });
});

describe('verifyUserSig', () => {
  const userSig = makeUserSig(INPUT);
  test.each([
    ['empty', '', EXPECTED, 70002],
    ['not of the alphabet', 'a b', EXPECTED, 70003],
    ['not zlib', 'AAAA', EXPECTED, 70003],
    ['cut off', userSig.slice(0, -12), EXPECTED, 70003],
    ['oversized', 'A'.repeat(10_000), EXPECTED, 70003],
    ['signed with another key', userSig, { ...EXPECTED, key: 'another' }, 70009],
    ['expired', userSig, { ...EXPECTED, now: INPUT.now + INPUT.expire + 1 }, 70001],
    ['made for another account', userSig, { ...EXPECTED, identifier: 'someone' }, 70013],
    ['made for another app', userSig, { ...EXPECTED, sdkappid: 1400000002 }, 70014],
  ])('refuses one that is %s', (_what, text, expected, code) => {
    expect(verifyUserSig(text, expected)).toMatchObject({ ok: false, code });
  });

  test('accepts one until its last second', () => {
    expect(verifyUserSig(userSig, { ...EXPECTED, now: INPUT.now + INPUT.expire })).toEqual({ ok: true });
  });

  test('never throws and never accepts, whatever text it is given', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(verifyUserSig(text, EXPECTED).ok).toBe(false);
      }),
    );
  });
});

function source(start = 1_700_000_000_000) {
  const clock = { ms: start };
  const made = userSigFromKey({ ...EXPECTED, expire: 1000, now: () => clock.ms });
  return { made, clock };
}

describe('a source with the key', () => {
  test('keeps a signature for 80 % of its life, then makes another', () => {
    const { made, clock } = source();
    const first = made.current();
    clock.ms += 799_000;
    expect(made.current()).toEqual(first);
    clock.ms += 1000;
    const second = made.current();
    expect(second.life).toBe(first.life + 1);
    expect(second.text).not.toBe(first.text);
  });

  test('makes another when the clock was set back', () => {
    const { made, clock } = source();
    const first = made.current();
    clock.ms -= 60_000;
    expect(made.current().text).not.toBe(first.text);
  });

  test('renews once when refused; calls in flight with the old one say nothing about the new one', () => {
    const { made, clock } = source();
    const { life } = made.current();
    clock.ms += 1000;
    made.refused(life);
    made.refused(life);
    made.refused(life);
    expect(made.usable()).toBe(true);
    expect(made.current().life).toBe(life + 1);
  });

  test('gives up when the renewed one is refused too, and hopes again once one is accepted', () => {
    const { made } = source();
    made.refused(made.current().life);
    made.refused(made.current().life);
    expect(made.usable()).toBe(false);
    made.accepted(made.current().life);
    expect(made.usable()).toBe(true);
    const { life } = made.current();
    made.refused(life);
    expect(made.current().life).toBe(life + 1);
    expect(made.usable()).toBe(true);
  });

  test('shows neither key nor signature', () => {
    const { made } = source();
    const { text } = made.current();
    for (const shown of [inspect(made, { depth: 9, showHidden: true }), JSON.stringify(made), String(made)]) {
      expect(shown).not.toContain(SECRET);
      expect(shown).not.toContain(text);
    }
  });
});

test('a fixed signature cannot be renewed', () => {
  const made = fixedUserSig('abc');
  expect(made.usable()).toBe(true);
  made.refused(1);
  expect(made.usable()).toBe(false);
  expect(made.current()).toEqual({ text: 'abc', life: 1 });
  expect(inspect(made, { depth: 9, showHidden: true }) + JSON.stringify(made)).not.toContain('abc');
});
