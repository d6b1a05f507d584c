import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { FromGate, GateOptions, ToGate } from './gate-protocol.ts';

export type GateRequest = Extract<FromGate, { kind: 'request' }>;
export type BrokenRequest = Extract<FromGate, { kind: 'broken' }>;

export interface Gate {
  port: number;
  send(message: ToGate): void;
  /** Ends every connection and the thread. */
  close(): Promise<void>;
}

/** Starts the gate's thread. Rejects when the port can not be had. */
export function openGate(
  options: GateOptions,
  onRequest: (request: GateRequest | BrokenRequest) => void,
): Promise<Gate> {
  // The thread's file has this file's ending: .js when built, .ts where the runtime takes it.
  const thread = new URL(`./gate-thread${import.meta.url.slice(import.meta.url.lastIndexOf('.'))}`, import.meta.url);
  const worker = new Worker(thread, { workerData: options });
  const send = (message: ToGate) => {
    worker.postMessage(message, message.kind === 'answer' ? [message.body.buffer] : []);
  };
  let closing: Promise<unknown> | null = null;
  const close = async () => {
    if (!closing) {
      closing = once(worker, 'exit');
      send({ kind: 'close' });
    }
    await closing;
  };
  return new Promise((resolve, reject) => {
    let open = false;
    worker.on('error', (error) => {
      reject(error);
      // A simulator without its gate answers nobody: better to end with the reason than to hang.
      if (open) throw error;
    });
    worker.on('message', (message: FromGate) => {
      if (message.kind === 'request' || message.kind === 'broken') onRequest(message);
      else if (message.kind === 'listening') {
        open = true;
        resolve({ port: message.port, send, close });
      } else if (message.kind === 'failed') {
        void worker.terminate();
        const place = `${options.host}:${options.port}`;
        reject(new Error(`the simulator can not listen on ${place}: ${message.reason}; choose another port`));
      }
    });
  });
}
