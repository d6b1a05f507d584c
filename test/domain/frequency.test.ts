import { expect, test } from 'vitest';
import { ceilingOf, rateOf } from '../../src/domain/frequency.ts';

test.each([
  { command: 'friend_get', callsPerSecond: 200, calls: 200 },
  { command: 'friend_import', callsPerSecond: 159, calls: 159 },
  { command: 'account_check', callsPerSecond: 200, calls: 100 },
  { command: 'multiaccount_import', callsPerSecond: 159, calls: 79 },
  { command: 'account_check', callsPerSecond: 1, calls: 1 },
])('$command at $callsPerSecond a second of the friend commands: $calls', ({ command, callsPerSecond, calls }) => {
  expect(rateOf(command, { callsPerSecond, windowMs: 200 })).toEqual({ calls, windowMs: 200 });
});

test('the app’s limit caps the command’s', () => {
  const limits = { callsPerSecond: 60, windowMs: 200 };
  expect(ceilingOf('friend_get', { ...limits, appCallsPerSecond: null })).toBe(300);
  expect(ceilingOf('friend_get', { ...limits, appCallsPerSecond: 40 })).toBe(200);
  expect(ceilingOf('account_check', { ...limits, appCallsPerSecond: 40 })).toBe(150);
});

test('of a command that befriend does not call nothing is guessed', () => {
  const ask = () => rateOf('account_delete', { callsPerSecond: 200, windowMs: 1000 });
  expect(ask).toThrow(RangeError);
  expect(ask).toThrow(
    /account_delete is not known here, only of friend_check, .*account_check.*: give its rate yourself/,
  );
});
