import { verifyUserSig, type UserSigCheck } from '../chat/usersig.ts';
import { commandAt } from './commands/index.ts';
import type { Command } from './commands/command.ts';
import type { Context } from './context.ts';
import { Refusal } from './refusal.ts';

const PREFIX = '/v4/';
const UINT32_MAX = 4_294_967_295;

/** A request as the gate hands it on. Times in microseconds. */
export interface ServiceRequest {
  method: string;
  /** Path and query. */
  url: string;
  body: Uint8Array;
  lo: number;
  at: number;
}

/** Which command a URL names, if any. */
export function commandOf(url: string): Command | undefined {
  const query = url.indexOf('?');
  const path = query < 0 ? url : url.slice(0, query);
  return path.startsWith(PREFIX) ? commandAt(path.slice(PREFIX.length)) : undefined;
}

/** `random` of the query, which tells one request from another; '' where there is none. */
export function randomOf(url: string): string {
  return /[?&]random=(\d+)/.exec(url)?.[1] ?? '';
}

/**
 * Lets a request in, or says why not: query, app, UserSig, admin, rate, in this order. The service's own order is not
 * documented. Throws a Refusal.
 */
export function admit(request: ServiceRequest, command: Command, context: Context): void {
  const { options, switches } = context;
  if (request.method !== 'POST') throw new Refusal(60002, 'only POST is allowed');
  const { sdkappid, identifier, usersig } = readQuery(request.url);
  if (sdkappid !== options.sdkappid) {
    throw switches['30002-meaning'] === 'app-mismatch' && command.path.startsWith('sns/')
      ? new Refusal(30002, 'SdkAppId_Illegal')
      : new Refusal(60026, 'this host does not serve the SDKAppID');
  }
  const signed = verify(usersig, identifier, context);
  if (!signed.ok) throw new Refusal(codeOfSignature(signed.code, context), signed.info);
  if (identifier !== options.admin) throw new Refusal(60010, 'the caller is not an app admin');
  takeRate(request, command, context);
}

/** The command's own rate, then the app's. A call that either refuses uses up neither, unless rejected calls count. */
function takeRate({ at, lo }: ServiceRequest, command: Command, context: Context): void {
  const counted = context.switches['rejected-calls'] === 'counted';
  const own = context.rate(command.name, command.limitShare);
  const app = context.appRate();
  if (!own.take(at, lo)) {
    if (counted) app?.take(at, lo);
    throw new Refusal(60007, 'the call frequency of this REST API is exceeded');
  }
  if (app && !app.take(at, lo)) {
    if (!counted) own.giveBack(at);
    throw new Refusal(60011, 'the call frequency of all REST APIs of the SDKAppID together is exceeded');
  }
}

function wrong(name: string): Refusal {
  return new Refusal(60025, `${name} in the URL is missing or illegal`);
}

function readQuery(url: string): { sdkappid: number; identifier: string; usersig: string } {
  const query = new URLSearchParams(url.slice(url.indexOf('?') + 1 || url.length));
  const sdkappid = query.get('sdkappid');
  if (!sdkappid) throw new Refusal(60012, 'sdkappid is missing in the URL');
  if (!/^[1-9]\d*$/.test(sdkappid)) throw wrong('sdkappid');
  const identifier = query.get('identifier');
  if (!identifier) throw wrong('identifier');
  const usersig = query.get('usersig');
  if (usersig === null) throw wrong('usersig');
  if (query.get('contenttype') !== 'json') throw wrong('contenttype');
  const random = query.get('random') ?? '';
  if (!/^\d{1,10}$/.test(random) || Number(random) > UINT32_MAX) throw wrong('random');
  return { sdkappid: Number(sdkappid), identifier, usersig };
}

/** The last signature that was found good, and in which second: one signature serves thousands of calls. */
const remembered = new WeakMap<Context, { usersig: string; identifier: string; second: number }>();

function verify(usersig: string, identifier: string, context: Context): UserSigCheck {
  const { sdkappid, key } = context.options;
  const now = context.clock.unixSeconds();
  const last = remembered.get(context);
  if (last?.usersig === usersig && last.identifier === identifier && last.second === now) return { ok: true };
  const check = verifyUserSig(usersig, { sdkappid, key, identifier, now });
  if (check.ok) remembered.set(context, { usersig, identifier, second: now });
  return check;
}

function codeOfSignature(code: number, { switches }: Context): number {
  if (switches['60004-meaning'] === 'transient') return code;
  if (code === 70013) return 60004;
  return code === 70003 || code === 70009 ? 60005 : code;
}
