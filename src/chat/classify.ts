import type { Item } from '../domain/chunk.ts';
import type { Fault } from '../domain/fault.ts';
import type { Operation } from '../domain/operation.ts';
import { faultOfCall } from './codes.ts';
import { type Envelope, readEnvelope } from './envelope.ts';
import { type Verdict, readItems, verdictOf } from './items.ts';
import { type Page, readPage } from './page.ts';
import { transportError } from '../transport/transport-error.ts';

/** What came back of a call: a response, whatever its status, or an error instead of one. */
export type Answer = { kind: 'response'; status: number; body: string } | { kind: 'error'; error: unknown };

/** One verdict an item, in the items' order. */
export interface CallResult {
  /** Why the call as a whole did not succeed; null when the items speak for themselves. */
  fault: Fault | null;
  verdicts: Verdict[];
  /** Oddities of the answer that change no verdict: for the log. */
  anomalies: string[];
  /** Of a call that answers a page: the page. The verdict is then left to whoever has them all. */
  page?: Page;
  /** The service's name for the call, where it gave one: for the log. */
  requestId: string | null;
}

export type { Verdict };

/** Codes that a new UserSig may cure (Chat API 1047/34348). */
const USERSIG_CODES: ReadonlySet<number> = new Set([70001, 70052]);
/** Tries for a status that is neither 200 nor an outage: a wrong host or path will not get better. */
const ODD_STATUS_TRIES = 3;
/** Accounts not imported: the one code that older answers give to the whole call beside good items. */
const NOT_IMPORTED = 30003;

/**
 * Says what an answer means for each item of the call. With `envelope`, `items` and `transport-error` this is the
 * only place that looks inside a response or an error of a call. Never throws.
 *
 * What is believed: an item succeeded only if an answer whose envelope says OK and 0 (or the older partial shape
 * with 30003) holds an entry with the item's own name and ResultCode 0. Position, HTTP status, ErrorInfo and
 * Fail_Account prove nothing. Whatever is missing, contradictory or of the wrong type is `unreadable`.
 */
export function classify(operation: Operation, items: readonly Item[], answer: Answer): CallResult {
  if (answer.kind === 'error') return wholeCall(items, faultOfError(answer.error));
  const odd = faultOfStatus(answer.status);
  if (odd) return wholeCall(items, odd);
  const envelope = readEnvelope(answer.body);
  if ('unreadable' in envelope) return wholeCall(items, { kind: 'unreadable', info: envelope.unreadable });
  if (envelope.code === 0 || isPartial(operation, envelope)) return passed(operation, items, envelope);
  return refused(operation, items, envelope);
}

/** A call whose envelope says that it failed. Of one item that may be no failure: friends already, none to delete. */
function refused(operation: Operation, items: readonly Item[], { code, info, requestId }: Envelope): CallResult {
  const whole = wholeCall(items, faultOfCall(code, info), requestId);
  const status = items.length === 1 ? operation.special(code, info) : null;
  return status === null ? whole : { ...whole, verdicts: [{ settlement: { status, code, info } }] };
}

/** A call whose envelope says that it passed, seen as its operation's answers are shaped. */
function passed(operation: Operation, items: readonly Item[], envelope: Envelope): CallResult {
  switch (operation.answers) {
    case 'items':
      return byItem(operation, items, envelope);
    case 'failures':
      return byFailures(operation, items, envelope);
    case 'call':
      return allOk(items, envelope);
    case 'pages':
      return byPage(items, envelope);
  }
}

function allOk(items: readonly Item[], { info, requestId }: Envelope): CallResult {
  const ok: Verdict = { settlement: { status: 'ok', code: 0, info } };
  return { fault: null, verdicts: items.map(() => ok), anomalies: [], requestId };
}

/** Tries of an item that the service lists as failed without saying why. */
const UNEXPLAINED_TRIES = 3;

/** Everything passed but what the answer lists by name. */
function byFailures(operation: Operation, items: readonly Item[], envelope: Envelope): CallResult {
  const [name] = operation.answerArrays as [string];
  const listed = envelope.body[name] ?? [];
  if (!Array.isArray(listed) || !listed.every((id) => typeof id === 'string')) {
    return wholeCall(items, { kind: 'unreadable', info: `${name} is no list of accounts` }, envelope.requestId);
  }
  const failed = new Set<string>(listed);
  const fault: Fault = {
    kind: 'unexplained',
    info: `the service lists it in ${name}, without a code`,
    maxAttempts: UNEXPLAINED_TRIES,
  };
  const all = allOk(items, envelope);
  const unasked = [...failed].filter((id) => !items.some(({ to }) => to === id)).length;
  return {
    ...all,
    verdicts: items.map(({ to }, place) => (failed.has(to) ? { fault } : (all.verdicts[place] as Verdict))),
    anomalies: unasked > 0 ? [`${unasked} accounts in ${name} that nobody asked for`] : [],
  };
}

function byPage(items: readonly Item[], envelope: Envelope): CallResult {
  const page = readPage(envelope.body);
  if ('unreadable' in page) return wholeCall(items, { kind: 'unreadable', info: page.unreadable }, envelope.requestId);
  const missing: Fault = { kind: 'unreadable', info: 'the other pages were not read' };
  return {
    fault: null,
    verdicts: items.map(() => ({ fault: missing })),
    anomalies: [],
    page,
    requestId: envelope.requestId,
  };
}

/** True when the service refused the UserSig itself. Cheap on long answers: those carry items, so it was accepted. */
export function refusesUserSig(answer: Answer): boolean {
  if (answer.kind === 'error' || answer.status !== 200 || answer.body.length > 4096) return false;
  const envelope = readEnvelope(answer.body);
  return !('unreadable' in envelope) && USERSIG_CODES.has(envelope.code);
}

function faultOfError(error: unknown): Fault {
  const { message, sent } = transportError(error);
  return { kind: 'transient', curve: 'network', code: null, info: message, answered: !sent };
}

function faultOfStatus(status: number): Fault | null {
  if (status === 200) return null;
  if (status >= 500 || status === 408 || status === 429) {
    return { kind: 'transient', curve: 'network', code: null, info: `HTTP ${status}`, answered: false };
  }
  const info = `HTTP ${status}: not an answer of the Chat API; check region or base URL`;
  return { kind: 'unknown-code', code: status, info, maxAttempts: ODD_STATUS_TRIES };
}

/** The older partial answer: FAIL 30003 for the call, the good items beside it, the others in Invalid_Account. */
function isPartial(operation: Operation, { code, body }: Envelope): boolean {
  return (
    operation.answers === 'items' &&
    code === NOT_IMPORTED &&
    entriesOf(operation, body).length + invalidAccounts(body).length > 0
  );
}

function byItem(operation: Operation, items: readonly Item[], envelope: Envelope): CallResult {
  const { body, code, requestId } = envelope;
  const invalid = code === NOT_IMPORTED ? invalidAccounts(body) : [];
  const wanted = new Set(items.map((item) => item.to));
  const { verdicts, anomalies } = readItems(operation, wanted, [
    ...entriesOf(operation, body),
    ...invalid.map((to) => ({ [operation.answerAccount]: to, ResultCode: NOT_IMPORTED, ResultInfo: envelope.info })),
  ]);
  if (verdicts.size === 0 && items.length > 0) {
    // Names others alone, maybe From_Account: as if it named nobody.
    const fault: Fault =
      code === NOT_IMPORTED
        ? faultOfCall(code, envelope.info)
        : { kind: 'unreadable', info: 'the answer holds none of the items' };
    return wholeCall(items, fault, requestId, anomalies);
  }
  const missing: Fault = { kind: 'unreadable', info: 'the answer lacks this item' };
  return {
    fault: null,
    verdicts: items.map((item) => verdicts.get(item.to) ?? { fault: missing }),
    anomalies,
    requestId,
  };
}

function entriesOf(operation: Operation, body: Record<string, unknown>): unknown[] {
  for (const name of operation.answerArrays) {
    const value = body[name];
    if (Array.isArray(value)) return value;
  }
  return [];
}

function invalidAccounts(body: Record<string, unknown>): unknown[] {
  return Array.isArray(body.Invalid_Account) ? body.Invalid_Account : [];
}

function wholeCall(
  items: readonly Item[],
  fault: Fault,
  requestId: string | null = null,
  anomalies: string[] = [],
): CallResult {
  const verdict = verdictOf(fault);
  return { fault, verdicts: items.map(() => verdict), anomalies, requestId };
}
