import { request as requestHttp, type ClientRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { ConnectionOptions } from 'node:tls';
import { create as createAxios } from 'axios';
import type { Item } from '../domain/chunk.ts';
import type { Operation, OperationOptions } from '../domain/operation.ts';
import { type Connection, WarmAgent } from './agent.ts';
import { type Answer, refusesUserSig } from './classify.ts';
import { ABORTED, TIMED_OUT, TransportError, transportError } from './transport-error.ts';
import type { UserSigSource } from './usersig-source.ts';

export interface ChatClientOptions {
  /** As `checkBaseUrl` gives it: scheme and host, no trailing slash. */
  baseUrl: string;
  sdkappid: number;
  /** UserID of an app admin, the account of the UserSig. */
  admin: string;
  userSig: UserSigSource;
  /**
   * Longest time of a call from `send` to the last byte of its answer, ms. Default 10,000. The service itself gives
   * up after 3 s (Chat API 1047/34620): a shorter time leaves writes unanswered that were applied. Tests may.
   */
  timeoutMs?: number;
  /** At least as many as calls in flight. Default 64. */
  maxSockets?: number;
  /** Idle connections are closed after this time, ms. Default 50,000. */
  idleMs?: number;
  /** [0, 1), for the `random` of the URL. */
  random: () => number;
  /** Extra TLS options, e.g. `ca`. */
  tls?: ConnectionOptions;
}

/** A call with its body serialised, so that nothing but writing is left to do when the slot has come. */
export interface PreparedCall {
  path: string;
  body: Buffer;
  /** Length of the body. */
  bytes: number;
}

export interface SendOptions {
  /** Asked once, in the tick that would write to a connected socket. False: nothing is written. */
  beforeWrite: () => boolean;
  /** Told in the same tick, right before the bytes go to the socket. */
  onWritten?: () => void;
  signal?: AbortSignal;
  /** From `ready`. */
  connection?: Connection;
}

export interface ChatClient {
  /** `start`: StartIndex of the page, where the operation answers pages. */
  prepare(
    operation: Operation,
    from: string | null,
    items: readonly Item[],
    options: OperationOptions,
    start?: number,
  ): PreparedCall;
  /** Resolves when a connected socket is there for one `send` more. Rejects with a TransportError that says why not. */
  ready(signal?: AbortSignal): Promise<Connection>;
  /** One HTTP request. Never rejects: what went wrong on the way is an answer of kind `error`. */
  send(call: PreparedCall, options: SendOptions): Promise<Answer | { kind: 'not-sent' }>;
  /** After a renewable credentials fault: true if a UserSig is in use that the service has not refused. */
  renewUserSig(): boolean;
  /** Destroys all connections; calls in flight end as errors. */
  close(): void;
}

const TIMEOUT_MS = 10_000;
const MAX_SOCKETS = 64;
/** Under the minute after which gateways commonly drop idle connections. */
const IDLE_MS = 50_000;
/** Far above any answer: 1000 items of friend_check take about 122 kB. */
const MOST_ANSWER_BYTES = 64 * 1024 * 1024;
const UINT32 = 2 ** 32;

/** Makes a client for one app. Nothing secret can be read off it: key and UserSig live in closures only. */
export function createChatClient(options: ChatClientOptions): ChatClient {
  const { baseUrl, sdkappid, admin, userSig, random, tls, timeoutMs = TIMEOUT_MS } = options;
  const origin = new URL(baseUrl);
  const agent = new WarmAgent({
    origin,
    maxSockets: options.maxSockets ?? MAX_SOCKETS,
    connectTimeoutMs: timeoutMs,
    idleMs: options.idleMs ?? IDLE_MS,
    ...(tls && { tls }),
  });
  const request = origin.protocol === 'https:' ? requestHttps : requestHttp;
  const post = createAxios({
    adapter: 'http',
    method: 'post',
    headers: { 'Content-Type': 'application/json; charset=utf-8' },
    httpAgent: agent.http,
    httpsAgent: agent.http,
    proxy: false,
    // With our own `transport` the redirect layer is out of the way: it would keep every body, take 30 % more CPU and
    // carry the UserSig elsewhere. The API never redirects.
    maxRedirects: 0,
    maxBodyLength: Infinity,
    maxContentLength: MOST_ANSWER_BYTES,
    responseType: 'text',
    transformRequest: [],
    transformResponse: [(data: unknown) => data],
    validateStatus: () => true,
  });
  const identity = `sdkappid=${sdkappid}&identifier=${encodeURIComponent(admin)}`;

  const urlOf = (path: string, sig: string) =>
    `${baseUrl}/v4/${path}?${identity}&usersig=${encodeURIComponent(sig)}` +
    `&random=${Math.floor(random() * UINT32)}&contenttype=json`;

  return {
    prepare(operation, from, items, operationOptions, start) {
      const body = Buffer.from(JSON.stringify(operation.request(from, items, operationOptions, start)));
      return { path: operation.path, body, bytes: body.length };
    },
    ready: (signal) => agent.ready(signal),
    async send(call, sendOptions) {
      const { text, life } = userSig.current();
      const answer = await exchange(request, timeoutMs, sendOptions, (transport) =>
        post.request({ url: urlOf(call.path, text), data: call.body, transport }),
      );
      if (answer.kind !== 'response') return answer;
      const clean = { ...answer, body: without(answer.body, text) };
      if (refusesUserSig(clean)) userSig.refused(life);
      else userSig.accepted(life);
      return clean;
    },
    renewUserSig: () => userSig.usable(),
    close: () => agent.close(),
  };
}

type Request = (options: RequestOptions, onResponse: (response: IncomingMessage) => void) => ClientRequest;
/** What axios takes as `transport`: the module that makes its requests. */
interface Transport {
  request: Request;
}

/**
 * Runs one request with its check, its time-out and its abort. We hold the ClientRequest (axios' `transport` option)
 * and decide alone when the call is over; what axios still says afterwards is ignored.
 */
function exchange(
  request: Request,
  timeoutMs: number,
  { beforeWrite, onWritten, signal, connection }: SendOptions,
  start: (transport: Transport) => Promise<{ status: number; data: unknown }>,
): Promise<Answer | { kind: 'not-sent' }> {
  return new Promise((resolve) => {
    let made: ClientRequest | undefined;
    let sent = false;
    let over = false;
    const end = (answer: Answer | { kind: 'not-sent' }) => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      connection?.release();
      // After a whole response this does nothing: the socket is back in the pool.
      if (answer.kind !== 'response') made?.destroy();
      resolve(answer);
    };
    const fail = (error: unknown) => end({ kind: 'error', error: transportError(error, sent) });
    const abort = () => fail(new TransportError('aborted', ABORTED, sent));
    const timer = setTimeout(() => {
      fail(new TransportError(`no answer within ${timeoutMs / 1000} s`, TIMED_OUT, sent));
    }, timeoutMs);

    // The request is flushed right after the listeners of this event, in the same tick. The agent hands out connected
    // sockets only, so flushed means written.
    const onSocket = () => {
      connection?.release();
      try {
        if (!beforeWrite()) return end({ kind: 'not-sent' });
        sent = true;
        onWritten?.();
      } catch (error) {
        fail(error);
      }
    };
    const transport: Transport = {
      request(options, onResponse) {
        made = request(options, onResponse);
        made.once('socket', onSocket);
        if (over) made.destroy();
        return made;
      },
    };

    if (signal?.aborted) return abort();
    signal?.addEventListener('abort', abort, { once: true });
    start(transport).then(
      ({ status, data }) => end({ kind: 'response', status, body: typeof data === 'string' ? data : '' }),
      fail,
    );
  });
}

/** A text that could end in results and logs must not repeat the UserSig. */
function without(body: string, secret: string): string {
  return secret !== '' && body.includes(secret) ? body.replaceAll(secret, '***') : body;
}
