import type { Logger } from 'pino';
import type { ProbeVerdict } from './chat/probe.ts';
import {
  type AppConfig,
  type CallConfig,
  type ChatConfig,
  checkUserSig,
  ConfigError,
  readConfig,
  readEnvironment,
  secretsOf,
} from './config.ts';
import { type GroupStanding, standingOf } from './domain/backlog.ts';
import type { JobStatus } from './domain/job.ts';
import type { OperationName } from './domain/operation.ts';
import { type Role, ROLES } from './domain/role.ts';
import type { Prepared } from './intake/prepare.ts';
import type { Source } from './intake/source.ts';
import { type Job, JobNotFound, jobOf } from './job.ts';
import { type Allowance, allow } from './jobs/allowance.ts';
import { consume, type ConsumeSettings, type Delivery } from './jobs/consume.ts';
import { createGroups } from './jobs/groups.ts';
import { submitThroughRedis } from './jobs/hand-over.ts';
import { createHandovers } from './jobs/handovers.ts';
import { fullText, openHome } from './jobs/home.ts';
import { removeLitter } from './jobs/intake-folder.ts';
import { keysOf } from './jobs/keys.ts';
import { createLedger } from './jobs/ledger.ts';
import { type Outlook, outlookOf } from './jobs/outlook.ts';
import { finishPruned, isPruned, prune, type PruneAsked, type Pruned, prunedText } from './jobs/prune.ts';
import { keepLimitsOf } from './jobs/expiry.ts';
import { type RetryAsked, retryJob } from './jobs/retry.ts';
import type { Roles } from './jobs/roles.ts';
import { type Submission, submit } from './jobs/submit.ts';
import { sameRowsHint, type Stranger, strangersIn, strangerText } from './jobs/whereabouts.ts';
import { type WorkerFigures, workersOf } from './jobs/worker-figures.ts';
import { createLog } from './log.ts';
import { describeAddress } from './redis/connection.ts';
import { isFull } from './redis/folder.ts';
import { openRedis } from './redis/open.ts';

export type { GroupStanding } from './domain/backlog.ts';

export interface SubmittedJob extends Job {
  /** `existing`: an unfinished job of the same rows, or the job of the idempotency key. */
  readonly kind: 'created' | 'existing';
  /** What intake found; null when nothing was read because the job was there. */
  readonly prepared: Prepared | null;
  /** A word for people where the same rows were submitted from this home with another Redis. */
  readonly hint?: string;
}

export interface SubmitSettings extends Submission {
  /**
   * `redis`: for a program that shares only Redis with the workers. Rows are read, checked and sorted in the home of this
   * process, which may be any scratch folder, and a worker takes them through Redis into its own. Default `home`.
   */
  spool?: 'home' | 'redis';
  /** With `spool: 'redis'`: where rejected rows are written on this side. The worker's home has them in any case. */
  rejects?: string;
  signal?: AbortSignal;
  onProgress?: (progress: { bytes: number; rows: number }) => void;
  /** Looks at what was prepared before a job is made of it. What it throws ends the submission: nothing was accepted. */
  inspect?: (prepared: Prepared) => Promise<void>;
}

export interface RetrySettings extends RetryAsked {
  signal?: AbortSignal;
  onProgress?: (progress: { bytes: number; rows: number }) => void;
}

export interface Befriend {
  /**
   * Takes rows in: validates, deduplicates, cuts into chunks, creates the job. Accepted when it resolves.
   * @throws IntakeError, KeyConflict, JobElsewhere; HandoverFailed when no worker took a spool through Redis, or nobody can
   * tell: its text says which
   */
  submit(source: Source, asked: SubmitSettings): Promise<SubmittedJob>;
  /**
   * Runs the rows of a finished job that may pass now (transient, skipped, unknown; with `all` also those that failed
   * for good) as a new job. The same call finds that job while it is unfinished.
   * @throws JobNotFound; NothingToRetry; RetryRefused when the job is not over or was retried already
   */
  retry(id: string, asked?: RetrySettings): Promise<SubmittedJob>;
  /** A known job. @throws JobNotFound */
  job(id: string): Promise<Job>;
  /** All known jobs, newest first. */
  jobs(): Promise<JobStatus[]>;
  /**
   * Removes jobs that are over, with all that befriend has of them, oldest first: those that ended longer ago than
   * `olderThanMs`, then those beyond `keepBytes` of files. Never one whose outcomes are not all in its file, or of which a
   * durable group has some to come. Copies elsewhere (`--out`) stay.
   */
  prune(asked: PruneAsked): Promise<Pruned>;
  /**
   * Outcomes of one job or of all, some at a time, through a consumer group: at least once, resumed where the group was.
   * A delivery is acknowledged when the next one is asked for; one that a loop breaks in, or its process dies in, comes again.
   * @throws FellBehind; JobNotFound; RangeError when a name cannot be one
   */
  consume(settings: ConsumeSettings): AsyncGenerator<Delivery>;
  /** Forgets a consumer group, so that it holds nothing back any more. @returns false when there is none of that name */
  forgetGroup(name: string, options?: { durable?: boolean }): Promise<boolean>;
  /** Durable groups, and what waits for them. */
  durableGroups(): Promise<GroupStanding[]>;
  /** The processes that have roles now, wherever they run, and what each takes of CPU and memory. */
  workers(): Promise<WorkerFigures[]>;
  /** Jobs of the app whose files are in this home while this Redis does not know them. */
  strangers(): Promise<Stranger[]>;
  /** What calls of an operation can expect now: the limit in force, who shares it, what is wrong. */
  outlook(operation: OperationName): Promise<Outlook>;
  /**
   * Lowers the calls a second and the calls in flight of an operation, in all processes and while jobs run, or raises them
   * again; null: as much as the settings give. It lasts until it is changed.
   * @throws RangeError for less than one call, or more than the settings give
   */
  limit(operation: OperationName, allowed: Partial<Allowance>): Promise<void>;
  /**
   * Runs roles in this process until `close` or the returned stop, for all jobs or `only` one. Without a running `call`
   * no job moves.
   */
  work(roles?: readonly Role[], options?: { only?: { id: string; operation: OperationName } }): Roles;
  /**
   * Tries the credentials with one harmless call (account_check of the admin), which takes its slot as every call does.
   * Null when others took every slot. @throws RedisError when Redis grants none; the signal's reason
   */
  tryCredentials(signal?: AbortSignal): Promise<ProbeVerdict | null>;
  close(): Promise<void>;
}

export interface OpenOptions {
  /** Default: read from `env` and the .env file of the working directory, with all that calling needs. */
  config?: AppConfig | CallConfig;
  /** Default: a log to stderr at the configured level, `warn` where none is set. */
  log?: Logger;
  /** Default: process.env */
  env?: NodeJS.ProcessEnv;
  /** Told, once a process, what may be lost with this Redis. Default: the log. */
  warn?: (text: string) => void;
}

const NO_SHARED_REDIS = "REDIS_URL: missing, and spool: 'redis' needs it: no worker sees the private Redis of a home";

const warned = new Set<string>();

function warnOnce(text: string, warn: (text: string) => void): void {
  if (warned.has(text)) return;
  warned.add(text);
  warn(text);
}

/**
 * Connects to Redis (REDIS_URL, or the embedded one of the home) and gives the app's jobs.
 * @throws ConfigError with everything that is wrong with the settings; HomeError when the home cannot be used;
 * RedisError when no Redis can
 */
export async function openBefriend(options: OpenOptions = {}): Promise<Befriend> {
  const env = readEnvironment(process.cwd(), options.env ?? process.env);
  const config = options.config ?? readConfig(env, { need: 'chat' });
  if (options.config === undefined) checkUserSig(config as CallConfig, Date.now());
  const log = options.log ?? createLog({ level: config.logLevel, secrets: secretsOf(config) });
  const { home, sdkAppId, tuning } = config;
  const warn = options.warn ?? ((text: string) => log.warn(text));
  openHome(home);
  await removeLitter(home, Date.now());
  const keys = keysOf(sdkAppId);
  const url = config.redisUrl?.reveal() ?? null;
  const { redis, warnings } = await openRedis({ url, home, writeCheckKey: keys.writeCheck }, { env, log });
  for (const text of warnings) warnOnce(text, warn);
  const ledger = createLedger(redis, keys);
  const working: Roles[] = [];

  const here = { sdkAppId, redis: url === null ? null : describeAddress({ url }) };
  const shared = { home, ledger, redis: here, wallClock: Date.now, random: Math.random };
  await finishPruned(shared).catch((error: unknown) => log.warn({ err: error }, 'prune: what a crash left stays'));
  const groups = createGroups(redis, keys);
  const notFound = async (id: string): Promise<JobNotFound> =>
    new JobNotFound(
      (await prunedText(home, id)) ??
        (await strangerText(home, here, id)) ??
        `There is no job ${id}. befriend jobs lists all jobs.`,
    );
  const theJob = (id: string): Job => jobOf(id, { ledger, home, notFound });

  return {
    async submit(source, { signal, onProgress, inspect, spool = 'home', rejects, ...asked }) {
      const parts = { ...shared, signal, onProgress, inspect };
      if (spool === 'redis') {
        if (here.redis === null) throw new ConfigError([NO_SHARED_REDIS]);
        const handing = {
          handovers: createHandovers(redis, keys),
          mostBytes: tuning.handoverMegabytes * 1e6,
          patienceMs: tuning.handoverWaitSeconds * 1000,
          tell: warn,
          now: () => performance.now(),
        };
        const through = await submitThroughRedis(source, asked, rejects ?? null, { ...parts, ...handing });
        return { ...theJob(through.job), kind: through.kind, prepared: through.prepared };
      }
      const { kind, job, prepared } = await submit(source, asked, parts);
      const hint =
        kind === 'created'
          ? await sameRowsHint(home, here, await ledger.descriptor(job), await ledger.list())
          : undefined;
      return { ...theJob(job), kind, prepared, hint };
    },
    async retry(id, { signal, onProgress, ...asked } = {}) {
      const parent = await theJob(id).status();
      const { kind, job, prepared } = await retryJob(parent, asked, { ...shared, signal, onProgress });
      return { ...theJob(job), kind, prepared };
    },
    async job(id) {
      const job = theJob(id);
      await job.status();
      return job;
    },
    async jobs() {
      const all = await Promise.all((await ledger.list()).map((id) => ledger.status(id)));
      const known = all.filter((job) => job !== null);
      const gone = await Promise.all(known.map(({ id }) => isPruned(home, id)));
      return known.filter((_, n) => !gone[n]);
    },
    consume: (settings) => consume(settings, { ...shared, groups, notFound }),
    forgetGroup: (name, { durable = true } = {}) => groups.leave({ name, durable }),
    durableGroups: async () => standingOf(await groups.durable(), await ledger.backlog()),
    prune: (asked) => prune(asked, shared),
    workers: () => workersOf(redis, keys),
    strangers: async () => strangersIn(home, here, await ledger.list()),
    async outlook(operation) {
      const outlook = await outlookOf(operation, { redis, keys, ledger, sdkAppId, tuning, wallClock: Date.now });
      return isFull(home) ? { ...outlook, trouble: fullText(home) } : outlook;
    },
    limit: (operation, allowed) => allow(operation, allowed, { redis, keys, sdkAppId, tuning }),
    work(roles = ROLES, { only } = {}) {
      if (roles.includes('call')) chatOf(config);
      const admin = config.chat?.admin ?? '';
      const expire = (signal: AbortSignal) => prune({ ...keepLimitsOf(tuning), signal }, shared);
      const parts = { only, sdkAppId, admin, home, redis, address: here.redis, keys, ledger, expire, tuning, log };
      const start = async () => {
        // Loaded on use: queue and client take as long as all else together, and whoever looks at jobs needs neither.
        const [{ startRoles }, { chatClient }] = await Promise.all([
          import('./jobs/roles.ts'),
          import('./chat-client.ts'),
        ]);
        const chat = () => chatClient(chatOf(config), tuning.callTimeoutMs, tuning.concurrency);
        return startRoles({ ...parts, roles, chat });
      };
      const starting = start();
      const running: Roles = {
        started: starting,
        stop: async (graceMs) => (await starting).stop(graceMs),
      };
      working.push(running);
      return running;
    },
    async tryCredentials(signal) {
      const [{ firstLookClient }, { probeApi }] = await Promise.all([
        import('./chat-client.ts'),
        import('./jobs/probe.ts'),
      ]);
      const chat = firstLookClient({ ...config, chat: chatOf(config) });
      try {
        const parts = { redis, sdkAppId, tuning, log, chat, admin: chatOf(config).admin, signal };
        const [probed] = await probeApi({ ...parts, now: () => performance.now() });
        return probed?.verdict ?? null;
      } finally {
        chat.close();
      }
    },
    async close() {
      await Promise.all(working.map((roles) => roles.stop()));
      redis.disconnect();
    },
  };
}

function chatOf({ chat }: AppConfig): ChatConfig {
  if (chat === null) throw new Error('the role `call` needs credentials: read the configuration with need: "chat"');
  return chat;
}
