/** One recorder a home, whatever becomes of the one before: real processes, real signals. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { utimesSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lockFileOf, lockHome } from '../../src/results/home-lock.ts';
import { type Folder, makeFolder } from './support.ts';

const HOLDER = fileURLToPath(new URL('lock-holder.mjs', import.meta.url));
const silent = { debug() {}, warn() {} };

let home: Folder;
let children: ChildProcess[];
beforeEach(() => {
  home = makeFolder();
  children = [];
});
afterEach(async () => {
  for (const child of children) {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
  home.remove();
});

/** As `lock-holder.mjs` has it. */
const WHOSE = { sdkAppId: 1, redis: null };

/** A process that wants to be the recorder, and what it says. */
function holder(): { child: ChildProcess; said: string[]; says(word: string): Promise<void> } {
  const child = spawn(process.execPath, [HOLDER, home.dir], { stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  const said: string[] = [];
  const lines = createInterface(child.stdout);
  lines.on('line', (line) => said.push(line));
  return {
    child,
    said,
    async says(word) {
      while (!said.includes(word)) await once(lines, 'line');
    },
  };
}

/** Resolves when somebody who waits has been refused at least once more. */
async function refused(): Promise<void> {
  const abort = new AbortController();
  const asked = lockHome(home.dir, WHOSE, silent, abort.signal);
  await new Promise((resolve) => setTimeout(resolve, 300));
  abort.abort();
  expect(await asked).toBeNull();
}

test.each(['SIGKILL', 'SIGTERM'] as const)('a holder that ends by %s is followed by who waits', async (signal) => {
  const first = holder();
  await first.says('mine');
  const second = holder();
  await refused();
  expect(second.said).toEqual([]);
  first.child.kill(signal);
  await second.says('mine');
});

test('a holder that is frozen keeps the lock, thawed or not, until it gives it up', async () => {
  const first = holder();
  await first.says('mine');
  first.child.kill('SIGSTOP');
  const second = holder();
  await refused();
  first.child.kill('SIGCONT');
  await refused();
  expect(second.said).toEqual([]);
  first.child.stdin?.end();
  await first.says('given up');
  await second.says('mine');
});

test('who waits for a frozen holder says so', async () => {
  const first = holder();
  await first.says('mine');
  first.child.kill('SIGSTOP');
  const longAgo = new Date(Date.now() - 60_000);
  utimesSync(join(home.dir, lockFileOf(WHOSE)), longAgo, longAgo);
  const second = holder();
  const warning = 'the recorder of this home gives no sign of life';
  await second.says(warning);
  first.child.kill('SIGKILL');
  await second.says('mine');
  expect(second.said).toEqual([warning, 'mine']);
});

test('two of one process exclude each other as well', async () => {
  const never = new AbortController().signal;
  const first = await lockHome(home.dir, WHOSE, silent, never);
  await refused();
  await first?.giveUp();
  const second = await lockHome(home.dir, WHOSE, silent, never);
  expect(second).not.toBeNull();
  await second?.giveUp();
});

test('another app, and another Redis, have recorders of their own in the home', async () => {
  const never = new AbortController().signal;
  const all = await Promise.all(
    [
      WHOSE,
      { sdkAppId: 2, redis: null },
      { sdkAppId: 1, redis: '127.0.0.1:6379' },
      { sdkAppId: 1, redis: '127.0.0.1:6380' },
    ].map((whose) => lockHome(home.dir, whose, silent, never)),
  );
  expect(all).not.toContain(null);
  await Promise.all(all.map((lock) => lock!.giveUp()));
});
