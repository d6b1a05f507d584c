import { openSync, readSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setPriority } from 'node:os';
import { performance } from 'node:perf_hooks';
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import type { FromGate, GateOptions, ToGate } from './gate-protocol.ts';
import { Stamper } from './stamp.ts';

/**
 * The gate: a thread that accepts, stamps and forwards, and does nothing else, so that its stamps are as good as the
 * machine allows. Everything that takes time is done on the other side of the port.
 */

const KEEP_ALIVE_MS = 75_000;

const port = parentPort as MessagePort;
const options = workerData as GateOptions;
const stamper = new Stamper({
  now: () => Number(process.hrtime.bigint()) / 1000,
  idle: () => performance.nodeTiming.idleTime * 1000,
  waited: waitedReader(),
});
const waiting = new Map<number, ServerResponse>();
let lastId = 0;
let lookDue = false;

runFirst();
const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS, requestTimeout: 0 }, accept);
server.on('error', (error) => post({ kind: 'failed', reason: error.message }));
server.listen(options.port, options.host, () => {
  post({ kind: 'listening', port: (server.address() as AddressInfo).port });
});
port.on('message', obey);

function accept(request: IncomingMessage, response: ServerResponse): void {
  const { lo, at } = stamper.stamp();
  const id = ++lastId;
  waiting.set(id, response);
  response.on('close', () => waiting.delete(id));
  const { method = '', url = '' } = request;
  request.on('close', () => {
    if (!request.complete) post({ kind: 'broken', url, lo, at });
  });
  const pieces: Uint8Array[] = [];
  request.on('data', (piece: Uint8Array) => pieces.push(piece));
  request.on('end', () => {
    const body = joined(pieces);
    post({ kind: 'request', id, method, url, body, lo, at }, [body.buffer]);
    lookSoon();
  });
}

function obey(message: ToGate): void {
  lookSoon();
  if (message.kind === 'close') {
    server.close(() => {
      post({ kind: 'closed' });
      port.close();
    });
    server.closeAllConnections();
  } else if (message.delayMs > 0) setTimeout(() => answer(message), message.delayMs).unref();
  else answer(message);
}

function answer(message: Exclude<ToGate, { kind: 'close' }>): void {
  const response = waiting.get(message.id);
  // The client is gone: nobody is left to hear it.
  if (!response) return;
  if (message.kind === 'reset') {
    response.socket?.resetAndDestroy();
    return;
  }
  response.writeHead(message.status, {
    'Content-Type': message.contentType,
    'Content-Length': message.body.byteLength,
  });
  if (!message.cut) response.end(message.body);
  else response.write(message.body.subarray(0, message.body.byteLength >> 1), () => response.socket?.destroy());
}

/** Joins pieces in a buffer of their own, which can be moved to the other thread. */
function joined(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const length = pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
  const whole = Buffer.allocUnsafeSlow(length) as Buffer<ArrayBuffer>;
  let end = 0;
  for (const piece of pieces) {
    whole.set(piece, end);
    end += piece.byteLength;
  }
  return whole;
}

function post(message: FromGate, moved: ArrayBuffer[] = []): void {
  port.postMessage(message, moved);
}

/** Looks at the clocks at the end of this turn of the loop, so that its work is not taken for a later request's wait. */
function lookSoon(): void {
  if (lookDue) return;
  lookDue = true;
  setImmediate(() => {
    lookDue = false;
    stamper.stamp();
  });
}

/** Priority is per thread on Linux. Without the right to raise it, `lo` tells what the gate then misses. */
function runFirst(): void {
  try {
    setPriority(0, -10);
  } catch {
    // EPERM, EACCES
  }
}

/** Linux: second number of schedstat, nanoseconds this thread was runnable and waited. */
function waitedReader(): () => number {
  try {
    const file = openSync('/proc/thread-self/schedstat', 'r');
    const buffer = Buffer.alloc(80);
    return () => {
      const length = readSync(file, buffer, 0, buffer.length, 0);
      return Number(buffer.toString('latin1', 0, length).split(' ')[1] ?? 0) / 1000;
    };
  } catch {
    return () => 0;
  }
}
