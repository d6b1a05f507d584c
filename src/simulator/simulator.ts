import { commandOf } from './admission.ts';
import { control, CONTROL_PREFIX } from './control.ts';
import { Context, type Clock } from './context.ts';
import { openGate, type Gate, type BrokenRequest, type GateRequest } from './gate.ts';
import { readSimulatorOptions, type SimulatorOptionsInput } from './options.ts';
import { receive, type Delivery } from './service.ts';

export interface Simulator {
  /** `http://host:port`: base URL of the API and of the control plane. */
  url: string;
  port: number;
  close(): Promise<void>;
}

const JSON_TYPE = 'application/json; charset=utf-8';

/** The text in a buffer of its own, which can be moved to the gate. Three times as fast as a TextEncoder here. */
function bytesOf(text: string): Buffer<ArrayBuffer> {
  const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text)) as Buffer<ArrayBuffer>;
  bytes.write(text);
  return bytes;
}

/** The clock of the gate and of the service: one monotonic clock for both threads. */
const systemClock: Clock = {
  micros: () => Number(process.hrtime.bigint()) / 1000,
  unixSeconds: () => Math.floor(Date.now() / 1000),
};

/** Starts the simulated service. Rejects on wrong options (all of them told) and when the port is taken. */
export async function startSimulator(given: SimulatorOptionsInput = {}): Promise<Simulator> {
  const options = readSimulatorOptions(given);
  let context = new Context(options, systemClock);
  const target = {
    context: () => context,
    reset(changes: object) {
      context = new Context(readSimulatorOptions({ ...given, ...changes }), systemClock);
    },
  };
  const gate: Gate = await openGate({ host: options.host, port: options.port }, (request) => {
    if (request.kind === 'request' && request.url.startsWith(CONTROL_PREFIX)) {
      const answer = control(request, target);
      send(request.id, answer.status, 'bytes' in answer ? answer.bytes : JSON.stringify(answer.json), 0, false);
    } else serve(request);
  });

  function serve(request: GateRequest | BrokenRequest): void {
    const command = commandOf(request.url);
    if (command) context.arrivals(command.name).add(request);
    if (request.kind === 'broken') return;
    const work = receive(request, context);
    if (work.serviceMs > 0) setTimeout(() => hand(request.id, work.finish()), work.serviceMs);
    else hand(request.id, work.finish());
  }

  function hand(id: number, delivery: Delivery): void {
    if (delivery.kind === 'reset') gate.send({ kind: 'reset', id, delayMs: delivery.delayMs });
    else send(id, delivery.status, delivery.body, delivery.delayMs, delivery.cut ?? false);
  }

  function send(id: number, status: number, body: string | Uint8Array<ArrayBuffer>, delayMs: number, cut: boolean) {
    const contentType =
      typeof body !== 'string' ? 'application/octet-stream' : status === 502 ? 'text/html' : JSON_TYPE;
    const bytes = typeof body === 'string' ? bytesOf(body) : body;
    gate.send({ kind: 'answer', id, status, contentType, body: bytes, delayMs, cut });
  }

  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  return { url: `http://${host}:${gate.port}`, port: gate.port, close: gate.close };
}
