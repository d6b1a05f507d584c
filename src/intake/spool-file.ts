import { join } from 'node:path';
import type { Operation, OperationName, OperationOptions } from '../domain/operation.ts';
import type { IntakeTotals } from '../domain/totals.ts';
import type { RejectSummary } from './rejects.ts';

/*
 * A spool on disk, three files in one directory:
 *
 * - `spool.blocks`: the chunks' blocks (domain/block.ts), one after the other, those of an account together
 * - `spool.index`: one entry a chunk: offset (6 bytes), length (4), CRC-32 of the block (4), little endian. The order is
 *   round by round: the first chunk of every account, then every second chunk, and so on, so that neighbours rarely
 *   write to the same account's list. Chunks are called in this order, or a stride apart (`strideOf`)
 * - `spool.json`: the manifest. It is written last, by rename: a spool without it does not exist
 *
 * A crash before the rename leaves litter, which `discardSpool` and the next `prepare` in this directory remove.
 */

export const SPOOL_VERSION = 2;

export interface SpoolManifest {
  version: typeof SPOOL_VERSION;
  kind: 'file';
  operation: OperationName;
  options: OperationOptions;
  totals: IntakeTotals;
  chunks: number;
  /** Chunk n of the calls is entry n × stride of the index, modulo their number. Absent: 1. */
  stride?: number;
  /** Distinct From_Accounts. */
  accounts: number;
  /** SHA-256 of the input's bytes as they came (a .gz packed), hex. */
  digest: string;
  warnings: string[];
  rejects: RejectSummary;
  /** Sizes of the other two files. */
  blocksBytes: number;
  indexBytes: number;
}

const GOLDEN = (Math.sqrt(5) - 1) / 2;

/**
 * How far apart in the index the chunks are that are called one after the other. Calls that write the lists of both ends
 * meet where accounts have common friends, and neighbours in a sorted list often have: a stride near the golden section
 * of their number keeps them apart. Coprime with it, so that every chunk has its turn.
 */
export function strideOf(chunks: number, operation: Operation, options: OperationOptions): number {
  if (operation.writeSet(options) !== 'from-and-items' || chunks < 3) return 1;
  let stride = Math.round(chunks * GOLDEN);
  while (gcd(stride, chunks) !== 1) stride += 1;
  return stride;
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

export interface SpoolPaths {
  blocks: string;
  index: string;
  manifest: string;
  manifestDraft: string;
  /** Everything a running `prepare` needs and throws away. */
  work: string;
}

export function spoolPaths(dir: string): SpoolPaths {
  return {
    blocks: join(dir, 'spool.blocks'),
    index: join(dir, 'spool.index'),
    manifest: join(dir, 'spool.json'),
    manifestDraft: join(dir, 'spool.json.draft'),
    work: join(dir, 'intake.tmp'),
  };
}

export interface BlockEntry {
  offset: number;
  length: number;
  crc: number;
}

export const ENTRY_BYTES = 14;

export function writeEntry(entry: BlockEntry, into: Buffer, at: number): void {
  into.writeUIntLE(entry.offset, at, 6);
  into.writeUInt32LE(entry.length, at + 6);
  into.writeUInt32LE(entry.crc, at + 10);
}

export function readEntry(from: Buffer, at: number): BlockEntry {
  return { offset: from.readUIntLE(at, 6), length: from.readUInt32LE(at + 6), crc: from.readUInt32LE(at + 10) };
}
