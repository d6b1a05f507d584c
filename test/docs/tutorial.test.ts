/** docs/tutorial.md, line by line: every command in real bash, every answer compared with what it says. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { stepsOf } from './console.ts';
import { freshFolder, root, runsAsItStands } from './runs.ts';

const steps = stepsOf(readFileSync(join(root, 'docs/tutorial.md'), 'utf8'));
const folder = freshFolder();
afterAll(() => folder.remove());

test('it has steps, with answers', () => {
  expect(steps.filter(({ expected }) => expected !== null && expected.length > 0).length).toBeGreaterThan(10);
});

runsAsItStands('docs/tutorial.md', steps, root, folder.env);
