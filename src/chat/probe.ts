import { OPERATIONS } from '../domain/operation.ts';
import type { Answer } from './classify.ts';
import type { PreparedCall } from './client.ts';
import { explainCode, faultOfCall, rowOfCode } from './codes.ts';
import { readEnvelope } from './envelope.ts';
import { transportError } from '../transport/transport-error.ts';

/**
 * The call that tries the credentials: account_check of the admin itself (Chat API 1047/34956). It reads, writes
 * nothing, needs no imported account, and takes nothing from the limits of the friend commands.
 */
export const PROBE = OPERATIONS['accounts-check'];

export function probeCall(admin: string): PreparedCall {
  const body = Buffer.from(JSON.stringify(PROBE.request(null, [{ to: admin, rows: 'forward' }], {})));
  return { path: PROBE.path, body, bytes: body.length };
}

/** What the answer to the probe says. */
export type ProbeVerdict =
  /** The service took the credentials. */
  | { kind: 'accepted' }
  /** Key, UserSig, admin, region, plan, path: no call of this app can pass. */
  | { kind: 'refused'; code: number; text: string; renewable: boolean }
  /** An answer of the service that says nothing of the credentials: too fast, an internal error, an unlisted code. */
  | { kind: 'odd'; code: number; text: string; throttled: boolean }
  /** No answer of the Chat API: a web page, a proxy, an error of the gateway, silence. */
  | { kind: 'unusable'; text: string };

/** Codes that are about this one command; the friend commands may be allowed all the same. */
const OF_THE_COMMAND: ReadonlySet<number> = new Set([60017, 60027]);

/** Reads the answer to the probe. Never throws. */
export function readProbe(answer: Answer): ProbeVerdict {
  if (answer.kind === 'error') return { kind: 'unusable', text: transportError(answer.error).message };
  if (answer.status !== 200)
    return { kind: 'unusable', text: `it answers HTTP ${answer.status}${hintOf(answer.status)}` };
  const envelope = readEnvelope(answer.body);
  if ('unreadable' in envelope) return { kind: 'unusable', text: `${envelope.unreadable}${pageHint(answer.body)}` };
  const { code, info } = envelope;
  if (code === 0) return { kind: 'accepted' };
  const fault = faultOfCall(code, info);
  const text = explainCode(code, info);
  if (fault.kind === 'credentials' && !OF_THE_COMMAND.has(code)) {
    return { kind: 'refused', code, text, renewable: fault.renewable };
  }
  // A wrong path or query (60009, 60012): no call can pass either.
  if (fault.kind === 'malformed' && rowOfCode(code).scope === 'job') {
    return { kind: 'refused', code, text, renewable: false };
  }
  return { kind: 'odd', code, text, throttled: fault.kind === 'throttled' };
}

/** The API answers 200 to everything that it handles (Chat API 1047/34620). */
function hintOf(status: number): string {
  if (status === 407) return ': a proxy on the way asks for a password';
  if (status === 403) return ': a proxy or firewall on the way forbids it';
  if (status === 404 || status === 405) return ': nothing of the Chat API is at this address';
  if (status >= 300 && status < 400) return ': it sends elsewhere, as a login page does';
  if (status >= 500) return ': the gateway has no service behind it for the moment';
  return ', which the Chat API never does';
}

function pageHint(body: string): string {
  return /^\s*<(!doctype|html|head|body|\?xml)/i.test(body) ? ' but a web page, as of a proxy or a login' : '';
}
