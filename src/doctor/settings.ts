import { type CallConfig, checkUserSig, type Config, ConfigError, type Environment, readConfig } from '../config.ts';
import { baseUrlOf } from '../chat/regions.ts';
import { SETTING_NAMES, SETTINGS, type Setting, type SettingName } from '../settings.ts';
import type { Finding } from '../domain/finding.ts';
import { scrub } from '../domain/secret.ts';

/** Where the settings come from: the environment wins over the file. */
export interface Sources {
  environment: Environment;
  file: Environment;
}

export interface SettingsRead {
  /** All that can be used: what is wrong counts as absent. */
  config: Config;
  /** Where the API is, also when the credentials are missing; null when that is not told. */
  baseUrl: string | null;
  /** Settings that were given and cannot be used. */
  bad: ReadonlySet<string>;
  findings: Finding[];
}

const WHERE = 'Set it in the environment or in ./.env; docs/configuration.md has all of them.';

/** Reads the settings as a calling command does, and goes on with what is good. Pure but for what `now` (ms) tells. */
export function readSettings(sources: Sources, now: number): SettingsRead {
  const env = { ...sources.file, ...sources.environment };
  const problems = problemsIn(() => readConfig(env, { need: 'chat' }));
  const named = problems.map(splitProblem);
  const bad = new Set(named.flatMap(({ names }) => names));
  const overrides = Object.fromEntries([...bad].map((name) => [name, undefined]));
  const config = readConfig(env, { overrides });
  const late = config.chat === null ? [] : problemsIn(() => checkUserSig(config as CallConfig, now));
  return {
    config,
    baseUrl: baseUrlIn({ ...env, ...overrides }),
    bad: new Set([...bad, ...late.flatMap((line) => splitProblem(line).names)]),
    findings: [
      ...SETTING_NAMES.flatMap((name) => (bad.has(name) ? [] : settingFindings(name, sources))),
      ...[...named, ...late.map(splitProblem)].map(({ names, text }): Finding => ({
        level: 'problem',
        area: names[0] ?? 'settings',
        text,
        advice: WHERE,
      })),
    ],
  };
}

function problemsIn(read: () => unknown): readonly string[] {
  try {
    read();
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

/** `A: text`, `A or B: text` and `A and B: text`, as the configuration words its problems. */
function splitProblem(line: string): { names: string[]; text: string } {
  const end = line.indexOf(':');
  const [first = '', ...others] = line.slice(0, end).split(/ (?:or|and) /);
  const text = line.slice(end + 1).trim();
  const rest = line.slice(first.length, end).trim();
  return { names: [first, ...others], text: rest === '' ? text : `${rest}: ${text}` };
}

function settingFindings(name: SettingName, { environment, file }: Sources): Finding[] {
  const setting: Setting<unknown> = SETTINGS[name];
  const fromEnvironment = environment[name] !== undefined;
  const value = (fromEnvironment ? environment[name] : file[name])?.trim() ?? '';
  if (fromEnvironment && value === '' && file[name]) {
    return [
      {
        level: 'warning',
        area: name,
        text: 'set to nothing in the environment, which hides the one in .env',
        advice: `unset ${name} to use the one in .env.`,
      },
    ];
  }
  if (value === '') return [];
  const shown = setting.secret ? 'set, not shown' : scrub(value);
  return [{ level: 'ok', area: name, text: `${shown} (${fromEnvironment ? 'environment' : '.env'})` }];
}

function baseUrlIn(env: Environment): string | null {
  // The settings of an endpoint are good by now: with made-up credentials beside them they read as a whole.
  const overrides = { CHAT_SDKAPPID: '1', CHAT_SECRET_KEY: 'none', CHAT_USERSIG: undefined };
  const { chat } = readConfig(env, { overrides });
  if (chat === null) return null;
  return 'region' in chat.endpoint ? baseUrlOf(chat.endpoint.region) : chat.endpoint.baseUrl;
}
