import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { fold } from '../../src/cli/fold.ts';

test('lines are broken at spaces, and what is broken off is indented', () => {
  expect(fold('one two three\n  four five', 9, '  ')).toBe('one two\n  three\n  four\n    five');
  expect(fold('a-word-that-is-too-long x', 5)).toBe('a-word-that-is-too-long\nx');
});

test('no word is lost, and no line is too long unless a word is', () => {
  const text = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '-'), minLength: 1, maxLength: 12 }), {
    minLength: 1,
  });
  fc.assert(
    fc.property(text, fc.integer({ min: 10, max: 80 }), (words, columns) => {
      const folded = fold(words.join(' '), columns, '  ');
      expect(folded.split(/\s+/)).toEqual(words);
      for (const line of folded.split('\n')) {
        expect(line.length <= columns || !line.trim().includes(' ')).toBe(true);
      }
    }),
  );
});
