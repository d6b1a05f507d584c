import { createHmac, timingSafeEqual } from 'node:crypto';
import { deflateSync, inflateSync } from 'node:zlib';

/** What a UserSig is made from (TLSSigAPI v2, Chat API 1047/34385). */
export interface UserSigInput {
  sdkappid: number;
  /** The app's secret key, used as its UTF-8 bytes. */
  key: string;
  /** The account the signature speaks for; REST calls need an app admin. */
  identifier: string;
  /** Life in seconds, from `now`. */
  expire: number;
  /** Unix seconds. */
  now: number;
  userbuf?: Uint8Array;
}

/** Bounds on what verification unpacks; a real signature is under 1 KB. */
const MOST_TEXT = 8192;
const MOST_JSON = 65_536;

/** A UserSig for one app and account. Throws on input that can give no valid signature; the key is never named. */
export function makeUserSig(input: UserSigInput): string {
  const { sdkappid, key, identifier, expire, now } = input;
  requireWhole('SDKAppID', sdkappid);
  requireWhole('expire (seconds)', expire);
  requireWhole('now (Unix seconds)', now);
  if (identifier === '') throw new Error('UserSig: the identifier (admin UserID) is empty');
  if (key === '') throw new Error('UserSig: the secret key is empty');
  const userbuf = input.userbuf && Buffer.from(input.userbuf).toString('base64');
  const fields = { sdkappid, identifier, time: now, expire, userbuf };
  const ticket = {
    'TLS.ver': '2.0',
    'TLS.identifier': identifier,
    'TLS.sdkappid': sdkappid,
    'TLS.time': now,
    'TLS.expire': expire,
    ...(userbuf !== undefined && { 'TLS.userbuf': userbuf }),
    'TLS.sig': sign(key, fields).toString('base64'),
  };
  return toUrlText(deflateSync(JSON.stringify(ticket)));
}

export type UserSigCheck = { ok: true } | { ok: false; code: number; info: string };

/**
 * Says what the service would say to a UserSig. Checked in this order: empty (70002), malformed (70003), signature
 * wrong (70009), expired (70001), other identifier (70013), other SDKAppID (70014). The service's own order is not
 * documented. `now` in Unix seconds.
 */
export function verifyUserSig(
  userSig: string,
  expected: { sdkappid: number; key: string; identifier: string; now: number },
): UserSigCheck {
  if (userSig === '') return refuse(70002, 'usersig is empty');
  const ticket = readTicket(userSig);
  if (!ticket) return refuse(70003, 'usersig is malformed');
  if (!sameBytes(ticket.sig, sign(expected.key, ticket))) return refuse(70009, 'usersig signature is wrong');
  if (expected.now > ticket.time + ticket.expire) return refuse(70001, 'usersig is expired');
  if (ticket.identifier !== expected.identifier) return refuse(70013, 'usersig was made for another identifier');
  if (ticket.sdkappid !== expected.sdkappid) return refuse(70014, 'usersig was made for another sdkappid');
  return { ok: true };
}

function refuse(code: number, info: string): UserSigCheck {
  return { ok: false, code, info };
}

interface Signed {
  sdkappid: number;
  identifier: string;
  time: number;
  expire: number;
  /** Base64. */
  userbuf?: string | undefined;
}

function sign(key: string, { sdkappid, identifier, time, expire, userbuf }: Signed): Buffer {
  const lines = [
    `TLS.identifier:${identifier}`,
    `TLS.sdkappid:${sdkappid}`,
    `TLS.time:${time}`,
    `TLS.expire:${expire}`,
    ...(userbuf === undefined ? [] : [`TLS.userbuf:${userbuf}`]),
  ];
  return createHmac('sha256', key)
    .update(lines.map((line) => `${line}\n`).join(''))
    .digest();
}

function readTicket(userSig: string): (Signed & { sig: Buffer }) | null {
  const json = unpack(userSig);
  return json && ticketOf(json);
}

/** The JSON inside; null where there is none. */
function unpack(userSig: string): object | null {
  if (userSig.length > MOST_TEXT || !/^[A-Za-z0-9*_-]+$/.test(userSig)) return null;
  try {
    const json: unknown = JSON.parse(inflateSync(fromUrlText(userSig), { maxOutputLength: MOST_JSON }).toString());
    return typeof json === 'object' ? json : null;
  } catch {
    return null; // not base64, not zlib, or not JSON: malformed all the same
  }
}

function ticketOf(json: object): (Signed & { sig: Buffer }) | null {
  const field = (name: string): unknown => (json as Record<string, unknown>)[`TLS.${name}`];
  const [sdkappid, identifier, time, expire] = [field('sdkappid'), field('identifier'), field('time'), field('expire')];
  const [userbuf, sig] = [field('userbuf'), field('sig')];
  if (!isWhole(sdkappid) || !isWhole(time) || !isWhole(expire)) return null;
  if (typeof identifier !== 'string' || typeof sig !== 'string') return null;
  if (userbuf !== undefined && typeof userbuf !== 'string') return null;
  return { sdkappid, identifier, time, expire, userbuf, sig: Buffer.from(sig, 'base64') };
}

/** What a UserSig says of itself, its signature unchecked: no key is needed to read it. */
export type UserSigContents =
  /** `madeAt`, `expiresAt`: Unix seconds. */
  | { kind: 'read'; sdkappid: number; identifier: string; madeAt: number; expiresAt: number }
  /** A ticket of another scheme (apps of before July 2019): only the service can judge it. */
  | { kind: 'other' }
  /** Cut off, or no UserSig at all: the service would answer 70003. */
  | { kind: 'malformed' };

export function readUserSig(userSig: string): UserSigContents {
  const json = unpack(userSig);
  if (json === null) return { kind: 'malformed' };
  const ticket = ticketOf(json);
  if (ticket === null) return { kind: 'other' };
  const { sdkappid, identifier, time, expire } = ticket;
  return { kind: 'read', sdkappid, identifier, madeAt: time, expiresAt: time + expire };
}

/** Base64 with the vendor's own three replacements, which are not those of base64url. */
function toUrlText(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('+', '*').replaceAll('/', '-').replaceAll('=', '_');
}

function fromUrlText(text: string): Buffer {
  return Buffer.from(text.replaceAll('*', '+').replaceAll('-', '/').replaceAll('_', '='), 'base64');
}

function sameBytes(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

function requireWhole(name: string, value: number): void {
  if (!isWhole(value)) throw new Error(`UserSig: ${name} must be a whole number above 0, not ${value}`);
}
