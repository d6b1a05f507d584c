/** What stands around the items of every answer (Chat API 1047/34620), read defensively. */
export interface Envelope {
  body: Record<string, unknown>;
  /** 0, or the service's code for the whole call. */
  code: number;
  /** ErrorInfo: for people only. It says `"0"` on some successes, so it decides nothing. */
  info: string;
  requestId: string | null;
}

/** Longer texts are no explanation, and would fill results and logs. */
const MOST_INFO = 500;

/**
 * The envelope of an answer's text, or why it cannot be read. ActionStatus and ErrorCode must agree: OK with 0, or
 * FAIL (or nothing) with another code. Where they contradict each other nothing of the answer is believed.
 */
export function readEnvelope(text: string): Envelope | { unreadable: string } {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return { unreadable: text.trim() === '' ? 'the answer is empty' : 'the answer is not JSON' };
  }
  if (!isRecord(body)) return { unreadable: 'the answer is not a JSON object' };
  const { ActionStatus: status, ErrorCode: code } = body;
  if (!isCode(code)) return { unreadable: 'the answer has no whole number as ErrorCode' };
  const agree = code === 0 ? status === 'OK' : status === 'FAIL' || status === undefined;
  if (!agree) return { unreadable: `ActionStatus ${shown(status)} contradicts ErrorCode ${code}` };
  return { body, code, info: infoOf(body.ErrorInfo), requestId: requestIdOf(body.RequestId) };
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A code is a JSON number without fraction; a numeric string is not. */
export function isCode(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

/** A text of the service for people, '' where there is none. */
export function infoOf(value: unknown): string {
  if (typeof value !== 'string') return '';
  return value.length <= MOST_INFO ? value : `${value.slice(0, MOST_INFO)}…`;
}

function requestIdOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? infoOf(value) : null;
}

function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 20)) : 'missing';
}
