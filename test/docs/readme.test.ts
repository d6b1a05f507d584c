/** README's "Rehearse on the simulator", in two terminals as it says, on a port that is free here. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openShell, type Shell, stepsOf } from './console.ts';
import { freshFolder, root, runsAsItStands } from './runs.ts';

const README_PORT = '7301';
const text = readFileSync(join(root, 'README.md'), 'utf8');
const start = text.indexOf('## Rehearse on the simulator');
const before = text.slice(0, start).split('\n').length - 1;
const port = await freePort();
const steps = stepsOf(text.slice(start, text.indexOf('\n## ', start))).map((step) => ({
  ...step,
  line: step.line + before,
  command: step.command.replace(README_PORT, port),
}));
const [simulate, ...rehearse] = steps;
const folder = freshFolder();
let terminal: Shell;
let printed: string[];

beforeAll(async () => {
  terminal = openShell(folder.dir, folder.env);
  const command = `${simulate?.command.replace('befriend simulate', `befriend simulate --port ${port}`)}`;
  const ready = 'until grep -qs CHAT_SECRET_KEY simulator.log; do sleep 0.1; done; grep ^export simulator.log';
  await terminal.run({ command: `{ ${command}\n} > simulator.log 2>&1 &`, expected: [] });
  printed = (await terminal.run({ command: ready, expected: [] })).output.trim().split('\n');
});
afterAll(async () => {
  await terminal.close();
  folder.remove();
});

test('there is a block for each terminal', () => {
  expect(simulate?.command).toMatch(/^npx befriend simulate\b/);
  expect(rehearse).toHaveLength(1);
});

test('the settings to copy are those that the simulator prints', () => {
  const copied = rehearse[0]?.command.split('\n').map((line) => line.replace(/ +#.*/, ''));
  expect(copied?.filter((line) => line.startsWith('export '))).toEqual(printed);
});

runsAsItStands('README.md', rehearse, folder.dir, folder.env);

async function freePort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: free } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return String(free);
}
