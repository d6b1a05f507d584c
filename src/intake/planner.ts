import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { type Asked, type Graph, planned, type Planned } from './plan.ts';

/** Node 20 runs TypeScript in no thread: from the source, as tests have it, planning is done in place. */
const THREAD = import.meta.url.endsWith('.js') ? new URL('./plan-thread.js', import.meta.url) : null;

/** Edges that are planned before a thread would have begun. */
const FEW = 50_000;

/**
 * Plans in a thread: millions of edges take seconds, in which this one could neither keep the locks of calls in flight nor
 * hear Ctrl-C. The thread gets the graph's arrays, and gives them back.
 */
export async function planBeside(asked: Asked, signal?: AbortSignal): Promise<Planned & { graph: Graph }> {
  const { graph } = asked;
  if (THREAD === null || graph.u.length <= FEW) return { ...planned(asked), graph };
  const thread = new Worker(THREAD);
  try {
    const answer = once(thread, 'message', { signal });
    thread.postMessage(asked, [graph.u.buffer, graph.v.buffer] as ArrayBuffer[]);
    const [plan] = (await answer) as [Planned & { graph: Graph }];
    return plan;
  } finally {
    await thread.terminate();
  }
}
