import { join } from 'node:path';
import type { OperationName, OperationOptions } from '../domain/operation.ts';
import type { IntakeTotals } from '../domain/totals.ts';
import type { RejectSummary } from './rejects.ts';

/*
 * A spool on disk, three files in one directory:
 *
 * - `spool.blocks`: the chunks' blocks (domain/block.ts), one after the other, those of an account together
 * - `spool.index`: one entry a chunk in the order of calls: offset (6 bytes), length (4), CRC-32 of the block (4), little
 *   endian. The order is round by round: the first chunk of every account, then every second chunk, and so on, so that
 *   neighbours rarely write to the same account's list
 * - `spool.json`: the manifest. It is written last, by rename: a spool without it does not exist
 *
 * A crash before the rename leaves litter, which `discardSpool` and the next `prepare` in this directory remove.
 */

export const SPOOL_VERSION = 1;

export interface SpoolManifest {
  version: typeof SPOOL_VERSION;
  kind: 'file';
  operation: OperationName;
  options: OperationOptions;
  totals: IntakeTotals;
  chunks: number;
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
