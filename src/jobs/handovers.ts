import type { Redis } from 'ioredis';
import type { JobDescriptor } from '../domain/job.ts';
import type { PartFile } from '../domain/pieces.ts';
import { defineScript, type ScriptArg } from '../redis/script.ts';
import type { Keys } from './keys.ts';
import { type MakesRoom, WITHDRAWN_SECONDS } from './ledger.ts';

const here = import.meta.url;
const offerScript = defineScript<string[], ScriptArg[], Buffer>(here, './offer.lua');
const handOverScript = defineScript<string[], ScriptArg[], number>(here, './hand-over.lua');
const adoptScript = defineScript<string[], ScriptArg[], Buffer>(here, './adopt.lua');
const drawScript = defineScript<string[], ScriptArg[], [Buffer, Buffer]>(here, './draw.lua');
const answerScript = defineScript<string[], ScriptArg[], number>(here, './answer.lua');
const abandonScript = defineScript<string[], ScriptArg[], Buffer>(here, './abandon.lua');

/** A producer that gives no sign of life for so long is gone, and what Redis has of its spool too. */
const PRODUCER_MS = 60_000;
/** The same of a worker: another one takes the spool, from the first piece on. */
export const ADOPTER_MS = 10_000;

/** What a producer offers: the job to be, and its spool. */
export interface Offer {
  job: Omit<JobDescriptor, 'id' | 'name'> & { name?: string };
  makesRoom: MakesRoom;
  files: PartFile[];
  pieceBytes: number;
}

/** What became of a spool. */
export type Answer =
  | { kind: 'created' | 'existing' | 'conflict'; job: string }
  /** Nothing was accepted; a text for people. */
  | { kind: 'refused'; why: string };

/** How far a handover got. */
export interface Standing {
  /** The adoption, by the id of the job to be; null while no worker has taken it. */
  adoption: string | null;
  /** Pieces that are or were in Redis, and those of them that the worker has. */
  sent: number;
  taken: number;
  /** In Redis now. */
  bytes: number;
  answer: Answer | null;
}

/** A piece that a worker asks for. `lost`: the spool is another worker's, or the producer is gone. */
export type Drawn = { kind: 'piece'; bytes: Buffer } | { kind: 'none' } | { kind: 'lost' };

/** Spools on their way through Redis, from a producer to a worker that has a home. */
export interface Handovers {
  offer(id: string, offer: Offer): Promise<void>;
  /** A sign of life of the producer; null: gone, it gave none for too long or Redis has lost it. */
  look(id: string): Promise<Standing | null>;
  /** Does nothing where another piece is due. */
  handOver(id: string, n: number, piece: Buffer): Promise<void>;
  /** Nothing is left afterwards. @returns the job that it has become, or null: it is none, and never will be */
  abandon(id: string): Promise<string | null>;

  /** Those that want a home. */
  waiting(): Promise<string[]>;
  /** Null: gone. */
  offered(id: string): Promise<Offer | null>;
  adopt(id: string, adoption: string): Promise<'adopted' | 'held' | 'over'>;
  /** A sign of life of the worker. */
  stillAtIt(id: string): Promise<void>;
  /** @param has so many pieces, which leave Redis */
  draw(id: string, adoption: string, has: number): Promise<Drawn>;
  answer(id: string, adoption: string, answer: Answer): Promise<void>;
}

export function createHandovers(redis: Redis, keys: Keys): Handovers {
  return {
    async offer(id, offer) {
      await offerScript(redis, [keys.handover(id), keys.handovers], [id, JSON.stringify(offer), PRODUCER_MS]);
    },

    async look(id) {
      const [alive] = await Promise.all([
        redis.pexpire(keys.handover(id), PRODUCER_MS),
        redis.pexpire(keys.pieces(id), PRODUCER_MS),
      ]);
      if (alive === 0) return null;
      const [job, sent, taken, bytes, answer] = await redis.hmget(
        keys.handover(id),
        'job',
        'sent',
        'taken',
        'bytes',
        'answer',
      );
      return {
        adoption: job || null,
        sent: Number(sent),
        taken: Number(taken),
        bytes: Number(bytes),
        answer: answer ? (JSON.parse(answer) as Answer) : null,
      };
    },

    async handOver(id, n, piece) {
      await handOverScript(redis, [keys.handover(id), keys.pieces(id)], [n, piece, PRODUCER_MS]);
    },

    async abandon(id) {
      const all = [keys.handover(id), keys.pieces(id), keys.adopter(id), keys.handovers];
      const args = [id, keys.jobPrefix, keys.withdrawnPrefix, WITHDRAWN_SECONDS];
      const job = String(await abandonScript(redis, all, args));
      await redis.del(keys.handover(id));
      return job || null;
    },

    waiting: () => redis.smembers(keys.handovers),

    async offered(id) {
      const offer = await redis.hget(keys.handover(id), 'offer');
      return offer === null ? null : (JSON.parse(offer) as Offer);
    },

    async adopt(id, adoption) {
      const all = [keys.handover(id), keys.pieces(id), keys.adopter(id), keys.handovers];
      const args = [id, adoption, ADOPTER_MS, keys.jobPrefix, keys.withdrawnPrefix, WITHDRAWN_SECONDS];
      return String(await adoptScript(redis, all, args)) as 'adopted' | 'held' | 'over';
    },

    async stillAtIt(id) {
      await redis.pexpire(keys.adopter(id), ADOPTER_MS);
    },

    async draw(id, adoption, has) {
      const [kind, bytes] = await drawScript(redis, [keys.handover(id), keys.pieces(id)], [adoption, has]);
      return String(kind) === 'piece' ? { kind: 'piece', bytes } : { kind: String(kind) as 'none' | 'lost' };
    },

    async answer(id, adoption, answer) {
      const all = [keys.handover(id), keys.pieces(id), keys.adopter(id), keys.handovers];
      await answerScript(redis, all, [id, adoption, JSON.stringify(answer)]);
    },
  };
}
