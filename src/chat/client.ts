import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { ConnectionOptions } from 'node:tls';
import { create as createAxios } from 'axios';
import type { Item } from '../domain/chunk.ts';
import type { Operation, OperationOptions } from '../domain/operation.ts';
import { type Connection, WarmAgent } from '../transport/agent.ts';
import { exchange, type ExchangeOptions } from '../transport/exchange.ts';
import { transportError } from '../transport/transport-error.ts';
import { type Answer, refusesUserSig } from './classify.ts';
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

/** The connection is one from `ready`. */
export type SendOptions = Omit<ExchangeOptions, 'request' | 'timeoutMs'>;

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
      const exchanged = await exchange(
        (transport) => post.request({ url: urlOf(call.path, text), data: call.body, transport }),
        { ...sendOptions, request, timeoutMs },
      );
      if (exchanged.kind === 'not-sent') return exchanged;
      if (exchanged.kind === 'error') {
        return { kind: 'error', error: transportError(exchanged.error, exchanged.sent) };
      }
      const { status, data } = exchanged.response;
      const clean = { kind: 'response', status, body: typeof data === 'string' ? without(data, text) : '' } as const;
      if (refusesUserSig(clean)) userSig.refused(life);
      else userSig.accepted(life);
      return clean;
    },
    renewUserSig: () => userSig.usable(),
    close: () => agent.close(),
  };
}

/** A text that could end in results and logs must not repeat the UserSig. */
function without(body: string, secret: string): string {
  return secret !== '' && body.includes(secret) ? body.replaceAll(secret, '***') : body;
}
