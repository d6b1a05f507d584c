import type { Redis } from 'ioredis';
import type { StreamEntry } from '../results/entry.ts';
import { parsePosition, type Position } from '../results/position.ts';
import { defineScript, type ScriptArg } from '../redis/script.ts';
import { DURABLE, type Keys } from './keys.ts';
import { KEEP_STREAM_SECONDS } from './ledger.ts';

const here = import.meta.url;
const joinScript = defineScript<string[], ScriptArg[], Buffer[]>(here, './join.lua');
const takeScript = defineScript<string[], ScriptArg[], [Buffer, ([Buffer, Buffer[]] | null)[] & Buffer, Buffer]>(
  here,
  './take.lua',
);
const caughtUpScript = defineScript<string[], ScriptArg[], number>(here, './caught-up.lua');
const giveBackScript = defineScript<string[], ScriptArg[], number>(here, './give-back.lua');
const leaveScript = defineScript<string[], ScriptArg[], number>(here, './leave.lua');

/** Names of groups and consumers. */
export const GROUP_NAME = /^[\w.-]{1,64}$/;

/** A consumer group of results streams. Of a durable one the streams keep what it has not acknowledged. */
export interface Group {
  name: string;
  durable: boolean;
}

/** Entries after the one and up to the other that are in the stream no more: the results file has them. */
export interface Gap {
  after: Position;
  until: Position;
}

/** What a consumer gets. */
export type Taken =
  | { kind: 'entries'; entries: StreamEntry[] }
  | ({ kind: 'behind' } & Gap)
  | { kind: 'none' }
  /** The job is over, and the group has acknowledged all of it. */
  | { kind: 'over' }
  | { kind: 'gone' };

/** Consumer groups in Redis. */
export interface Groups {
  /** Makes it known, to one job or to all; one that there is stays where it is. @returns jobs to read */
  join(group: Group, job: string | null): Promise<string[]>;
  /** @param idleMs a consumer that has not acknowledged for so long is taken for dead */
  take(job: string, group: Group, consumer: string, idleMs: number): Promise<Taken>;
  ack(job: string, group: Group, id: string): Promise<void>;
  /**
   * Leaves to others what this consumer was given and the stream still has, as if it were dead; the rest when it is taken
   * for dead. @param idleMs as they have it, at most
   */
  giveBack(job: string, group: Group, consumer: string, ids: readonly string[], idleMs: number): Promise<void>;
  /** It has got from the results file what lies behind the one place, up to the other. */
  caughtUp(job: string, group: Group, after: string, position: string): Promise<void>;
  /** Puts it to another place of a job, further or back. */
  moveTo(job: string, group: Group, position: string): Promise<void>;
  /** Names of durable groups of all jobs. */
  durable(): Promise<string[]>;
  /** Forgets a group everywhere. @returns false when there is none of that name */
  leave(group: Group): Promise<boolean>;
}

/** Entries of one read: a crash of its consumer delivers so many again. */
const COUNT = 10;

const nameOf = ({ name, durable }: Group): string => (durable ? DURABLE + name : name);

export function createGroups(redis: Redis, keys: Keys): Groups {
  return {
    async join(group, job) {
      const all = [keys.active, keys.jobs, keys.held, keys.durable];
      const args = [nameOf(group), job ?? '', keys.jobPrefix, KEEP_STREAM_SECONDS];
      return (await joinScript(redis, all, args)).map(String);
    },

    async take(job, group, consumer, idleMs) {
      const [kind, more, until] = await takeScript(
        redis,
        [keys.job(job), keys.results(job)],
        [nameOf(group), consumer, COUNT, idleMs],
      );
      switch (String(kind) as Taken['kind']) {
        case 'entries':
          return { kind: 'entries', entries: more.filter((entry) => entry !== null).map(entryOf) };
        case 'behind':
          return { kind: 'behind', after: parsePosition(String(more)), until: parsePosition(String(until)) };
        default:
          return { kind: String(kind) as 'none' | 'over' | 'gone' };
      }
    },

    async ack(job, group, id) {
      await redis.xack(keys.results(job), nameOf(group), id);
    },

    async giveBack(job, group, consumer, ids, idleMs) {
      await giveBackScript(redis, [keys.results(job)], [nameOf(group), consumer, idleMs, ...ids]);
    },

    async caughtUp(job, group, after, position) {
      await caughtUpScript(redis, [keys.results(job)], [nameOf(group), after, position]);
    },

    async moveTo(job, group, position) {
      await redis.xgroup('SETID', keys.results(job), nameOf(group), position);
    },

    durable: async () => (await redis.smembers(keys.durable)).map((name) => name.slice(DURABLE.length)),

    leave: async (group) =>
      (await leaveScript(redis, [keys.jobs, keys.durable], [nameOf(group), keys.jobPrefix])) !== -1,
  };
}

const entryOf = ([id, fields]: [Buffer, Buffer[]]): StreamEntry => [String(id), fields.map(String)];
