import { CommanderError } from 'commander';
import {
  type AppConfig,
  type CallConfig,
  type Config,
  ConfigError,
  readConfig,
  readEnvironment,
  secretsOf,
} from '../config.ts';
import { type Befriend, JobNotFound, openBefriend } from '../befriend.ts';
import { IntakeError } from '../intake/error.ts';
import { JobElsewhere, KeyConflict } from '../jobs/submit.ts';
import { createLog, type Log } from '../log.ts';
import { RedisError } from '../redis/connection.ts';

/** Exit codes of every command: docs/operations.md. */
export const EXIT = {
  ok: 0,
  rowsFailed: 1,
  usage: 2,
  stopped: 3,
  unreachable: 4,
  bug: 70,
  interrupted: 130,
} as const;

/** A mistake in how the command was called. */
export class UsageError extends Error {
  override name = 'UsageError';
}

/** The API does not answer at all. */
export class ApiUnreachable extends Error {
  override name = 'ApiUnreachable';
}

export interface CliContext<C extends Config = AppConfig> {
  config: C;
  log: Log;
}

/** Settings and log of a command. @throws ConfigError */
export function readContext(need: 'chat'): CliContext<CallConfig>;
export function readContext(need: 'app'): CliContext;
export function readContext(need: 'nothing'): CliContext<Config>;
export function readContext(need: 'nothing' | 'app' | 'chat'): CliContext<Config> {
  const env = readEnvironment(process.cwd(), process.env);
  const config = readConfig(env, { need, terminal: process.stderr.isTTY === true });
  return { config, log: createLog({ level: config.logLevel, secrets: secretsOf(config) }) };
}

/** Opens befriend for one command and closes it whatever happens. */
export async function withBefriend<T>(context: CliContext, act: (befriend: Befriend) => Promise<T>): Promise<T> {
  const befriend = await openBefriend(context);
  try {
    return await act(befriend);
  } finally {
    await befriend.close();
  }
}

/** Prints what went wrong, without a stack where it is the user's to mend, and gives the exit code. */
export function explain(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof Error) {
    const code = codeFor(error);
    process.stderr.write(`befriend: ${code === EXIT.bug ? (error.stack ?? error.message) : error.message}\n`);
    return code;
  }
  process.stderr.write(`befriend: ${String(error)}\n`);
  return EXIT.bug;
}

function codeFor(error: Error): number {
  if (error.name === 'AbortError' || error instanceof Interrupted) return EXIT.interrupted;
  if (error instanceof IntakeError && error.code === 'aborted') return EXIT.interrupted;
  if (error instanceof RedisError || error instanceof ApiUnreachable) return EXIT.unreachable;
  const ours = [ConfigError, IntakeError, KeyConflict, JobElsewhere, JobNotFound, UsageError];
  return ours.some((kind) => error instanceof kind) ? EXIT.usage : EXIT.bug;
}

/** Ctrl-C or SIGTERM. The text says how to go on. */
export class Interrupted extends Error {
  override name = 'Interrupted';
}

/** Aborts on the first SIGINT or SIGTERM; the second one ends the process at once. */
export function onInterrupt(): { signal: AbortSignal; release: () => void } {
  const abort = new AbortController();
  const interrupt = () => {
    if (abort.signal.aborted) process.exit(EXIT.interrupted);
    abort.abort(new Interrupted('interrupted'));
  };
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);
  return {
    signal: abort.signal,
    release: () => {
      process.off('SIGINT', interrupt);
      process.off('SIGTERM', interrupt);
    },
  };
}
