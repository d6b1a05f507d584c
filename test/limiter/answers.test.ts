import { expect, test } from 'vitest';
import { Answers } from '../../src/limiter/answers.ts';

test('a call held back on its way shows by its answer', () => {
  const answers = new Answers();
  for (let n = 0; n < 100; n += 1) answers.excessOf(30 + (n % 5));
  expect(answers.excessOf(130)).toBeGreaterThanOrEqual(96);
  expect(answers.excessOf(31)).toBeLessThan(5);
});

test('a few refusals that answer at once are not taken for the usual', () => {
  const answers = new Answers();
  for (let n = 0; n < 200; n += 1) answers.excessOf(n % 100 === 0 ? 1 : 30);
  expect(answers.excessOf(30)).toBe(0);
});

test('a service that becomes slow for good becomes the usual', () => {
  const answers = new Answers();
  for (let n = 0; n < 100; n += 1) answers.excessOf(30);
  expect(answers.excessOf(200)).toBe(170);
  for (let n = 0; n < 300; n += 1) answers.excessOf(200);
  expect(answers.excessOf(200)).toBe(0);
});
