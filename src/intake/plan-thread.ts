import { parentPort } from 'node:worker_threads';
import { type Asked, planned } from './plan.ts';

// What `planBeside` starts.
parentPort?.once('message', (asked: Asked) => {
  const { u, v } = asked.graph;
  const answer = planned(asked);
  parentPort?.postMessage({ ...answer, graph: asked.graph }, [u.buffer, v.buffer, answer.asks.buffer] as ArrayBuffer[]);
});
