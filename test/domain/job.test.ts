import { expect, test } from 'vitest';
import { type JobState, type Steering, TRANSITIONS } from '../../src/domain/job.ts';

const STATES: readonly JobState[] = ['running', 'paused', 'stopped', 'cancelled', 'completed'];
const EVENTS = Object.keys(TRANSITIONS) as Steering[];
const leaving = (state: JobState) => EVENTS.filter((event) => TRANSITIONS[event].from.includes(state));

test.each(['completed', 'cancelled'] as const)('nothing leads out of %s', (state) => {
  expect(leaving(state)).toEqual([]);
});

test('every other state can be left, also for good: by cancel', () => {
  for (const state of ['running', 'paused', 'stopped'] as const) expect(leaving(state)).toContain('cancel');
});

test('every state but the first is entered by a transition, and no transition leads where it came from', () => {
  const entered = new Set(EVENTS.map((event) => TRANSITIONS[event].to));
  expect([...entered].toSorted()).toEqual([...STATES].toSorted());
  for (const event of EVENTS) expect(TRANSITIONS[event].from).not.toContain(TRANSITIONS[event].to);
});

test('only a running job completes, or is stopped by a fault', () => {
  expect(TRANSITIONS.complete.from).toEqual(['running']);
  expect(TRANSITIONS.stop.from).toEqual(['running']);
});
