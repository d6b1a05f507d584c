import type { Redis } from 'ioredis';
import { encodeChunk } from '../../src/domain/block.ts';
import type { Chunk } from '../../src/domain/chunk.ts';
import type { JobDescriptor } from '../../src/domain/job.ts';
import { OPERATIONS } from '../../src/domain/operation.ts';
import type { OutcomeGroup } from '../../src/domain/outcome.ts';
import { keysOf } from '../../src/jobs/keys.ts';
import type { Claim, ChunkRecord, FedChunk, Ledger } from '../../src/jobs/ledger.ts';

export const APP = 1_400_000_001;
export const KEYS = keysOf(APP);
export const AT = '2026-11-21T10:00:00.000Z';

let count = 0;

/** A job of a name of its own, with what the test cares about. */
export function jobWith(given: Partial<JobDescriptor> = {}): JobDescriptor {
  const id = `job-${++count}`;
  const fingerprint = `fingerprint of ${id}`;
  return {
    id,
    name: id,
    operation: 'import',
    options: {},
    priority: 'normal',
    key: fingerprint,
    fingerprint,
    chunks: 1,
    rows: 2,
    invalid: 0,
    duplicate: 0,
    accepted: 2,
    createdAt: AT,
    ...given,
  };
}

export const commandOf = (job: JobDescriptor): string => OPERATIONS[job.operation].command;

export const chunkOf = (from: string, ...to: string[]): Chunk => ({
  from,
  items: to.map((account) => ({ to: account, rows: 'forward' })),
});

/** As feed offers it. By default a write of From's list. */
export function fedChunk(chunk: Chunk, locks: string[] = chunk.from === null ? [] : [chunk.from]): FedChunk {
  return { block: encodeChunk(chunk), items: chunk.items.length, locks };
}

/** A submitted job with its chunks open. */
export async function openJob(
  ledger: Ledger,
  chunks: readonly FedChunk[],
  given: Partial<JobDescriptor> = {},
): Promise<JobDescriptor> {
  const accepted = chunks.reduce((sum, { items }) => sum + items, 0);
  const job = jobWith({ chunks: chunks.length, rows: accepted, accepted, ...given });
  await ledger.submit(job, 'finished', Date.parse(AT));
  await ledger.feed(job, commandOf(job), 0, chunks);
  return job;
}

export type Claimed = Extract<Claim, { kind: 'claimed' | 'cancelled' }>;

/** A claim that must succeed. */
export async function claimed(ledger: Ledger, job: string, chunk = 0): Promise<Claimed> {
  const claim = await ledger.claim(job, chunk, 30_000);
  if (claim.kind !== 'claimed' && claim.kind !== 'cancelled')
    throw new Error(`chunk ${chunk} of ${job}: ${claim.kind}`);
  return claim;
}

const ALL_OK: OutcomeGroup = { status: 'ok', code: 0, info: '', attempts: 1, to: ['b', 'c'] };

/** A record that settles both items of a chunk `a → b, c` and closes it, but for what is given. */
export function recordOf(epoch: number, given: Partial<ChunkRecord> = {}): ChunkRecord {
  return {
    epoch,
    items: Buffer.from([255, 255]),
    notes: '',
    close: true,
    keepLocksMs: 0,
    holdFromMs: 0,
    onlyReads: false,
    knownBars: '',
    bars: '',
    brake: { after: 0, percent: 100 },
    entry: { from: 'a', attempt: 1, at: AT, rows: 2, outcomes: [ALL_OK] },
    counts: { 'status:ok': 2, 'calls:made': 1 },
    ...given,
  };
}

export const NO_ENTRY: ChunkRecord['entry'] = { from: 'a', attempt: 1, at: AT, rows: 0, outcomes: [] };

/** Resolves when every answered command is in the AOF: with `everysec` a slow disk puts that off for up to two seconds. */
export async function aofWritten(redis: Redis): Promise<void> {
  await redis.config('SET', 'appendfsync', 'always');
}

/** Everything that Redis holds, in a form that can be compared. */
export async function dump(redis: Redis): Promise<Record<string, string>> {
  const keys = (await redis.keys('*')).toSorted();
  const values = await Promise.all(keys.map((key) => redis.dumpBuffer(key)));
  return Object.fromEntries(keys.map((key, n) => [key, values[n]?.toString('hex') ?? 'gone']));
}
