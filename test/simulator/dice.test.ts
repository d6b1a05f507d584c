import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Dice } from '../../src/simulator/dice.ts';
import { FAULT_PRESETS, readFaultPlan } from '../../src/simulator/faults.ts';
import { parseSwitches, SWITCHES } from '../../src/simulator/switches.ts';
import { many } from './service-support.ts';

describe('fault plans', () => {
  test('every preset is a plan, and `none` has no fault', () => {
    for (const name of Object.keys(FAULT_PRESETS)) expect(readFaultPlan(name)).toBeDefined();
    expect(new Dice(1, readFaultPlan('none')).call('friend_import', 'a', 'b', 1)).toBeNull();
  });

  test('a plan that makes no sense is refused with the reason', () => {
    expect(() => readFaultPlan('stormy')).toThrow(/stormy.*none, mild, rough/s);
    expect(() => readFaultPlan({ calls: { hang: 2 } })).toThrow(/hang/);
    expect(() => readFaultPlan({ calls: { hang: 0.6, resetAfter: 0.6 } })).toThrow(/more than 1/);
    expect(() => readFaultPlan({ call: {} })).toThrow(/call/);
  });
});

const tries = (dice: Dice, from: string) => [1, 2, 3].map(() => dice.call('friend_import', from, 'x', 5));
const shareOf = (hit: (name: string) => unknown) => many(20_000).filter(hit).length / 20_000;
const halfOf = (of: 'to' | 'from') => new Dice(3, readFaultPlan({ permanent: [{ code: 30516, fraction: 0.5, of }] }));
const isHit = (dice: Dice, from: string, to: string) => Boolean(dice.items('friend_add', from)?.(to));

describe('draws', () => {
  const plan = readFaultPlan({
    calls: { badGateway: 0.1, resetAfter: 0.1, codes: { 60008: 0.1 } },
    transient: [{ code: 30006, fraction: 0.2 }],
    permanent: [{ code: 30525, fraction: 0.1 }],
    missing: 0.1,
  });
  const hitCalls = (seed: number, command: string) => {
    const dice = new Dice(seed, plan);
    return [1, 2].map(() => many(200).filter((from) => dice.call(command, from, 'x', 1)));
  };

  test('do not depend on the order in which calls arrive', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(many(40), { minLength: 40 }), fc.integer(), (order, seed) => {
        const straight = new Dice(seed, plan);
        const shuffled = new Dice(seed, plan);
        const expected = new Map(many(40).map((from) => [from, tries(straight, from)]));
        for (const from of order) expect(tries(shuffled, from)).toEqual(expected.get(from));
      }),
      { numRuns: 20 },
    );
  });

  test('hit the share they are meant to', () => {
    const dice = new Dice(7, plan);
    expect(shareOf((from) => dice.call('friend_add', from, 'x', 1))).toBeCloseTo(0.3, 1.7);
    expect(shareOf((id) => dice.isMissing(id))).toBeCloseTo(0.1, 1.7);
    const faultOf = dice.items('friend_add', 'from');
    expect(shareOf((to) => faultOf?.(to)?.kind === 'permanent')).toBeCloseTo(0.1, 1.7);
    expect(shareOf((to) => faultOf?.(to)?.kind === 'transient')).toBeCloseTo(0.18, 1.7);
  });

  test('differ between seeds, commands and tries', () => {
    const [first, second] = hitCalls(1, 'friend_add');
    expect(first).not.toEqual(second);
    expect(first).not.toEqual(hitCalls(2, 'friend_add')[0]);
    expect(first).not.toEqual(hitCalls(1, 'friend_import')[0]);
  });

  test('of `to` and `from` rules hit an account in all its pairs', () => {
    for (const name of many(20)) {
      expect(many(20, 'x').map((from) => isHit(halfOf('to'), from, name))).toEqual(
        Array(20).fill(isHit(halfOf('to'), 'x0', name)),
      );
      expect(many(20, 'x').map((to) => isHit(halfOf('from'), name, to))).toEqual(
        Array(20).fill(isHit(halfOf('from'), name, 'x0')),
      );
    }
    expect(new Set(many(20).map((to) => isHit(halfOf('to'), 'x0', to))).size).toBe(2);
  });

  test('rules concern friend commands, or those that they name', () => {
    const all = new Dice(1, readFaultPlan({ permanent: [{ code: 30006, fraction: 1 }] }));
    expect(all.items('friend_check', 'a')?.('b')).toEqual({ kind: 'permanent', code: 30006 });
    expect(all.items('account_check', '')).toBeNull();
    const named = new Dice(1, readFaultPlan({ permanent: [{ code: 30006, fraction: 1, commands: ['friend_add'] }] }));
    expect(named.items('friend_check', 'a')).toBeNull();
    expect(named.items('friend_add', 'a')).not.toBeNull();
  });

  test('rules of whole calls hit no item, rules of items no whole call, but for calls without items', () => {
    const whole = new Dice(1, readFaultPlan({ permanent: [{ code: 30009, fraction: 1, level: 'envelope' }] }));
    expect(whole.items('friend_check', 'a')).toBeNull();
    expect(whole.whole('friend_check', 'a', 'envelope')?.code).toBe(30009);
    const items = new Dice(1, readFaultPlan({ permanent: [{ code: 30009, fraction: 1 }] }));
    expect(items.whole('friend_check', 'a', 'envelope')).toBeNull();
    expect(items.whole('friend_get', 'a', null)?.code).toBe(30009);
    expect(items.whole('account_check', '', null)).toBeNull();
  });

  test('a transient pair passes at the n-th try', () => {
    const dice = new Dice(1, readFaultPlan({ transient: [{ code: 30007, fraction: 1, passesAt: 3 }] }));
    const fault = dice.items('friend_import', 'a')?.('b');
    if (fault?.kind !== 'transient') throw new Error('no transient fault drawn');
    expect([1, 2, 3, 4].map(() => dice.shows('friend_import', 'a', 'b', fault))).toEqual([true, true, false, false]);
    expect(dice.triesOf('friend_import', 'a', 'b')).toBe(4);
  });

  test('latency stays within its jitter', () => {
    const dice = new Dice(1, readFaultPlan({ latency: { baseMs: 30, jitterMs: 20 } }));
    const drawn = many(500).map((identity) => dice.latency(identity));
    expect(Math.min(...drawn)).toBeGreaterThanOrEqual(10);
    expect(Math.max(...drawn)).toBeLessThanOrEqual(50);
    expect(Math.max(...drawn) - Math.min(...drawn)).toBeGreaterThan(30);
  });
});

describe('switches on a command line', () => {
  test('name=reading', () => {
    expect(parseSwitches(['import-existing=exists', 'rate-window=fixed'])).toEqual({
      'import-existing': 'exists',
      'rate-window': 'fixed',
    });
  });

  test('every reading of every switch', () => {
    for (const [name, { readings }] of Object.entries(SWITCHES)) {
      for (const reading of readings) expect(parseSwitches([`${name}=${reading}`])).toEqual({ [name]: reading });
    }
  });

  test('every wrong one is told, with what it could be', () => {
    expect(() => parseSwitches(['import-existing=maybe', 'colour=red', 'rate-window'])).toThrow(
      /import-existing.*upsert, no-op, exists.*colour.*rate-window.*sliding, fixed, bucket/s,
    );
  });

  test('each has at least two readings', () => {
    for (const { readings } of Object.values(SWITCHES)) expect(new Set(readings).size).toBeGreaterThanOrEqual(2);
  });
});
