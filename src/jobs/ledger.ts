import type { Redis } from 'ioredis';
import {
  type JobDescriptor,
  type JobState,
  type JobStatus,
  type Priority,
  type Steering,
  TRANSITIONS,
} from '../domain/job.ts';
import type { OutcomeGroup } from '../domain/outcome.ts';
import { totalsOf } from '../domain/totals.ts';
import { defineScript, type ScriptArg } from '../redis/script.ts';
import type { Backlog } from '../domain/backlog.ts';
import { KEEP_STREAM_BYTES } from '../results/recorder.ts';
import { DURABLE, type Keys } from './keys.ts';

const here = import.meta.url;
const submitScript = defineScript<string[], ScriptArg[], [Buffer, Buffer]>(here, './submit.lua');
const feedScript = defineScript<
  string[],
  ScriptArg[],
  [Buffer, number, number, number, number[], number, Buffer, number]
>(here, './feed.lua');
const claimScript = defineScript<string[], ScriptArg[], [Buffer, number, Buffer, Buffer, Buffer, number, Buffer]>(
  here,
  './claim.lua',
);
const recordScript = defineScript<string[], ScriptArg[], Buffer>(here, './record.lua');
const steerScript = defineScript<string[], ScriptArg[], [number, Buffer]>(here, './steer.lua');
const prioritizeScript = defineScript<string[], ScriptArg[], Buffer>(here, './prioritize.lua');
const forgetScript = defineScript<string[], ScriptArg[], Buffer>(here, './forget.lua');
const withdrawScript = defineScript<string[], ScriptArg[], number>(here, './withdraw.lua');
const horizonScript = defineScript<string[], ScriptArg[], Buffer>(here, './horizon.lua');
const releaseScript = defineScript<string[], ScriptArg[], number>(here, './release.lua');
const backlogScript = defineScript<
  string[],
  ScriptArg[],
  [number, number, ...[Buffer, number, number, (Buffer | number)[]][]]
>(here, './backlog.lua');
const finishScript = defineScript<string[], ScriptArg[], number>(here, './finish.lua');

/** Some rounds of a feeder: one that was killed keeps no share for its jobs after that. */
const FED_MS = 3000;
/** Followers of a finished job's stream have a day; the results file stays. */
export const KEEP_STREAM_SECONDS = 86_400;

/** A process that froze while it submitted, and whose folder was removed, may take so long to thaw. */
export const WITHDRAWN_SECONDS = 30 * 86_400;

/** The item byte of a settled item; smaller ones count the calls that carried it. */
export const SETTLED = 255;
export const MOST_ATTEMPTS = 200;

export interface FedChunk {
  block: Buffer;
  items: number;
  /** Accounts whose lists a call of this chunk writes. */
  locks: string[];
}

export interface FeedReply {
  /** Null when the job is gone. */
  state: JobState | null;
  cursor: number;
  open: number;
  openBytes: number;
  /** Open chunks without a BullMQ job. */
  unheld: number[];
  /** Open chunks that wait out a delay in the queue. */
  delayed: number;
  priority: Priority;
  /** A feeder has said lately that it looks after the job. */
  fed: boolean;
}

export type Claim =
  | {
      kind: 'claimed' | 'cancelled';
      epoch: number;
      block: Buffer;
      /** A byte per item: calls that carried it, or SETTLED. */
      items: Buffer;
      notes: string;
      /** The claim before was never recorded: its call may have been sent. */
      abandoned: boolean;
      /** Why rows of its From_Account cannot pass, if other chunks found out; '' where none did. */
      bars: string;
    }
  | { kind: 'held' }
  /** Another chunk writes the account's list. */
  | { kind: 'busy'; account: string }
  /** Nobody of the app calls for so long. */
  | { kind: 'quiet'; forMs: number }
  /** It writes lists, and was wanted only if it reads. */
  | { kind: 'writes' }
  | { kind: 'gone' };

export interface ChunkRecord {
  epoch: number;
  items: Buffer;
  notes: string;
  close: boolean;
  keepLocksMs: number;
  /** From_Account's list is left alone by every other chunk for so long. */
  holdFromMs: number;
  /** What is open waits for reads only: the next claim takes no locks. */
  onlyReads: boolean;
  /** Why rows of its From_Account cannot pass, as the claim told it. */
  knownBars: string;
  /** The same with what was found since, for its other chunks; '' where that is nothing. */
  bars: string;
  brake: Brake;
  /** At most one entry of the results stream. */
  entry: { from: string | null; attempt: number; at: string; rows: number; outcomes: OutcomeGroup[] };
  /** Raised by so much, by name: `status:ok`, `code:30003`, `relation:BothWay`, `calls:made`. */
  counts: Record<string, number>;
}

/** A job stops when more than `percent` of its first `after` outcomes failed or are unknown; `after` 0: never. */
export interface Brake {
  after: number;
  percent: number;
}

/** From_Accounts that a job remembers bars of, 1.5 kB each at most (`bar.ts`): 30 MB, where so many are full. */
const MOST_BARRED = 20_000;

/** The record of jobs in Redis: what is closed, what is settled, totals. The source of every count. */
export interface Ledger {
  submit(job: JobDescriptor, makesRoom: MakesRoom, nowMs: number): Promise<Submitted>;
  /** The job that a key names now, if any. */
  find(key: string): Promise<string | null>;
  feed(job: JobDescriptor, command: string, cursor: number, chunks: readonly FedChunk[]): Promise<FeedReply>;
  /** A feeder that has the spool says so, for the others: the job uses its share. */
  looksAfter(job: string): Promise<void>;
  /** @param onlyReads take it only if that needs no lock */
  claim(job: string, chunk: number, leaseMs: number, onlyReads?: boolean): Promise<Claim>;
  /** @returns false when another claim followed or the chunk is closed: nothing was written */
  record(job: string, chunk: number, record: ChunkRecord): Promise<boolean>;
  /**
   * @param force resume also what the failure brake has stopped
   * @returns whether the state changed, and the state now; null when there is no such job
   */
  steer(job: string, event: Exclude<Steering, 'complete'>, reason: string, force?: boolean): Promise<Steered | null>;
  /** @returns the state now, and whether it allowed the change; null when there is no such job */
  prioritize(job: string, priority: Priority): Promise<Steered | null>;
  /** The id of the job's last results entry (0-0: none) once no row of it is open; null before. */
  lastEntry(job: string): Promise<string | null>;
  /** @param position of the last durable outcome; @returns true when the job is over now */
  finish(job: string, position: string, at: string): Promise<boolean>;
  /** Removes all of a job that is over. Sent again it is `unknown`. */
  forget(job: string): Promise<Forgotten>;
  /** Whether no job of that id is or can be submitted any more. */
  withdraw(job: string): Promise<boolean>;
  /** Jobs that are over while a durable group has outcomes of them to come. */
  held(): Promise<string[]>;
  /** Lets go of one of these when no group has any more to come. @returns whether it did */
  release(job: string): Promise<boolean>;
  /** The id of the last entry that all durable groups of the job have acknowledged; null: there is no such group. */
  horizon(job: string): Promise<string | null>;
  /** Outcomes that wait in Redis. */
  backlog(): Promise<Backlog>;
  /** A feeder says why it adds nothing, every round. */
  holdBack(why: string): Promise<void>;
  /** Why feeders add nothing now, for a person; null when they do. */
  heldBack(): Promise<string | null>;
  descriptor(job: string): Promise<JobDescriptor | null>;
  status(job: string): Promise<JobStatus | null>;
  /** The state alone; null when there is no such job. */
  stateOf(job: string): Promise<JobState | null>;
  /** Jobs with rows open or outcomes not delivered. */
  active(): Promise<string[]>;
  /** All jobs, newest first. */
  list(): Promise<string[]>;
}

/** Which job of the same key gives the key up to a new one. */
export type MakesRoom = 'none' | 'finished' | 'any';

/** `kept`: it is not over, or somebody is not done with it. `unknown`: there is no such job any more. */
export type Forgotten = 'forgotten' | 'unknown' | 'kept';

export interface Submitted {
  /** `withdrawn`: its folder was taken for a leftover and is gone. */
  kind: 'created' | 'existing' | 'conflict' | 'withdrawn';
  job: string;
}

export interface Steered {
  changed: boolean;
  state: JobState;
  /** Nothing changed since the failure brake has stopped the job: only force goes on. */
  braked?: true;
}

export function createLedger(redis: Redis, keys: Keys): Ledger {
  const descriptors = new Map<string, JobDescriptor>();

  const descriptor = async (id: string): Promise<JobDescriptor | null> => {
    const known = descriptors.get(id);
    if (known) return known;
    const text = await redis.hget(keys.job(id), 'descriptor');
    if (text === null) return null;
    const job = JSON.parse(text) as JobDescriptor;
    descriptors.set(id, job);
    return job;
  };

  return {
    descriptor,

    async submit(job, makesRoom, nowMs) {
      const [kind, id] = await submitScript(
        redis,
        [
          keys.identity(job.key),
          keys.job(job.id),
          keys.active,
          keys.jobs,
          keys.events,
          keys.withdrawn(job.id),
          keys.durable,
          keys.results(job.id),
        ],
        [job.id, job.fingerprint, makesRoom, nowMs, keys.jobPrefix, JSON.stringify(job), job.chunks],
      );
      return { kind: String(kind) as Submitted['kind'], job: String(id) };
    },

    find: (key) => redis.get(keys.identity(key)),

    async feed(job, command, cursor, chunks) {
      const [state, now, open, openBytes, unheld, delayed, priority, fed] = await feedScript(
        redis,
        [keys.job(job.id), keys.open(job.id), keys.delayed(command), keys.fed(job.id)],
        [
          keys.chunkPrefix(job.id),
          keys.queuePrefix(command, job.id),
          cursor,
          ...chunks.flatMap(({ block, items, locks }) => [block, items, JSON.stringify(locks)]),
        ],
      );
      const asked = job.priority;
      if (state.length === 0) {
        return { state: null, cursor: 0, open: 0, openBytes: 0, unheld: [], delayed: 0, priority: asked, fed: false };
      }
      const counts = { cursor: now, open, openBytes, unheld, delayed, fed: fed === 1 };
      return { state: String(state) as JobState, ...counts, priority: (String(priority) as Priority) || asked };
    },

    async looksAfter(job) {
      await redis.set(keys.fed(job), 1, 'PX', FED_MS);
    },

    async claim(job, chunk, leaseMs, onlyReads = false) {
      const reply = await claimScript(
        redis,
        [keys.job(job), keys.chunkPrefix(job) + chunk, keys.quiet, keys.bars(job)],
        [keys.lockPrefix, `${job}.${chunk}`, leaseMs, onlyReads ? 1 : 0],
      );
      const kind = String(reply[0]) as Claim['kind'];
      if (kind === 'busy') return { kind, account: String(reply[1]) };
      if (kind === 'quiet') return { kind, forMs: Number(reply[1]) };
      if (kind === 'held' || kind === 'gone' || kind === 'writes') return { kind };
      const [, epoch, block, items, notes, abandoned, bars] = reply;
      return { kind, epoch, block, items, notes: String(notes), abandoned: abandoned === 1, bars: String(bars) };
    },

    async record(
      job,
      chunk,
      { epoch, items, notes, close, keepLocksMs, holdFromMs, onlyReads, knownBars, bars, brake, ...more },
    ) {
      const { entry, counts } = more;
      const reply = await recordScript(
        redis,
        [
          keys.job(job),
          keys.chunkPrefix(job) + chunk,
          keys.open(job),
          keys.closed(job),
          keys.counts(job),
          keys.results(job),
          keys.bars(job),
          keys.events,
        ],
        [
          chunk,
          epoch,
          keys.lockPrefix,
          `${job}.${chunk}`,
          keepLocksMs,
          holdFromMs,
          onlyReads ? 1 : 0,
          items,
          notes,
          close ? 1 : 0,
          entry.from ?? '',
          entry.attempt,
          entry.at,
          entry.rows,
          JSON.stringify(entry.outcomes),
          bars,
          knownBars,
          MOST_BARRED,
          brake.after,
          brake.percent,
          ...Object.entries(counts).flat(),
        ],
      );
      return String(reply) === 'recorded';
    },

    async steer(job, event, reason, force = false) {
      const { from, to } = TRANSITIONS[event];
      const args = [event, to, reason, force ? 1 : 0, ...from];
      const [changed, answer] = await steerScript(redis, [keys.job(job), keys.events, keys.bars(job)], args);
      const state = String(answer);
      if (state === '') return null;
      if (state === 'braked') return { changed: false, state: 'stopped', braked: true };
      return { changed: changed === 1, state: state as JobState };
    },

    async prioritize(job, priority) {
      // As long as a job may be cancelled it is not over.
      const { from } = TRANSITIONS.cancel;
      const answer = String(await prioritizeScript(redis, [keys.job(job), keys.events], [priority, ...from]));
      if (answer === '') return null;
      const state = answer as JobState;
      return { changed: from.includes(state), state };
    },

    async lastEntry(job) {
      const [chunks, closed, last] = await redis.hmget(keys.job(job), 'chunks', 'closed', 'last');
      return chunks !== null && chunks === closed ? (last ?? null) : null;
    },

    finish: async (job, position, at) =>
      (await finishScript(
        redis,
        [keys.job(job), keys.active, keys.events, keys.results(job), keys.bars(job), keys.held],
        [position, at, KEEP_STREAM_SECONDS],
      )) === 1,

    async forget(id) {
      const job = await descriptor(id);
      if (job === null) return 'unknown';
      const own = [keys.results, keys.counts, keys.closed, keys.open, keys.bars, keys.fed].map((keyOf) => keyOf(id));
      const reply = await forgetScript(
        redis,
        [keys.job(id), keys.jobs, keys.held, keys.identity(job.key), ...own, keys.events],
        [id],
      );
      return String(reply) as Forgotten;
    },

    withdraw: async (id) =>
      (await withdrawScript(redis, [keys.job(id), keys.withdrawn(id)], [WITHDRAWN_SECONDS])) === 1,

    held: () => redis.smembers(keys.held),

    release: async (id) =>
      (await releaseScript(
        redis,
        [keys.job(id), keys.results(id), keys.held],
        [id, KEEP_STREAM_SECONDS, KEEP_STREAM_BYTES],
      )) === 1,

    async horizon(id) {
      const position = String(await horizonScript(redis, [keys.results(id)], []));
      return position === '' ? null : position;
    },

    async backlog() {
      const [usedBytes, mostBytes, ...jobs] = await backlogScript(redis, [keys.active, keys.held], [keys.jobPrefix]);
      return {
        memory: { usedBytes, mostBytes },
        jobs: jobs.map(([job, bytes, entries, groups]) => ({
          job: String(job),
          bytes,
          entries,
          groups: pairsOf(groups),
        })),
      };
    },

    async holdBack(why) {
      await redis.set(keys.backlog, why, 'PX', FED_MS);
    },

    heldBack: () => redis.get(keys.backlog),

    async status(id) {
      const job = await descriptor(id);
      if (!job) return null;
      const [hash, counts, fed] = await Promise.all([
        redis.hmget(keys.job(id), 'state', 'reason', 'delivered', 'finishedAt', 'closed', 'priority', 'cursor'),
        redis.hgetall(keys.counts(id)),
        redis.exists(keys.fed(id)),
      ]);
      const [state, reason, delivered, finishedAt, closed, priority, cursor] = hash;
      if (!state) return null;
      const named = (prefix: string) => pick(counts, prefix);
      return {
        ...job,
        priority: (priority as Priority | null) ?? job.priority,
        state: state as JobState,
        reason: reason ?? '',
        totals: totalsOf(job, named('status:')),
        codes: named('code:'),
        relations: named('relation:'),
        accounts: named('account:'),
        calls: { planned: job.chunks, made: 0, throttled: 0, retried: 0, lookups: 0, ...named('calls:') },
        closed: Number(closed),
        fed: fed === 1 || Number(cursor) === job.chunks,
        delivered: delivered === '1',
        finishedAt: finishedAt ?? '',
      };
    },

    stateOf: async (id) => (await redis.hget(keys.job(id), 'state')) as JobState | null,
    active: () => redis.smembers(keys.active),
    list: () => redis.zrevrange(keys.jobs, 0, -1),
  };
}

function pairsOf(flat: readonly (Buffer | number)[]): Backlog['jobs'][number]['groups'] {
  return Array.from({ length: flat.length / 2 }, (_, n) => ({
    group: String(flat[2 * n]).slice(DURABLE.length),
    entries: flat[2 * n + 1] as number,
  }));
}

/** The numbers whose names begin with `prefix`, without it. */
function pick(counts: Record<string, string>, prefix: string): Record<string, number> {
  return Object.fromEntries(
    Object.entries(counts)
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, count]) => [name.slice(prefix.length), Number(count)]),
  );
}
