import { setTimeout as wait } from 'node:timers/promises';
import { join } from 'node:path';
import { mkdir, stat } from 'node:fs/promises';
import type { Logger } from 'pino';
import { createChatClient } from './chat/client.ts';
import { baseUrlOf } from './chat/regions.ts';
import { fixedUserSig, userSigFromKey } from './chat/usersig-source.ts';
import { type AppConfig, type CallConfig, type ChatConfig, readConfig, readEnvironment, secretsOf } from './config.ts';
import { createLog } from './log.ts';
import type { JobState, JobStatus, Steering } from './domain/job.ts';
import type { Outcome } from './domain/outcome.ts';
import type { Prepared } from './intake/prepare.ts';
import type { Source } from './intake/source.ts';
import { jobFolder, REJECTS_FILE, removeLitter } from './jobs/home.ts';
import { keysOf } from './jobs/keys.ts';
import { createLedger } from './jobs/ledger.ts';
import { type Role, ROLES, type Roles, startRoles } from './jobs/roles.ts';
import { JobElsewhere, type Submission, submit } from './jobs/submit.ts';
import { connectRedis } from './redis/connection.ts';
import { connectEmbeddedRedis } from './redis/embedded.ts';
import { RESULTS_FILE } from './results/file.ts';
import { followLines, followOutcomes } from './results/follow.ts';
import { type Report, reportOf } from './results/report.ts';

/** A job, submitted or found. */
export interface Job {
  readonly id: string;
  /** Its files in the home; null when there is none (yet). */
  files(): Promise<{ results: string | null; rejects: string | null }>;
  /** State and totals, as the ledger has them now. @throws JobNotFound */
  status(): Promise<JobStatus>;
  report(): Promise<Report>;
  /**
   * Every outcome, one a row, from the first on; ends when the job is over, paused or stopped. While the job runs a row may come twice
   * after Redis has lost a tail: upsert by (job, from, to). Order is not promised.
   */
  outcomes(): AsyncGenerator<Outcome>;
  /** The same as whole lines of JSON, some at a time. `follow: false` ends with what is there now. */
  lines(options?: { follow?: boolean }): AsyncGenerator<Buffer>;
  /**
   * The report once the job is over (completed, or cancelled and settled), paused or stopped. Right after a pause or a
   * stop, calls in hand may still come in.
   */
  done(signal?: AbortSignal): Promise<Report>;
  /** No new call after those whose slots are in hand. @returns the state now */
  pause(reason?: string): Promise<JobState>;
  resume(): Promise<JobState>;
  /** Rows never sent are settled as `skipped`. Final. */
  cancel(): Promise<JobState>;
}

export interface SubmittedJob extends Job {
  /** `existing`: an unfinished job of the same rows, or the job of the idempotency key. */
  readonly kind: 'created' | 'existing';
  /** What intake found; null when nothing was read because the job was there. */
  readonly prepared: Prepared | null;
}

export interface SubmitSettings extends Submission {
  signal?: AbortSignal;
  onProgress?: (progress: { bytes: number; rows: number }) => void;
}

export interface Befriend {
  /** Takes rows in: validates, deduplicates, cuts into chunks, creates the job. Accepted when it resolves. */
  submit(source: Source, asked: SubmitSettings): Promise<SubmittedJob>;
  /** A known job. @throws JobNotFound */
  job(id: string): Promise<Job>;
  /** All known jobs, newest first. */
  jobs(): Promise<JobStatus[]>;
  /**
   * Runs roles in this process until `close` or the returned stop, for all jobs or `only` one. Without a running `call`
   * no job moves.
   */
  work(roles?: readonly Role[], options?: { only?: string }): Roles;
  close(): Promise<void>;
}

/** No job of that id in this app's ledger. */
export class JobNotFound extends Error {
  override name = 'JobNotFound';
}

export interface OpenOptions {
  /** Default: read from `env` and the .env file of the working directory, with all that calling needs. */
  config?: AppConfig | CallConfig;
  /** Default: a log to stderr at the configured level. */
  log?: Logger;
  /** Default: process.env */
  env?: NodeJS.ProcessEnv;
}

/** How often `done` looks at the ledger. */
const LOOK_MS = 200;

/**
 * Connects to Redis (REDIS_URL, or the embedded one of the home) and gives the app's jobs.
 * @throws ConfigError with everything that is wrong with the settings; RedisError when no Redis can be used
 */
export async function openBefriend(options: OpenOptions = {}): Promise<Befriend> {
  const env = readEnvironment(process.cwd(), options.env ?? process.env);
  const config = options.config ?? readConfig(env, { need: 'chat', terminal: process.stderr.isTTY === true });
  const log = options.log ?? createLog({ level: config.logLevel, secrets: secretsOf(config) });
  const { home, sdkAppId, tuning } = config;
  await mkdir(join(home, 'jobs'), { recursive: true });
  await removeLitter(home);
  const redis =
    config.redisUrl === null
      ? await connectEmbeddedRedis(home, { env, log })
      : await connectRedis({ url: config.redisUrl.reveal() });
  const keys = keysOf(sdkAppId);
  const ledger = createLedger(redis, keys);
  const working: Roles[] = [];

  const jobOf = (id: string): Job => {
    const status = async (): Promise<JobStatus> => {
      const found = await ledger.status(id);
      if (found === null) throw new JobNotFound(`There is no job ${id}. befriend jobs lists all jobs.`);
      return found;
    };
    const steer = async (event: Exclude<Steering, 'complete' | 'stop'>, reason = ''): Promise<JobState> => {
      const steered = await ledger.steer(id, event, reason);
      if (steered === null) throw new JobNotFound(`There is no job ${id}. befriend jobs lists all jobs.`);
      return steered.state;
    };
    const files = async () => {
      const folder = jobFolder(home, id);
      const [results, rejects] = await Promise.all(
        [RESULTS_FILE, REJECTS_FILE].map((name) => existing(join(folder, name))),
      );
      return { results: results ?? null, rejects: rejects ?? null };
    };
    const resultsPath = join(jobFolder(home, id), RESULTS_FILE);
    const report = async () => reportOf(await status(), await files(), Date.now());
    const over = async () => !isMoving(await status());
    const mustBeHere = async () => {
      if ((await existing(jobFolder(home, id))) !== undefined) return;
      throw new JobElsewhere(`The results of job ${id} are in the home it was submitted from, not in ${home}.`);
    };
    return {
      id,
      files,
      status,
      report,
      async *outcomes() {
        await mustBeHere();
        yield* followOutcomes(resultsPath, over);
      },
      async *lines({ follow = true } = {}) {
        await mustBeHere();
        yield* followLines(resultsPath, follow ? over : async () => true);
      },
      async done(signal) {
        while (!(await over())) await wait(LOOK_MS, undefined, { signal });
        return report();
      },
      pause: (reason = 'by the user') => steer('pause', reason),
      resume: () => steer('resume'),
      cancel: () => steer('cancel'),
    };
  };

  return {
    async submit(source, { signal, onProgress, ...asked }) {
      const parts = { home, ledger, wallClock: Date.now, random: Math.random, signal, onProgress };
      const { kind, job, prepared } = await submit(source, asked, parts);
      return { ...jobOf(job), kind, prepared };
    },
    async job(id) {
      const job = jobOf(id);
      await job.status();
      return job;
    },
    async jobs() {
      const all = await Promise.all((await ledger.list()).map((id) => ledger.status(id)));
      return all.filter((job) => job !== null);
    },
    work(roles = ROLES, { only } = {}) {
      const chat = () => chatClient(chatOf(config), tuning.callTimeoutMs, tuning.concurrency);
      const started = startRoles({ roles, only, sdkAppId, home, redis, keys, ledger, chat, tuning, log });
      working.push(started);
      return started;
    },
    async close() {
      await Promise.all(working.map((roles) => roles.stop()));
      redis.disconnect();
    },
  };
}

/** Connects to the API and calls nothing. @throws TransportError when nothing answers there */
export async function reachChat(config: CallConfig): Promise<void> {
  const client = chatClient(config.chat, Math.min(5000, config.tuning.callTimeoutMs), 1);
  try {
    (await client.ready()).release();
  } finally {
    client.close();
  }
}

/** Something may still happen to it without anybody's command. */
function isMoving({ state, delivered }: JobStatus): boolean {
  return state === 'running' || (state === 'cancelled' && !delivered);
}

function chatOf({ chat }: AppConfig): ChatConfig {
  if (chat === null) throw new Error('the role `call` needs credentials: read the configuration with need: "chat"');
  return chat;
}

function chatClient({ sdkAppId, admin, credentials, endpoint }: ChatConfig, timeoutMs: number, concurrency: number) {
  const userSig =
    'secretKey' in credentials
      ? userSigFromKey({
          sdkappid: sdkAppId,
          key: credentials.secretKey.reveal(),
          identifier: admin,
          now: Date.now,
        })
      : fixedUserSig(credentials.userSig.reveal());
  const baseUrl = 'region' in endpoint ? baseUrlOf(endpoint.region) : endpoint.baseUrl;
  // Three commands share the client; each holds at most its concurrency.
  return createChatClient({
    baseUrl,
    sdkappid: sdkAppId,
    admin,
    userSig,
    timeoutMs,
    maxSockets: 3 * concurrency,
    random: Math.random,
  });
}

async function existing(path: string): Promise<string | undefined> {
  return stat(path).then(
    () => path,
    () => undefined,
  );
}
