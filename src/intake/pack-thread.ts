import { parentPort } from 'node:worker_threads';
import { type Batch, pack } from './pack.ts';

// What `Packer` starts: packs one batch after the other.
parentPort?.on('message', (batch: Batch) => {
  const packed = pack(batch);
  parentPort?.postMessage(packed, [packed.blocks.buffer, packed.ends.buffer, packed.crcs.buffer]);
});
