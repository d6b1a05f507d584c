import { crc32 } from 'node:zlib';
import { packJson } from '../domain/block.ts';

/** Chunks as JSON in UTF-8, one behind the other: number i ends at `ends[i]`. */
export interface Batch {
  json: Uint8Array<ArrayBuffer>;
  ends: Uint32Array<ArrayBuffer>;
}

/** Their blocks, one behind the other, and the CRC-32 of each. */
export interface Packed {
  blocks: Uint8Array<ArrayBuffer>;
  ends: Uint32Array<ArrayBuffer>;
  crcs: Uint32Array<ArrayBuffer>;
}

/** Packs each chunk of a batch into its block. */
export function pack({ json, ends }: Batch): Packed {
  const { buffer, byteOffset } = json;
  const blocks: Buffer[] = [];
  const packed = { ends: new Uint32Array(ends.length), crcs: new Uint32Array(ends.length) };
  let size = 0;
  let start = 0;
  for (const [i, end] of ends.entries()) {
    const block = packJson(Buffer.from(buffer, byteOffset + start, end - start));
    size += block.length;
    packed.ends[i] = size;
    packed.crcs[i] = crc32(block);
    blocks.push(block);
    start = end;
  }
  // Not from Buffer's pool, which no other thread could have.
  const whole = new Uint8Array(size);
  let at = 0;
  for (const block of blocks) {
    whole.set(block, at);
    at += block.length;
  }
  return { ...packed, blocks: whole };
}
