import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseEnv } from 'node:util';
import type { z } from 'zod';
import type { Region } from './chat/regions.ts';
import { userSigProblems } from './chat/usersig-check.ts';
import { scrub, Secret } from './domain/secret.ts';
import type { Tuning } from './jobs/roles.ts';
import type { LogLevel } from './log.ts';
import { secretsIn } from './redis/route.ts';
import { SETTING_NAMES, type Setting, SETTINGS, type SettingName } from './settings.ts';

export { SETTING_NAMES, SETTINGS, type SettingName } from './settings.ts';

export type Environment = Record<string, string | undefined>;

/** What speaks for the app: its key, or a UserSig made elsewhere. */
export type Credentials = { secretKey: Secret } | { userSig: Secret };

/** Where the API answers. */
export type Endpoint = { region: Region } | { baseUrl: string };

export interface ChatConfig {
  sdkAppId: number;
  admin: string;
  credentials: Credentials;
  endpoint: Endpoint;
}

export interface Config {
  /** Null: the embedded Redis in `home`. */
  redisUrl: Secret | null;
  /** Absolute. */
  home: string;
  /** Null when it is not set and not needed. */
  sdkAppId: number | null;
  /** Null when something of it is not set and it is not needed. */
  chat: ChatConfig | null;
  logLevel: LogLevel;
  tuning: Tuning;
}

/** A Config read with `need: 'app'`, or `'chat'`. */
export type AppConfig = Config & { sdkAppId: number };
export type CallConfig = AppConfig & { chat: ChatConfig };

/** All bad settings of one reading, a line each. */
export class ConfigError extends Error {
  override name = 'ConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`Settings that befriend cannot use:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
    this.problems = problems;
  }
}

export interface ReadOptions {
  /** `app`: CHAT_SDKAPPID must be there. `chat`: also credentials and endpoint. Default: none of them. */
  need?: 'nothing' | 'app' | 'chat';
  /** Set over the environment, e.g. from flags; undefined takes a variable away. */
  overrides?: Environment;
  /** Where LOG_LEVEL is not set. Default `warn`. */
  logLevel?: LogLevel;
  /** What a relative BEFRIEND_HOME starts from. Default: the working directory. */
  cwd?: string;
}

/**
 * The environment with the `.env` file of `cwd` behind it: a variable that is set, even to nothing, wins.
 * @throws ConfigError when there is a `.env` that cannot be read
 */
export function readEnvironment(cwd: string, env: Environment): Environment {
  const path = join(cwd, '.env');
  try {
    return { ...parseEnv(readFileSync(path, 'utf8')), ...env };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return env;
    throw new ConfigError([`${path}: cannot be read (${(error as Error).message})`]);
  }
}

/** Lines of a `.env` that set nothing: a colon for `=`, a stray word. They would be passed over in silence. */
export function oddEnvLines(cwd: string): string[] {
  let text: string;
  try {
    text = readFileSync(join(cwd, '.env'), 'utf8');
  } catch {
    return []; // absent, or told by readEnvironment
  }
  // Values in quotes may span lines.
  const lines = text.replaceAll(/(=\s*)(["'`])[^]*?\2/g, (value) => value.replaceAll(/[^\n]/g, '=')).split('\n');
  return lines.flatMap((line, n) =>
    /^\s*(#|$|(export\s+)?[\w.-]+\s*=|=)/.test(line) ? [] : [`.env, line ${n + 1} is not NAME=value, and sets nothing`],
  );
}

/**
 * The whole configuration. A variable that is empty counts as absent.
 * @throws ConfigError with every bad or missing setting at once
 */
export function readConfig(env: Environment, options: ReadOptions & { need: 'chat' }): CallConfig;
export function readConfig(env: Environment, options: ReadOptions & { need: 'app' }): AppConfig;
export function readConfig(env: Environment, options?: ReadOptions): Config;
export function readConfig(env: Environment, options: ReadOptions = {}): Config {
  const { values, problems } = readValues({ ...env, ...options.overrides });
  problems.push(
    ...contradictions({ ...env, ...options.overrides }),
    ...missing(values, options.need ?? 'nothing', problems),
  );
  if (problems.length > 0) throw new ConfigError(problems);
  return {
    redisUrl: values.REDIS_URL === undefined ? null : new Secret(values.REDIS_URL),
    home: resolve(options.cwd ?? '.', values.BEFRIEND_HOME as string),
    sdkAppId: values.CHAT_SDKAPPID ?? null,
    chat: chatOf(values),
    logLevel: values.LOG_LEVEL ?? options.logLevel ?? 'warn',
    tuning: tuningOf(values),
  };
}

/**
 * Reads what CHAT_USERSIG says of itself, before any call: another app, another admin, expired.
 * @param now ms since 1970
 * @throws ConfigError
 */
export function checkUserSig({ chat: { credentials, sdkAppId, admin } }: CallConfig, now: number): void {
  if ('secretKey' in credentials) return;
  const problems = userSigProblems(credentials.userSig.reveal(), { sdkAppId, admin, now: Math.floor(now / 1000) });
  if (problems.length > 0) throw new ConfigError(problems);
}

/** Every secret of a configuration, to be hidden in the log wherever it appears. */
export function secretsOf({ redisUrl, chat }: Config): Secret[] {
  const secrets = chat === null ? [] : Object.values(chat.credentials as Record<string, Secret>);
  if (redisUrl !== null) secrets.push(...secretsIn(redisUrl.reveal()).map((secret) => new Secret(secret)));
  return secrets;
}

type Values = { [Name in SettingName]?: z.output<(typeof SETTINGS)[Name]['schema']> };

function readValues(env: Environment): { values: Values; problems: string[] } {
  const values: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const name of SETTING_NAMES) {
    const setting: Setting<unknown> = SETTINGS[name];
    const given = env[name]?.trim() || setting.default;
    if (given === undefined) continue;
    const { success, data, error } = setting.schema.safeParse(given);
    if (success) values[name] = data;
    else problems.push(`${name}: expected ${setting.expected}, got ${shown(setting, given)}${reason(error)}`);
  }
  return { values: values as Values, problems };
}

function shown(setting: Setting<unknown>, given: string): string {
  if (setting.secret) return 'something else (a secret, not shown)';
  const clean = scrub(given);
  return JSON.stringify(clean.length > 80 ? `${clean.slice(0, 80)}…` : clean);
}

/** What a setting's own check says beyond "expected …, got …". */
function reason(error: z.ZodError): string {
  const issue = error.issues.find(({ code, message }) => code === 'custom' && message !== 'Invalid input');
  return issue === undefined ? '' : ` (${scrub(issue.message)})`;
}

function contradictions(env: Environment): string[] {
  const both = (a: SettingName, b: SettingName): string[] =>
    env[a]?.trim() && env[b]?.trim() ? [`${a} and ${b}: both are set, expected one of them`] : [];
  return [...both('CHAT_SECRET_KEY', 'CHAT_USERSIG'), ...both('CHAT_REGION', 'CHAT_BASE_URL')];
}

/** What is needed and was not given. A setting that was given and is wrong has its own line already. */
function missing(values: Values, need: 'nothing' | 'app' | 'chat', problems: readonly string[]): string[] {
  const lacks = (...names: SettingName[]): string[] => {
    if (names.some((name) => values[name] !== undefined || problems.some((line) => line.startsWith(`${name}:`)))) {
      return [];
    }
    const expected = names.map((name) => SETTINGS[name].expected).join('; or ');
    return [`${names.join(' or ')}: missing, expected ${expected}`];
  };
  if (need === 'nothing') return [];
  const app = lacks('CHAT_SDKAPPID');
  if (need === 'app') return app;
  return [...app, ...lacks('CHAT_SECRET_KEY', 'CHAT_USERSIG'), ...lacks('CHAT_REGION', 'CHAT_BASE_URL')];
}

function chatOf(values: Values): ChatConfig | null {
  const { CHAT_SDKAPPID, CHAT_ADMIN, CHAT_SECRET_KEY, CHAT_USERSIG, CHAT_REGION, CHAT_BASE_URL } = values;
  let credentials: Credentials | null = null;
  if (CHAT_SECRET_KEY !== undefined) credentials = { secretKey: new Secret(CHAT_SECRET_KEY) };
  else if (CHAT_USERSIG !== undefined) credentials = { userSig: new Secret(CHAT_USERSIG) };
  let endpoint: Endpoint | null = null;
  if (CHAT_REGION !== undefined) endpoint = { region: CHAT_REGION };
  else if (CHAT_BASE_URL !== undefined) endpoint = { baseUrl: CHAT_BASE_URL };
  if (CHAT_SDKAPPID === undefined || credentials === null || endpoint === null) return null;
  return { sdkAppId: CHAT_SDKAPPID, admin: CHAT_ADMIN as string, credentials, endpoint };
}

/** Every setting that is asserted here has a default. */
function tuningOf(values: Values): Tuning {
  return {
    callsPerSecond: values.CHAT_CALLS_PER_SECOND!,
    appCallsPerSecond: values.CHAT_APP_CALLS_PER_SECOND ?? null,
    windowMs: values.BEFRIEND_WINDOW_MS!,
    marginMs: values.BEFRIEND_MARGIN_MS ?? null,
    latenessMs: values.BEFRIEND_LATENESS_MS!,
    coldLatenessMs: values.BEFRIEND_COLD_LATENESS_MS!,
    pace: values.BEFRIEND_PACE!,
    leaseSize: values.BEFRIEND_LEASE_SIZE ?? null,
    holdTokens: values.BEFRIEND_HOLD_TOKENS!,
    callTimeoutMs: values.BEFRIEND_CALL_TIMEOUT_MS!,
    serviceLimitMs: values.BEFRIEND_SERVICE_LIMIT_MS!,
    attempts: values.BEFRIEND_ATTEMPTS!,
    backoffScale: values.BEFRIEND_BACKOFF_SCALE!,
    concurrency: values.BEFRIEND_CONCURRENCY!,
    readySeconds: values.BEFRIEND_READY_SECONDS!,
    brakeAfter: values.BEFRIEND_BRAKE_AFTER!,
    brakePercent: values.BEFRIEND_BRAKE_PERCENT!,
    backlogMegabytes: values.BEFRIEND_BACKLOG_MB!,
    stallSeconds: values.BEFRIEND_STALL_SECONDS!,
    handoverMegabytes: values.BEFRIEND_HANDOVER_MB!,
    handoverWaitSeconds: values.BEFRIEND_HANDOVER_WAIT_SECONDS!,
    keepDays: values.BEFRIEND_KEEP_DAYS ?? null,
    keepGigabytes: values.BEFRIEND_KEEP_GB ?? null,
  };
}
