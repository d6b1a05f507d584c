import { describe, expect, test } from 'vitest';
import type { FaultPlanInput } from '../../src/simulator/faults.ts';
import { friendsOf, truthOf } from '../../src/simulator/truth.ts';
import { adding, check, codes, makeService, many, read } from './service-support.ts';

/** One import under a plan: what goes back, and whether it was applied. */
function importUnder(calls: FaultPlanInput['calls']) {
  const service = makeService({ faults: { calls } });
  const delivery = service.deliver('friend_import', adding('a', ['b']));
  const { faults } = service.context.ledger.of('friend_import');
  return { delivery, applied: friendsOf('a', service.context).friends.length === 1, faults };
}

describe('faults of calls', () => {
  test('502 of a gateway, before and after the service', () => {
    expect(importUnder({ badGateway: 1 })).toMatchObject({
      delivery: { kind: 'answer', status: 502 },
      applied: false,
      faults: { badGateway: 1 },
    });
    expect(importUnder({ badGatewayAfter: 1 })).toMatchObject({ delivery: { status: 502 }, applied: true });
  });

  test('reset, before and after', () => {
    expect(importUnder({ resetBefore: 1 })).toMatchObject({ delivery: { kind: 'reset' }, applied: false });
    expect(importUnder({ resetAfter: 1 })).toMatchObject({ delivery: { kind: 'reset' }, applied: true });
  });

  test('hang: applied, and the answer held', () => {
    expect(importUnder({ hang: 1, hangMs: 4000 })).toMatchObject({
      delivery: { kind: 'answer', status: 200, delayMs: 4000 },
      applied: true,
    });
  });

  test('malformed and truncated bodies: applied', () => {
    const { delivery, applied } = importUnder({ malformed: 1 });
    expect(applied).toBe(true);
    expect(() => read(delivery)).toThrow(SyntaxError);
    expect(importUnder({ truncated: 1 })).toMatchObject({ delivery: { kind: 'answer', cut: true }, applied: true });
  });

  test('codes of the whole call, before and after', () => {
    const before = importUnder({ codes: { 60008: 1 } });
    expect(read(before.delivery)).toMatchObject({ ActionStatus: 'FAIL', ErrorCode: 60008 });
    expect(before).toMatchObject({ applied: false, faults: { 'code:60008': 1 } });
    const after = importUnder({ codesAfter: { 60008: 1 } });
    expect(read(after.delivery)).toMatchObject({ ErrorCode: 60008 });
    expect(after.applied).toBe(true);
  });

  test('concern friend commands, or those named', () => {
    const service = makeService({ faults: { calls: { badGateway: 1, commands: ['friend_add'] } } });
    expect(service.deliver('friend_check', check('a', ['b']))).toMatchObject({ status: 200 });
    expect(service.deliver('friend_add', adding('a', ['b']))).toMatchObject({ status: 502 });
  });

  test('a call that never got to the service holds no list', () => {
    const service = makeService({ faults: { calls: { resetBefore: 1 } } });
    service.begin('friend_import', adding('a', ['b']));
    service.begin('friend_import', adding('a', ['b']));
    expect(service.context.conflicts.counts.overlaps).toBe(0);
  });

  test('latency is on every answer', () => {
    const service = makeService({ limit: 1, faults: { latency: { baseMs: 30, jitterMs: 10 } } });
    const delays = [1, 2].map(() => service.deliver('friend_check', check('a', ['b'])).delayMs);
    for (const delay of delays) {
      expect(delay).toBeGreaterThanOrEqual(20);
      expect(delay).toBeLessThanOrEqual(40);
    }
  });
});

const answers = (seed: number) => {
  const service = makeService({ seed, faults: 'rough' });
  return many(30).map((from) => JSON.stringify(service.deliver('friend_import', adding(from, many(5)))));
};

describe('faults of items', () => {
  test('transient pairs pass at the n-th try and are applied then', () => {
    const service = makeService({ faults: { transient: [{ code: 30007, fraction: 0.5, passesAt: 3 }] } });
    const ids = many(40);
    const tries = [1, 2, 3].map(() => {
      service.pass(1);
      return codes(service.call('friend_import', adding('a', ids)));
    });
    const hit = ids.filter((_, n) => tries[0]?.[n] === 30007);
    expect(hit.length).toBeGreaterThan(8);
    expect(hit.length).toBeLessThan(32);
    expect(tries[1]).toEqual(tries[0]);
    expect(tries[2]).toEqual(ids.map(() => 0));
    expect(friendsOf('a', service.context).friends).toHaveLength(40);
    expect(service.context.ledger.of('friend_import').faults).toEqual({ transient: 2 * hit.length });
  });

  test('a transient code can hide a write that was applied', () => {
    const service = makeService({ faults: { transient: [{ code: 30007, fraction: 1, applied: true }] } });
    expect(codes(service.call('friend_import', adding('a', ['b'])))).toEqual([30007]);
    expect(friendsOf('a', service.context).friends).toHaveLength(1);
  });

  test('permanent codes stay, whatever the try, and nothing is applied', () => {
    const service = makeService({ faults: { permanent: [{ code: 30525, fraction: 0.3, commands: ['friend_add'] }] } });
    const ids = many(100);
    const first = codes(service.call('friend_add', adding('a', ids)));
    service.pass(1);
    const second = codes(service.call('friend_add', adding('a', ids)));
    const hit = ids.filter((_, n) => first[n] === 30525);
    expect(hit.length).toBeGreaterThan(10);
    expect(ids.filter((_, n) => second[n] === 30525)).toEqual(hit);
    const truths = truthOf({ pairs: ids.map((to) => ['a', to]), command: 'friend_add' }, service.context);
    expect(ids.filter((_, n) => truths[n]?.fault?.kind === 'permanent')).toEqual(hit);
    expect(ids.filter((_, n) => !truths[n]?.forward)).toEqual(hit);
  });

  test('the same seed gives the same answers, another seed others', () => {
    expect(answers(1)).toEqual(answers(1));
    expect(answers(1)).not.toEqual(answers(2));
  });
});
