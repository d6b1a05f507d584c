/**
 * A call that got no usable HTTP response. Holds nothing of the request: its URL carries the UserSig.
 * `message` is fit for a person.
 */
export class TransportError extends Error {
  /** The system's or library's code, e.g. `ECONNRESET`; empty where there is none. */
  readonly code: string;
  /** False when no byte of the request left this process. */
  readonly sent: boolean;

  constructor(message: string, code: string, sent: boolean) {
    super(message);
    this.name = 'TransportError';
    this.code = code;
    this.sent = sent;
  }
}

export const TIMED_OUT = 'ETIMEDOUT';
export const ABORTED = 'ERR_CANCELED';

/** Codes that come while connecting only, so that nothing of a request can have left. */
const BEFORE_SENDING: Record<string, string> = {
  ECONNREFUSED: 'connection refused',
  ENOTFOUND: 'host name not found',
  EAI_AGAIN: 'host name cannot be resolved for the moment',
  EAI_FAIL: 'host name cannot be resolved',
  EHOSTUNREACH: 'host cannot be reached',
  ENETUNREACH: 'network cannot be reached',
  EADDRNOTAVAIL: 'no local port is free',
  EMFILE: 'too many open files in this process',
  ENFILE: 'too many open files on this machine',
  ERR_TLS_CERT_ALTNAME_INVALID: 'the certificate is for another host',
  CERT_HAS_EXPIRED: 'the certificate has expired; check this machine’s clock',
  CERT_NOT_YET_VALID: 'the certificate is not valid yet; check this machine’s clock',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the certificate is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'the certificate chain is self-signed',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'the certificate cannot be verified',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'the certificate’s issuer is not known here',
};

const WHENEVER: Record<string, string> = {
  ECONNRESET: 'connection reset',
  EPIPE: 'connection closed by the other side',
  ECONNABORTED: 'connection aborted',
  [TIMED_OUT]: 'timed out',
  [ABORTED]: 'aborted',
  EPROTO: 'what answers does not speak TLS',
  ERR_BAD_RESPONSE: 'the answer broke off or was too large',
  ERR_STREAM_PREMATURE_CLOSE: 'the answer broke off',
};

/**
 * Any error of connecting or of a call, without what it holds of the request. Give `sent` where it is known;
 * otherwise it is taken from the code, and `true` where the code does not tell.
 */
export function transportError(error: unknown, sent?: boolean): TransportError {
  if (error instanceof TransportError) return error;
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause instanceof TransportError) return cause; // our own, from connecting, wrapped on its way through the library
  const code = codeOfError(error);
  const connecting = Object.hasOwn(BEFORE_SENDING, code) || CONNECTING.has(stringField(error, 'syscall'));
  return new TransportError(textOf(code), code, sent ?? !connecting);
}

const CONNECTING: ReadonlySet<string> = new Set(['connect', 'getaddrinfo']);

function codeOfError(error: unknown): string {
  const code = stringField(error, 'code');
  if (code !== '' || !(error instanceof AggregateError)) return code;
  return stringField(error.errors[0], 'code'); // several addresses were tried
}

function textOf(code: string): string {
  if (Object.hasOwn(BEFORE_SENDING, code)) return BEFORE_SENDING[code] as string;
  if (Object.hasOwn(WHENEVER, code)) return WHENEVER[code] as string;
  if (code.startsWith('HPE_')) return 'the answer is not HTTP';
  if (code.startsWith('ERR_SSL_')) return 'what answers does not speak TLS';
  return code === '' ? 'network error' : `network error ${code}`;
}

/** Never throws, whatever was thrown at us. */
function stringField(value: unknown, name: string): string {
  if (typeof value !== 'object' || value === null) return '';
  try {
    const field: unknown = Reflect.get(value, name);
    return typeof field === 'string' ? field : '';
  } catch {
    return '';
  }
}
