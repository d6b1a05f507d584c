import { z } from 'zod';
import { arrivalsOf } from './arrivals.ts';
import { commandNamed } from './commands/index.ts';
import { ALL_COMMANDS, type Context } from './context.ts';
import { Dice } from './dice.ts';
import { readFaultPlan } from './faults.ts';
import { readMeter } from './meter.ts';
import { readSwitches } from './switches.ts';
import {
  accountOf,
  accountsSchema,
  entriesOf,
  friendsOf,
  pairsSchema,
  profilesSchema,
  relationsSchema,
  seedFriends,
  sentSchema,
  setAccounts,
  truthOf,
} from './truth.ts';

export const CONTROL_PREFIX = '/_simulator/';

/** The control plane's answer: JSON, or bytes. */
export type ControlAnswer = { status: number; json: unknown } | { status: number; bytes: Uint8Array<ArrayBuffer> };

/** Resetting needs a new context, which only the owner of it can make. */
export interface ControlTarget {
  context(): Context;
  /** Begins anew with the starting options, changed by `changes`. Throws where they make no sense. */
  reset(changes: object): void;
}

type Handler = (query: URLSearchParams, body: unknown, target: ControlTarget) => ControlAnswer;

const ok = (json: unknown): ControlAnswer => ({ status: 200, json });

/** Method and path → what it does. Nothing here touches the log of arrivals, and calls here are not in it. */
const HANDLERS: Record<string, Handler> = {
  'GET arrivals': (query, _body, target) => {
    const pairs = target.context().arrivalPairs(commandIn(query));
    if (query.get('format') === 'binary') return { status: 200, bytes: new Uint8Array(pairs.buffer) };
    return ok(arrivalsOf(pairs).map(({ lo, at }) => [lo, at]));
  },
  'GET meter': (query, _body, target) => {
    const context = target.context();
    const command = commandIn(query);
    const windowMs = numberIn(query, 'window') ?? context.options.windowMs;
    const limit = numberIn(query, 'limit') ?? limitOf(command, context);
    const arrivals = arrivalsOf(context.arrivalPairs(command));
    return ok({ command, windowMs, limit, ...readMeter(arrivals, windowMs * 1000, limit) });
  },
  'GET friends': (query, _body, target) => ok(friendsOf(query.get('from') ?? '', target.context())),
  'GET ledger': (_query, _body, target) => ok(target.context().ledger.counts()),
  'GET conflicts': (_query, _body, target) => ok(target.context().conflicts.counts),
  'POST relations': (_query, body, target) => ok(truthOf(relationsSchema.parse(body), target.context())),
  'POST entries': (_query, body, target) => ok(entriesOf(pairsSchema.parse(body), target.context())),
  'POST profiles': (_query, body, target) => {
    const context = target.context();
    return ok(profilesSchema.parse(body).accounts.map((id) => accountOf(id, context)));
  },
  'POST sent': (_query, body, target) => {
    const { command, pairs } = sentSchema.parse(body);
    const { sent } = target.context();
    if (!sent) throw new Error('nothing was counted: start or reset with countSent');
    return ok(pairs.map(([from, to]) => sent.of(knownCommand(command), from, to)));
  },
  'POST friends': (_query, body, target) => ok({ added: seedFriends(pairsSchema.parse(body), target.context()) }),
  'POST accounts': (_query, body, target) => {
    setAccounts(accountsSchema.parse(body), target.context());
    return ok({});
  },
  'POST faults': (_query, body, target) => {
    const context = target.context();
    context.dice = new Dice(context.options.seed, readFaultPlan(body));
    return ok(context.dice.plan);
  },
  'POST switches': (_query, body, target) => {
    const switches = readSwitches(z.record(z.string(), z.string()).parse(body));
    if (switches['userid-case']) throw new Error('userid-case can only be set at the start or with a reset');
    target.context().setSwitches(switches);
    return ok(target.context().switches);
  },
  'POST limits': (_query, body, target) => {
    // `*`: all commands together.
    target.context().setLimits(z.record(z.string(), z.number().int().positive()).parse(body));
    return ok(target.context().limits);
  },
  'POST reset': (_query, body, target) => {
    target.reset(z.looseObject({}).parse(body ?? {}));
    return ok({});
  },
};

/** Answers one request of the control plane. Whatever is wrong with it comes back as `{error}` with status 400 or 404. */
export function control(
  { method, url, body }: { method: string; url: string; body: Uint8Array },
  target: ControlTarget,
): ControlAnswer {
  const { pathname, searchParams } = new URL(url, 'http://simulator');
  const name = `${method} ${pathname.slice(CONTROL_PREFIX.length)}`;
  const handler = HANDLERS[name];
  if (!handler) {
    const error = `no "${name}" in the control plane (there are: ${Object.keys(HANDLERS).join(', ')})`;
    return { status: 404, json: { error } };
  }
  try {
    const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString();
    return handler(searchParams, text === '' ? undefined : JSON.parse(text), target);
  } catch (error) {
    const message = error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message;
    return { status: 400, json: { error: message } };
  }
}

/** The command that a query names, or all together. */
function commandIn(query: URLSearchParams): string {
  const name = query.get('command') ?? '';
  return name === ALL_COMMANDS ? name : knownCommand(name);
}

function knownCommand(name: string): string {
  if (!commandNamed(name)) throw new Error(`command: no command "${name}"`);
  return name;
}

/** The limit that holds: of all commands together, where the app has none, the general one of a command. */
function limitOf(command: string, context: Context): number {
  if (command === ALL_COMMANDS) return context.appLimit() ?? context.options.limit;
  return context.limitOf(command, commandNamed(command)?.limitShare ?? 1);
}

function numberIn(query: URLSearchParams, name: string): number | null {
  const text = query.get(name);
  if (text === null) return null;
  const value = Number(text);
  if (!(value > 0)) throw new Error(`${name}: "${text}" is not a number above 0`);
  return value;
}
