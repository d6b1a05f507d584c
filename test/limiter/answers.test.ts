import { expect, test } from 'vitest';
import { seededRandom } from '../../src/simulator/graph.ts';
import { Answers } from '../../src/limiter/answers.ts';

test('a call held back on its way shows by its answer', () => {
  const answers = new Answers();
  for (let n = 0; n < 100; n += 1) answers.excessOf(30 + (n % 5));
  expect(answers.excessOf(130)).toBeGreaterThanOrEqual(96);
  expect(answers.excessOf(31)).toBeLessThan(5);
});

test('errors that come at once do not make others look late, however many they are', () => {
  const answers = new Answers();
  for (let n = 0; n < 100; n += 1) answers.excessOf(30);
  for (let n = 0; n < 3000; n += 1) {
    expect(answers.excessOf(n % 3 === 1 ? 1 : 30, n % 3 !== 1)).toBe(0);
  }
});

test('until enough are known, none is taken for quick', () => {
  const answers = new Answers();
  for (let n = 0; n < 63; n += 1) expect(answers.excessOf(30)).toBe(30);
  expect(answers.excessOf(30)).toBe(0);
});

test('while a way is slow for a second the quick answers of before are remembered', () => {
  const answers = new Answers();
  for (let n = 0; n < 1000; n += 1) answers.excessOf(30 + (n % 10));
  for (let n = 0; n < 900; n += 1) expect(answers.excessOf(36)).toBeGreaterThanOrEqual(5);
});

// A way of up to 10 ms, and back: what is not charged to a late call must be left of the margin of 4 ms.
test('of a way that varies by 10 ms, the quick answers that calls are judged by are nearly the quickest', () => {
  const random = seededRandom(1);
  const answers = new Answers();
  const uncharged = Array.from({ length: 5000 }, () => {
    answers.excessOf(5 + 10 * random() + 10 * random());
    return 20 - answers.excessOf(5 + 20, false);
  });
  expect(Math.max(...uncharged.slice(1000))).toBeLessThan(1.5);
});

test('a service that becomes slow for good becomes the usual', () => {
  const answers = new Answers();
  for (let n = 0; n < 100; n += 1) answers.excessOf(30);
  expect(answers.excessOf(200)).toBe(170);
  for (let n = 0; n < 1100; n += 1) answers.excessOf(200);
  expect(answers.excessOf(200)).toBe(0);
});
