import { CommanderError } from 'commander';
import {
  type AppConfig,
  type CallConfig,
  checkUserSig,
  type Config,
  ConfigError,
  oddEnvLines,
  readConfig,
  readEnvironment,
  secretsOf,
  SETTING_NAMES,
  type SettingName,
} from '../config.ts';
import { type Befriend, openBefriend } from '../befriend.ts';
import { JobBraked, JobNotFound } from '../job.ts';
import { scrub } from '../domain/secret.ts';
import { similarName } from '../domain/similar.ts';
import { IntakeError } from '../intake/error.ts';
import { RetryRefused } from '../jobs/retry.ts';
import { HandoverFailed } from '../jobs/hand-over.ts';
import { JobElsewhere, KeyConflict } from '../jobs/submit.ts';
import { createLog, type Log, type LogLevel } from '../log.ts';
import { HomeError } from '../jobs/home.ts';
import { ResultsGone } from '../results/follow.ts';
import { RedisError } from '../redis/connection.ts';
import { refusalOf } from '../redis/refusal.ts';
import { fold } from './fold.ts';

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

/** The API takes no call with these settings: key, UserSig, admin, region, plan. */
export class ApiRefused extends Error {
  override name = 'ApiRefused';
}

/** The API does not answer at all. */
export class ApiUnreachable extends Error {
  override name = 'ApiUnreachable';
}

export interface CliContext<C extends Config = AppConfig> {
  config: C;
  log: Log;
}

/** A person at a terminal sees progress and errors as text; a log file also wants warnings. */
const quietLevel = (): LogLevel => (process.stderr.isTTY ? 'error' : 'warn');

/** What a command needs of the settings. */
export type Need = 'nothing' | 'app' | 'chat';

/** Settings and log of a command; names that only look like settings are warned of. @throws ConfigError */
export function readContext(need: 'chat', logLevel?: LogLevel): CliContext<CallConfig>;
export function readContext(need: 'app', logLevel?: LogLevel): CliContext;
export function readContext(need: 'nothing', logLevel?: LogLevel): CliContext<Config>;
export function readContext(need: Need, logLevel = quietLevel()): CliContext<Config> {
  const env = readEnvironment(process.cwd(), process.env);
  warnOnce([...oddEnvLines(process.cwd()), ...misspelled(Object.keys(env))]);
  const config = readConfig(env, { need, logLevel });
  if (need === 'chat') checkUserSig(config as CallConfig, Date.now());
  return { config, log: createLog({ level: config.logLevel, secrets: secretsOf(config) }) };
}

const told = new Set<string>();

/** A command may read its settings more than once. */
function warnOnce(warnings: readonly string[]): void {
  for (const warning of warnings) {
    if (!told.has(warning)) tell(`warning: ${warning}`);
    told.add(warning);
  }
}

/** CHAT_ may be the prefix of another program's settings too: such a name counts only where it is nearly one of ours. */
export function misspelled(names: readonly string[]): string[] {
  const unknown = names.filter(
    (name) => /^(BEFRIEND|CHAT)_/.test(name) && !SETTING_NAMES.includes(name as SettingName),
  );
  return unknown.flatMap((name) => {
    const meant = similarName(name, SETTING_NAMES);
    if (meant !== undefined) return [`${name} is set, which befriend does not read: do you mean ${meant}?`];
    return name.startsWith('BEFRIEND_')
      ? [`${name} is set, which befriend does not read: see docs/configuration.md`]
      : [];
  });
}

/** Opens befriend for one command and closes it whatever happens. */
export async function withBefriend<T>(context: CliContext, act: (befriend: Befriend) => Promise<T>): Promise<T> {
  const warn = (text: string) => tell(`warning: ${text}`);
  const befriend = await openBefriend({ ...context, warn });
  try {
    return await act(befriend);
  } finally {
    await befriend.close();
  }
}

/** Prints what went wrong, without a stack where it is the user's to mend, and gives the exit code. */
export function explain(thrown: unknown): number {
  const error = refusalOf(thrown) ?? thrown;
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof Error) {
    const code = codeFor(error);
    tell(`befriend: ${code === EXIT.bug ? bugText(error) : error.message}`);
    return code;
  }
  process.stderr.write(`befriend: ${String(error)}\n`);
  return EXIT.bug;
}

/** A terminal would break words at its edge; a log wants a text in one piece. */
export function tell(text: string): void {
  const { isTTY, columns } = process.stderr;
  process.stderr.write(`${isTTY ? fold(text, (columns || 80) - 1, '  ') : text}\n`);
}

function bugText(error: Error): string {
  return (
    'a fault of befriend itself. What was accepted is safe: the same command goes on with it. Please report this:\n' +
    scrub(error.stack ?? error.message)
  );
}

function codeFor(error: Error): number {
  if (error.name === 'AbortError' || error instanceof Interrupted) return EXIT.interrupted;
  if (error instanceof IntakeError && error.code === 'aborted') return EXIT.interrupted;
  if (error instanceof PreflightRefused) return error.exitCode;
  if (error instanceof JobBraked) return EXIT.stopped;
  if (error instanceof RedisError || error instanceof ApiUnreachable || error instanceof HandoverFailed) {
    return EXIT.unreachable;
  }
  const ours = [
    ConfigError,
    HomeError,
    IntakeError,
    ResultsGone,
    KeyConflict,
    JobElsewhere,
    JobNotFound,
    RetryRefused,
    UsageError,
    ApiRefused,
  ];
  return ours.some((kind) => error instanceof kind) ? EXIT.usage : EXIT.bug;
}

/** The accounts of the rows were checked first, and nothing was written: some are missing, or the check did not end. */
export class PreflightRefused extends Error {
  override name = 'PreflightRefused';
  readonly exitCode: number;

  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Ctrl-C or SIGTERM. The text says how to go on. */
export class Interrupted extends Error {
  override name = 'Interrupted';
}

/** Ctrl-C, a stop from outside, a terminal that was closed. */
const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Aborts on the first of them; the second one ends the process at once. */
export function onInterrupt(): { signal: AbortSignal; release: () => void } {
  const abort = new AbortController();
  const interrupt = () => {
    if (abort.signal.aborted) process.exit(EXIT.interrupted);
    abort.abort(new Interrupted('interrupted'));
  };
  for (const name of ENDING) process.on(name, interrupt);
  return {
    signal: abort.signal,
    release: () => {
      for (const name of ENDING) process.off(name, interrupt);
    },
  };
}
