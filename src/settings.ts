import { z } from 'zod';
import { checkBaseUrl, isRegion, REGIONS, type Region } from './chat/regions.ts';
import { LOG_LEVELS, type LogLevel } from './log.ts';
import { routeOf, URL_FORMS } from './redis/route.ts';

/** One environment variable: the source of its check and of its documentation. */
export interface Setting<T> {
  /** What it means, for the documentation. */
  description: string;
  /** What a value must look like, for the error message. */
  expected: string;
  /** As text; absent where there is none, or where it depends (then the description says on what). */
  default?: string;
  /** The value is never shown. */
  secret?: true;
  schema: z.ZodType<T, string>;
}

const WHOLE = /^\d{1,15}$/;

function text(setting: Omit<Setting<string>, 'schema'>, accept: (value: string) => boolean = () => true) {
  return { ...setting, schema: z.string().refine(accept) };
}

/** A whole number written in digits, so that `2e3`, `0x10` or `1.5` are refused. */
function whole(min: number, max: number, setting: Omit<Setting<number>, 'schema' | 'expected'>): Setting<number> {
  const schema = z
    .string()
    .regex(WHOLE)
    .transform(Number)
    .refine((value) => value >= min && value <= max);
  return { ...setting, expected: `a whole number from ${min} to ${max}`, schema };
}

function number(min: number, max: number, setting: Omit<Setting<number>, 'schema' | 'expected'>): Setting<number> {
  const schema = z
    .string()
    .regex(/^\d+(\.\d+)?$/)
    .transform(Number)
    .refine((value) => value >= min && value <= max);
  return { ...setting, expected: `a number from ${min} to ${max}`, schema };
}

function isRedisUrl(value: string): boolean {
  try {
    routeOf(value);
    return true;
  } catch {
    return false;
  }
}

/** Every setting of befriend. Times are milliseconds unless the name says otherwise. */
export const SETTINGS = {
  REDIS_URL: text(
    {
      description: 'The Redis (6.2 or later) or Valkey to use. Absent: befriend starts a private one in its home',
      expected: URL_FORMS,
      secret: true,
    },
    isRedisUrl,
  ),
  BEFRIEND_HOME: text({
    description: 'Folder of the jobs, their input and results, and of the private Redis',
    expected: 'a folder',
    default: './.befriend',
  }),
  CHAT_SDKAPPID: whole(1, 999_999_999_999, { description: 'SDKAppID of the Tencent Chat app' }),
  CHAT_ADMIN: text(
    {
      description: 'UserID of an app admin, on whose behalf the calls are made',
      expected: 'a UserID of 1 to 32 bytes',
      default: 'administrator',
    },
    (value) => Buffer.byteLength(value) <= 32,
  ),
  CHAT_SECRET_KEY: text({
    description: "The app's secret key, from which UserSigs are made and renewed. Either this or CHAT_USERSIG",
    expected: 'the secret key of the app',
    secret: true,
  }),
  CHAT_USERSIG: text(
    {
      description: 'A UserSig of CHAT_ADMIN made elsewhere. Jobs stop when it expires',
      expected: 'a UserSig (letters, digits, * - _)',
      secret: true,
    },
    (value) => /^[A-Za-z0-9*_-]+$/.test(value),
  ),
  CHAT_REGION: {
    description: 'Data centre of the app. Either this or CHAT_BASE_URL',
    expected: `one of ${REGIONS.join(', ')}`,
    schema: z.string().transform((value, context): Region => {
      const name = value.toLowerCase();
      if (isRegion(name)) return name;
      context.addIssue('no such region');
      return z.NEVER;
    }),
  } satisfies Setting<Region>,
  CHAT_BASE_URL: {
    description:
      'Where the API answers, instead of CHAT_REGION: a simulator, a proxy. Plain http only for this machine',
    expected: 'a URL like https://console.tim.qq.com or http://127.0.0.1:7301',
    schema: z.string().transform((value, context): string => {
      const { url, problem } = checkBaseUrl(value);
      if (problem === null) return url;
      context.addIssue(problem);
      return z.NEVER;
    }),
  } satisfies Setting<string>,
  CHAT_CALLS_PER_SECOND: whole(1, 100_000, {
    description:
      "Most calls a second of each command of the app. The vendor's alarm fires at 80 % of the limit, so at the " +
      'default it will; 159 keeps it quiet',
    default: '200',
  }),
  CHAT_APP_CALLS_PER_SECOND: whole(1, 1_000_000, {
    description:
      'Most calls a second of all commands of the app together. The service has such a limit (60011) and does not say ' +
      'which: absent, only the commands are limited. The same in every process of the app',
  }),
  LOG_LEVEL: {
    description:
      'Least level that is logged, to stderr. Default: info for worker; for other commands error on a terminal, else warn',
    expected: `one of ${LOG_LEVELS.join(', ')}`,
    schema: z.enum(LOG_LEVELS),
  } satisfies Setting<LogLevel>,
  BEFRIEND_WINDOW_MS: whole(10, 60_000, {
    description: 'Window of the rate limits: at most CHAT_CALLS_PER_SECOND calls of a command fall into any one',
    default: '1000',
  }),
  BEFRIEND_MARGIN_MS: number(0, 1000, {
    description:
      'Time added to the window before a token comes back: must exceed the spread of the way to the service. ' +
      "Absent: the limiter's own choice, 4",
  }),
  BEFRIEND_LATENESS_MS: number(1, 1000, {
    description: 'A call that would leave later than this after its slot is not sent; it takes another slot',
    default: '20',
  }),
  BEFRIEND_COLD_LATENESS_MS: number(1, 1000, {
    description: 'The same for the first ten calls of a process, which leave later: code that never ran is slow',
    default: '100',
  }),
  BEFRIEND_PACE: number(0.01, 1, {
    description:
      'Slots stand this fraction of even spacing apart on average, at least, once tokens come back: less catches lost time ' +
      'up sooner, 1 never does, but for 20 ms',
    default: '0.95',
  }),
  BEFRIEND_LEASE_SIZE: whole(1, 1000, {
    description:
      'Most slots that a process leases at once: more means fewer Redis commands, and slots shared less evenly. ' +
      'Absent: the calls of 250 ms, and of 50 ms under a limit of the app; 10 to 200',
  }),
  BEFRIEND_HOLD_TOKENS: {
    description:
      'on: a token comes back a window and a margin after the answer of its call, so that no delay on the way breaks the ' +
      'window. For bad networks; see docs/limiter.md for its price. The same in every process of the app',
    expected: 'on or off',
    default: 'off',
    schema: z.enum(['on', 'off']).transform((value) => value === 'on'),
  } satisfies Setting<boolean>,
  BEFRIEND_CALL_TIMEOUT_MS: whole(10, 600_000, {
    description: 'A call without an answer is given up after this time',
    default: '10000',
  }),
  BEFRIEND_SERVICE_LIMIT_MS: whole(0, 60_000, {
    description: "The service's own time limit: an unanswered write may still be running for so long",
    default: '3000',
  }),
  BEFRIEND_ATTEMPTS: whole(1, 100, {
    description: 'Calls that may carry an item before its transient fault is final',
    default: '5',
  }),
  BEFRIEND_BACKOFF_SCALE: number(0, 1000, {
    description: 'Every delay before a further attempt is multiplied by this',
    default: '1',
  }),
  BEFRIEND_CONCURRENCY: whole(1, 1000, {
    description:
      'Chunks of a command that one caller process holds at once, waiting for their slot or in flight; more where more ' +
      'than half of them are in flight, since answers take long',
    default: '64',
  }),
  BEFRIEND_READY_SECONDS: number(0.1, 60, {
    description: 'Seconds of calls that are kept ready in the queue: how soon pause and urgent jobs take effect',
    default: '2',
  }),
  BEFRIEND_BRAKE_AFTER: whole(0, 1_000_000_000, {
    description:
      'Outcomes after which a job is looked at: if too many of them failed or are unknown it stops, and only resume ' +
      '--force goes on. 0: never',
    default: '1000',
  }),
  BEFRIEND_BRAKE_PERCENT: whole(0, 100, {
    description: 'The job stops when more than this share of its first outcomes failed or are unknown',
    default: '50',
  }),
  BEFRIEND_BACKLOG_MB: whole(1, 1_000_000, {
    description:
      'Megabytes of outcomes that may wait in Redis for the results files and for durable groups, beyond the 8 MiB a job ' +
      'that are kept anyway: with more, or when Redis has 85 % of its maxmemory in use, no new chunks are fed',
    default: '64',
  }),
  BEFRIEND_STALL_SECONDS: whole(1, 86_400, {
    description:
      'Seconds after which a worker says that a running job has not moved, whose work does not come, and makes its own ' +
      'connections to Redis anew where it is that',
    default: '60',
  }),
  BEFRIEND_HANDOVER_MB: whole(1, 64, {
    description:
      'Megabytes of one spool that a producer which shares only Redis may have in Redis at once: with more there it waits ' +
      'until a worker has taken some',
    default: '16',
  }),
  BEFRIEND_HANDOVER_WAIT_SECONDS: whole(1, 86_400, {
    description: 'Seconds that such a producer waits for a worker that takes nothing, before it gives up',
    default: '300',
  }),
  BEFRIEND_KEEP_DAYS: whole(1, 36_500, {
    description:
      'Days that a job which is over is kept, with its results; then whoever writes results files removes it. Absent: ' +
      'nothing is removed for its age',
  }),
  BEFRIEND_KEEP_GB: number(0, 1_000_000, {
    description:
      'Gigabytes (10^9 bytes) that the files of all jobs which are over may take together; beyond it the oldest ones are ' +
      'removed. Absent: nothing is removed for its size',
  }),
  BEFRIEND_REDIS_SERVER: text({
    description: 'The redis-server or valkey-server to start, instead of the first that is found',
    expected: 'the path of an executable',
  }),
} as const;

export type SettingName = keyof typeof SETTINGS;
export const SETTING_NAMES = Object.keys(SETTINGS) as readonly SettingName[];
