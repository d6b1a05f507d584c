import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Outcome } from '../../src/domain/outcome.ts';
import type { Report } from '../../src/results/report.ts';
import type { SimulatorSettings } from '../../src/simulator/simulate.ts';

const BEFRIEND = fileURLToPath(new URL('../../dist/src/cli/befriend.js', import.meta.url));

export interface Finished {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface Command {
  child: ChildProcess;
  done: Promise<Finished>;
  /** SIGKILL, and its end. */
  kill(): Promise<void>;
}

/** A folder of one test with the settings for its simulator: where commands run. */
export interface Workplace {
  dir: string;
  home: string;
  env: Record<string, string>;
  /** Writes rows as CSV and returns the path. */
  csv(name: string, rows: Iterable<readonly [string, string]>): string;
  start(...args: string[]): Command;
  /** With other settings than the workplace's. */
  startWith(settings: Record<string, string>, ...args: string[]): Command;
  run(...args: string[]): Promise<Finished>;
  /** Runs with --json and returns the report. */
  report(...args: string[]): Promise<{ code: number | null; report: Report; stderr: string }>;
  /** SIGKILL of everything that works in this home, its Redis included. */
  killAll(): Promise<void>;
  remove(): Promise<void>;
}

/**
 * Compressed time: the same rate as the service's, a fifth of its window, backoff and limits of time accordingly.
 * The meter of the simulator must be asked with the same window.
 */
export const COMPRESSED = {
  CHAT_CALLS_PER_SECOND: '60',
  BEFRIEND_WINDOW_MS: '200',
  BEFRIEND_BACKOFF_SCALE: '0.1',
  BEFRIEND_SERVICE_LIMIT_MS: '300',
  BEFRIEND_CALL_TIMEOUT_MS: '1500',
};

/** The simulator's side of it. */
export const COMPRESSED_LIMIT = { limit: 60, windowMs: 200 };

export function workplace(simulator: SimulatorSettings, settings: Record<string, string> = {}): Workplace {
  const dir = mkdtempSync(join(tmpdir(), 'befriend-test-'));
  const home = join(dir, 'home');
  const env: Record<string, string> = {
    PATH: process.env.PATH ?? '',
    BEFRIEND_HOME: home,
    CHAT_BASE_URL: simulator.baseUrl,
    CHAT_SDKAPPID: String(simulator.sdkappid),
    CHAT_ADMIN: simulator.admin,
    CHAT_SECRET_KEY: simulator.key,
    LOG_LEVEL: 'warn',
    ...COMPRESSED,
    ...settings,
  };
  const running = new Set<ChildProcess>();

  const startWith = (others: Record<string, string>, ...args: string[]): Command => {
    const child = spawn(process.execPath, [BEFRIEND, ...args], {
      cwd: dir,
      env: { ...env, ...others },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(child);
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (data) => (stdout += String(data)));
    child.stderr.on('data', (data) => (stderr += String(data)));
    const done = once(child, 'close').then(([code]) => {
      running.delete(child);
      return { code: code as number | null, stdout, stderr };
    });
    const kill = async (): Promise<void> => {
      child.kill('SIGKILL');
      await done;
    };
    return { child, done, kill };
  };
  const start = (...args: string[]) => startWith({}, ...args);
  const run = (...args: string[]) => start(...args).done;

  const killAll = async (): Promise<void> => {
    await Promise.all([...running].map((child) => child.kill('SIGKILL') && once(child, 'close')));
    // The embedded Redis and its guardian have the home in their command lines or under it.
    const killer = spawn('pkill', ['-KILL', '-f', home], { stdio: 'ignore' });
    await once(killer, 'close');
  };

  return {
    dir,
    home,
    env,
    csv(name, rows) {
      const path = join(dir, name);
      writeFileSync(path, `from,to\n${[...rows].map((row) => row.join(',')).join('\n')}\n`);
      return path;
    },
    start,
    startWith,
    run,
    async report(...args) {
      const { code, stdout, stderr } = await run(...args, '--json');
      if (stdout === '') throw new Error(`no report (exit code ${code}):\n${stderr}`);
      return { code, report: JSON.parse(stdout) as Report, stderr };
    },
    killAll,
    async remove() {
      await killAll();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

export function outcomesIn(path: string): Outcome[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Outcome);
}
