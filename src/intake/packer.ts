import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { type Batch, pack, type Packed } from './pack.ts';

/** Node 20 runs TypeScript in no thread: from the source, as tests have it, packing is done in place. */
const THREAD = import.meta.url.endsWith('.js') ? new URL('./pack-thread.js', import.meta.url) : null;

/**
 * Packs batches of chunks beside the thread that cuts them: deflate takes as long as everything else about a row
 * together.
 */
export class Packer {
  #thread: Worker | null = null;

  /** In a thread, which the first batch starts and then owns the batch. One at a time: the one before has been awaited. */
  async packBeside(batch: Batch): Promise<Packed> {
    if (THREAD === null) return pack(batch);
    this.#thread ??= new Worker(THREAD);
    const answer = once(this.#thread, 'message');
    this.#thread.postMessage(batch, [batch.json.buffer, batch.ends.buffer]);
    const [packed] = (await answer) as [Packed];
    return packed;
  }

  async close(): Promise<void> {
    await this.#thread?.terminate();
    this.#thread = null;
  }
}
