import { admit, commandOf, randomOf, type ServiceRequest } from './admission.ts';
import type { Answer, Command, PreparedCall } from './commands/command.ts';
import type { Context } from './context.ts';
import type { ItemFault } from './dice.ts';
import type { CallFault } from './faults.ts';
import { draw } from './hash.ts';
import { count } from './ledger.ts';
import { Refusal } from './refusal.ts';
import { textOf } from './texts.ts';

/** What the gate does to answer. `delayMs` counts from when the service is done. */
export type Delivery =
  { kind: 'answer'; status: number; body: string; delayMs: number; cut?: boolean } | { kind: 'reset'; delayMs: number };

/** A call at work: `finish` is due after `serviceMs`, and gives what goes back. */
export interface Work {
  serviceMs: number;
  finish(): Delivery;
}

const BAD_GATEWAY = '<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>';
/** JSON that breaks off, with HTTP 200 and a fitting Content-Length. */
const MALFORMED = '{"ActionStatus":"OK","ErrorCode":0,"Err';
/** Of a call that a fault in front of the service answers. */
const NOTHING: Answer = { code: 0, info: '', fields: '' };

/**
 * The service's rules, without I/O: takes a request in at once, and applies it when `finish` is called. Check order:
 * path, query, app, UserSig, admin, rate, JSON, fields and batch size, From_Account, items.
 */
export function receive(request: ServiceRequest, context: Context): Work {
  context.calls++;
  const { options, switches } = context;
  const tooLarge = request.body.byteLength > options.maxBodyBytes;
  const command = commandOf(request.url);
  if (command) context.ledger.of(command.name).calls++;
  if (tooLarge && switches['body-above-limit'] === 'closed') {
    return { serviceMs: 0, finish: () => ({ kind: 'reset', delayMs: 0 }) };
  }
  try {
    if (!command) throw new Refusal(60009, 'no such resource in the URL');
    admit(request, command, context);
    if (tooLarge && switches['body-above-limit'] === '60003') throw new Refusal(60003, 'the body is too large');
    return begin(command, command.prepare(parseBody(request.body), context), request, context);
  } catch (error) {
    const delayMs = context.dice.latency(randomOf(request.url));
    const answer = refusal(error);
    return { serviceMs: 0, finish: () => deliver(null, answer, delayMs, command, context) };
  }
}

function parseBody(body: Uint8Array): Record<string, unknown> {
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString());
  } catch {
    throw new Refusal(60003, 'the body is not valid JSON');
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new Refusal(60003, 'the body is not a JSON object');
  }
  return json as Record<string, unknown>;
}

/** Draws the call's fault, takes the lists it writes, and leaves the rest for the end of the service time. */
function begin(command: Command, call: PreparedCall, request: ServiceRequest, context: Context): Work {
  const serviceMs = command.writes ? context.options.serviceTimeMs.write : context.options.serviceTimeMs.read;
  const from = context.world.keyOf(call.from ?? '');
  const fault = context.dice.call(command.name, from, call.firstItem, call.items);
  const delayMs = context.dice.latency(`${command.name}\n${from}\n${randomOf(request.url)}`);
  if (fault) count(context.ledger.of(command.name).faults, nameOf(fault));
  if (fault && NOT_APPLIED.has(fault.kind)) {
    return { serviceMs, finish: () => deliver(fault, NOTHING, delayMs, command, context) };
  }
  const write =
    command.writes && call.from !== null
      ? context.conflicts.begin(command.name, request.at, context.world.account(call.from), call.peers())
      : null;
  return {
    serviceMs,
    finish() {
      const answer = answerOf(command, call, write, context);
      write?.end(context.clock.micros());
      return deliver(fault, answer, delayMs, command, context);
    },
  };
}

/** Faults in front of the service: the call never gets there. */
const NOT_APPLIED: ReadonlySet<CallFault['kind']> = new Set(['badGateway', 'resetBefore', 'code'] as const);

function nameOf(fault: CallFault): string {
  return 'code' in fault ? `${fault.kind}:${fault.code}` : fault.kind;
}

type Busy = Parameters<PreparedCall['run']>[0];
const FREE: Busy = { from: false, peers: new Set() };

function answerOf(
  command: Command,
  call: PreparedCall,
  write: { fromBusy: boolean; busyPeers: Busy['peers'] } | null,
  context: Context,
): Answer {
  const busy = write ? { from: write.fromBusy, peers: write.busyPeers } : FREE;
  try {
    const fault = busy.from ? null : faultOfWhole(command, call, context);
    if (!fault) return call.run(busy);
    if (fault.kind === 'transient' && fault.applied) call.run(busy);
    throw new Refusal(fault.code, fault.info ?? textOf(command.name, fault.code));
  } catch (error) {
    return refusal(error);
  }
}

/** What the plan's rules have for the call as a whole, if it shows this time. */
function faultOfWhole(command: Command, call: PreparedCall, { dice, ledger, world }: Context): ItemFault | null {
  const from = world.keyOf(call.from ?? '');
  const fault = dice.whole(command.name, from, command.withoutItems ? null : 'envelope');
  if (!fault || !dice.shows(command.name, from, '', fault)) return null;
  count(ledger.of(command.name).faults, fault.kind);
  return fault;
}

/** Carries out the fault of a call on the answer that the service made (or on none). */
function deliver(
  fault: CallFault | null,
  answer: Answer,
  delayMs: number,
  command: Command | undefined,
  context: Context,
): Delivery {
  const ok = (body: string): Delivery => ({ kind: 'answer', status: 200, body, delayMs });
  switch (fault?.kind) {
    case undefined:
      return ok(told(answer, command, context));
    case 'badGateway':
    case 'badGatewayAfter':
      return { kind: 'answer', status: 502, body: BAD_GATEWAY, delayMs };
    case 'resetBefore':
    case 'resetAfter':
      return { kind: 'reset', delayMs };
    case 'hang':
      return {
        kind: 'answer',
        status: 200,
        body: told(answer, command, context),
        delayMs: context.dice.plan.calls.hangMs,
      };
    case 'malformed':
      return ok(MALFORMED);
    case 'truncated':
      return { kind: 'answer', status: 200, body: envelope(answer, command, context), delayMs, cut: true };
    case 'code':
    case 'codeAfter': {
      const { info = 'injected by the fault plan' } = context.dice.plan.calls;
      return ok(told({ code: fault.code, info, fields: '' }, command, context));
    }
  }
}

/** The answer of a call that fails as a whole. Anything but a Refusal is a bug of the simulator and goes on. */
function refusal(error: unknown): Answer {
  if (!(error instanceof Refusal)) throw error;
  return { code: error.code, info: error.message, fields: error.fields };
}

/** Text of an answer that gets to the client, which the ledger counts. */
function told(answer: Answer, command: Command | undefined, context: Context): string {
  if (command) {
    const counts = context.ledger.of(command.name);
    count(counts.codes, answer.code);
    for (const [code, n] of answer.items ?? []) count(counts.items, code, n);
  }
  return envelope(answer, command, context);
}

/** Items first, envelope last, as in the samples of every page. */
function envelope({ code, info, fields }: Answer, command: Command | undefined, context: Context): string {
  const last = JSON.stringify({
    ActionStatus: code === 0 ? 'OK' : 'FAIL',
    ErrorCode: code,
    ErrorInfo: info,
    ...(command?.errorDisplay !== false && { ErrorDisplay: '' }),
    ...(context.switches['request-id'] === 'present' && { RequestId: requestId(context) }),
  });
  return `{${fields}${last.slice(1)}`;
}

function requestId({ calls, options }: Context): string {
  const hex = [0, 1, 2, 3].map((part) =>
    Math.floor(draw(options.seed, 'request', calls, part) * 0x1_0000_0000)
      .toString(16)
      .padStart(8, '0'),
  );
  return `Id-${hex.join('')}-O-Seq-${calls}`;
}
