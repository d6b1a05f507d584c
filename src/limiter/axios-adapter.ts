import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { ConnectionOptions } from 'node:tls';
import axios, {
  type AxiosAdapter,
  AxiosError,
  type AxiosInstance,
  type AxiosResponse,
  CanceledError,
  getAdapter,
  type InternalAxiosRequestConfig,
  isAxiosError,
} from 'axios';
import { TOO_FAST } from '../domain/throttling.ts';
import { type Connection, WarmAgent } from '../transport/agent.ts';
import { exchange, type Exchanged } from '../transport/exchange.ts';
import { ABORTED, TransportError } from '../transport/transport-error.ts';
import type { Limiter } from './limiter.ts';
import type { Slot, Throttled } from './slot.ts';

export interface LimitedOptions {
  /** Whether an answer says "too fast", and of whose limit; null: it does not. Default: `chatThrottled`. */
  throttled?: (response: AxiosResponse) => Throttled | null;
  /** Most sockets to one origin: a request beyond them waits for one before it takes its slot. Default 64. */
  maxSockets?: number;
  /** Idle sockets are closed after this time, ms. Default 50,000. */
  idleMs?: number;
  /** Extra TLS options, e.g. `ca`, `cert`. */
  tls?: ConnectionOptions;
}

/** What of a limiter the adapter uses. */
export type Slots = Pick<Limiter, 'take' | 'callTimeoutMs'>;

const MAX_SOCKETS = 64;
/** Under the minute after which gateways commonly drop idle connections. */
const IDLE_MS = 50_000;
/** A request whose slots all come too late for it would use up those of others without end. */
const MOST_SLOTS = 10;
/** What cannot be honoured, for it would take a request past the slot, the open socket or the tick of the check. */
const NOT_OURS = [
  'httpAgent',
  'httpsAgent',
  'proxy',
  'socketPath',
  'transport',
  'lookup',
  'family',
  'maxRedirects',
  'maxRate',
  'onUploadProgress',
] as const;

/**
 * Makes every request of an axios instance take a slot: the same instance, with its adapter replaced. It has to be one
 * for the limiter's command alone.
 */
export function limited<Instance extends AxiosInstance>(
  instance: Instance,
  limiter: Slots,
  options?: LimitedOptions,
): Instance {
  instance.defaults.adapter = limitedAdapter(limiter, options);
  return instance;
}

/**
 * An axios adapter that sends nothing without a slot: it connects, waits for a slot, and asks whether the slot still holds
 * in the tick that writes to the socket; one that has grown too old meanwhile is given up for another, ten times at most.
 * The slot is settled when the answer is in, when the request failed or was aborted, and at the limiter's `callTimeoutMs`
 * at the latest.
 *
 * It rejects as axios' own does: an AxiosError with `response` for a status that `validateStatus` refuses, a CanceledError
 * when `signal` is aborted, also while it waits for a slot. `timeout` counts from the slot on. A redirect is an answer (its
 * target would need a slot of its own). Connections are the adapter's: no agent, proxy or stream can be given, also not
 * by the environment; such a request is rejected with the code ERR_BAD_OPTION before anything is taken.
 */
export function limitedAdapter(limiter: Slots, options: LimitedOptions = {}): AxiosAdapter {
  const { throttled = chatThrottled, maxSockets = MAX_SOCKETS, idleMs = IDLE_MS, tls } = options;
  const agents = new Map<string, WarmAgent>();
  const agentOf = (origin: URL): WarmAgent => {
    const known = agents.get(origin.origin);
    if (known) return known;
    const connectTimeoutMs = limiter.callTimeoutMs;
    const agent = new WarmAgent({ origin, maxSockets, idleMs, connectTimeoutMs, ...(tls && { tls }) });
    agents.set(origin.origin, agent);
    return agent;
  };

  return async (config) => {
    check(config);
    const origin = originOf(config);
    const agent = agentOf(origin);
    const signal = config.signal as AbortSignal | undefined;
    for (let slots = 0; slots < MOST_SLOTS; slots += 1) {
      // Connected first: a slot is an instant, and connecting takes longer.
      const connection = await agent.ready(signal).catch((error: unknown) => {
        throw asAxiosError(error, config);
      });
      const slot = await limiter.take(signal).catch((error: unknown) => {
        connection.release();
        throw signal?.aborted
          ? new CanceledError(undefined, config)
          : new AxiosError(`nothing was sent: ${(error as Error).message}`, 'ERR_NO_SLOT', config);
      });
      if (!connection.open) {
        // Closed just now: connecting would take longer than the slot lasts.
        slot.giveUp();
        connection.release();
        continue;
      }
      const exchanged = await send({ config, origin, agent, connection, slot, lifeMs: limiter.callTimeoutMs });
      if (exchanged.kind === 'not-sent') continue;
      settle(slot, exchanged, throttled);
      if (exchanged.kind === 'error') throw asAxiosError(exchanged.error, config);
      exchanged.response.config = config;
      return exchanged.response;
    }
    const why = 'this process is too busy, or its connections are closed as soon as they are open';
    throw new AxiosError(
      `nothing was sent: ${MOST_SLOTS} slots were too old to be used; ${why}`,
      'ERR_NO_SLOT',
      config,
    );
  };
}

/**
 * Whether Tencent Chat says "too fast": HTTP 429, or the ErrorCode 60007, 60018, 60019 (the command's limit) or 60011 (the
 * app's) in a body that came as text or bytes.
 */
export function chatThrottled({ status, data }: AxiosResponse): Throttled | null {
  if (status === 429) return 'command';
  const code = codeIn(data);
  return code === null ? null : (TOO_FAST[code] ?? null);
}

function codeIn(data: unknown): number | null {
  const text = isBytes(data) ? new TextDecoder().decode(data) : data;
  if (typeof text !== 'string') return null;
  try {
    const { ErrorCode: code } = JSON.parse(text) as { ErrorCode?: unknown };
    return typeof code === 'number' ? code : null;
  } catch {
    return null;
  }
}

/** @throws AxiosError for what would get past the slot */
function check(config: InternalAxiosRequestConfig): void {
  const given: string[] = NOT_OURS.filter((name) => Boolean(config[name as keyof typeof config]));
  if ((config.httpVersion ?? 1) !== 1) given.push('httpVersion');
  if (given.length > 0) {
    refuse(`${given.join(', ')} cannot be used with a limiter, whose adapter has connections of its own`, config);
  }
  if (config.responseType === 'stream') {
    refuse('an answer must have come as a whole before its slot ends: responseType cannot be stream', config);
  }
  const { data } = config;
  const whole = data === undefined || data === null || typeof data === 'string' || isBytes(data);
  if (!whole)
    refuse('a body must be there as a whole when its slot comes: a string or bytes, no stream or form', config);
}

function isBytes(data: unknown): data is Buffer<ArrayBuffer> | ArrayBuffer {
  return Buffer.isBuffer(data) || data instanceof ArrayBuffer;
}

function originOf(config: InternalAxiosRequestConfig): URL {
  const url = axios.getUri(config);
  const origin = URL.canParse(url) ? new URL(url) : null;
  if (!/^https?:$/.test(origin?.protocol ?? '')) refuse('only a URL of http or https can be called', config);
  return origin as URL;
}

function refuse(why: string, config: InternalAxiosRequestConfig): never {
  throw new AxiosError(`nothing was sent: ${why}`, AxiosError.ERR_BAD_OPTION, config);
}

interface SendParts {
  config: InternalAxiosRequestConfig;
  origin: URL;
  agent: WarmAgent;
  connection: Connection;
  slot: Slot;
  lifeMs: number;
}

const http = getAdapter('http');

function send({ config, origin, agent, connection, slot, lifeMs }: SendParts): Promise<Exchanged<AxiosResponse>> {
  const own = { httpAgent: agent.http, httpsAgent: agent.http, proxy: false, maxRedirects: 0 } as const;
  return exchange((transport) => http({ ...config, ...own, transport } as InternalAxiosRequestConfig), {
    request: origin.protocol === 'https:' ? requestHttps : requestHttp,
    timeoutMs: lifeMs,
    beforeWrite: () => slot.mayWrite(),
    onAnswer: () => slot.answered(),
    connection,
  });
}

/** Ends the slot: whatever came, its call cannot arrive any more. */
function settle(
  slot: Slot,
  exchanged: Exclude<Exchanged<AxiosResponse>, { kind: 'not-sent' }>,
  throttled: NonNullable<LimitedOptions['throttled']>,
): void {
  const response = exchanged.kind === 'response' ? exchanged.response : responseIn(exchanged.error);
  try {
    const whose = response && throttled(response);
    if (whose) slot.throttled(whose);
  } finally {
    // A slot that was not written is given up by it.
    slot.settled(response !== undefined, exchanged.kind === 'response');
  }
}

/** An answer whose status `validateStatus` refuses. */
function responseIn(error: unknown): AxiosResponse | undefined {
  return isAxiosError(error) ? error.response : undefined;
}

/** The error as axios' own adapter would give it, with the caller's config: what is ours of it is nobody's business. */
function asAxiosError(error: unknown, config: InternalAxiosRequestConfig): unknown {
  if (isAxiosError(error)) {
    error.config = config;
    if (error.response) error.response.config = config;
    return error;
  }
  if (!(error instanceof TransportError)) return error;
  if (error.code === ABORTED) return new CanceledError(undefined, config);
  return AxiosError.from(error, error.code, config);
}
