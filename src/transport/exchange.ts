import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import type { Connection } from './agent.ts';
import { ABORTED, TIMED_OUT, TransportError } from './transport-error.ts';

/** `http.request` or `https.request`. */
export type Request = (options: RequestOptions, onResponse: (response: IncomingMessage) => void) => ClientRequest;

/** What axios takes as `transport`: the module that makes its requests. */
export interface Transport {
  request: Request;
}

/** What came of one request. `sent`: bytes of it may have left this process. */
export type Exchanged<Response> =
  { kind: 'response'; response: Response } | { kind: 'not-sent' } | { kind: 'error'; error: unknown; sent: boolean };

export interface ExchangeOptions {
  request: Request;
  /** Longest time to the whole answer, ms: then the request is destroyed, and a TransportError says so. */
  timeoutMs: number;
  /** Asked once, in the tick that would write to a connected socket. False: nothing is written. */
  beforeWrite: () => boolean;
  /** Told in the same tick, right before the bytes go to the socket. */
  onWritten?: () => void;
  /** Told when the first bytes of the answer are there. */
  onAnswer?: () => void;
  signal?: AbortSignal;
  /** A promise of the agent that the request uses. It is released. */
  connection?: Connection;
}

/**
 * Runs one request with its check, its time-out and its abort. We hold the ClientRequest (axios' `transport` option)
 * and decide alone when the call is over; what axios still says afterwards is ignored. Never rejects.
 *
 * `start` hands the transport to axios, with a WarmAgent and a body that is there as a whole: only so are the bytes
 * written in the tick of the check.
 */
export function exchange<Response>(
  start: (transport: Transport) => Promise<Response>,
  { request, timeoutMs, beforeWrite, onWritten, onAnswer, signal, connection }: ExchangeOptions,
): Promise<Exchanged<Response>> {
  return new Promise((resolve) => {
    let made: ClientRequest | undefined;
    let sent = false;
    let over = false;
    const end = (exchanged: Exchanged<Response>) => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      connection?.release();
      // After a whole response this does nothing: the socket is back in the pool.
      if (exchanged.kind !== 'response') made?.destroy();
      resolve(exchanged);
    };
    const fail = (error: unknown) => end({ kind: 'error', error, sent });
    const abort = () => fail(new TransportError('aborted', ABORTED, sent));
    const timer = setTimeout(() => {
      fail(new TransportError(`no answer within ${timeoutMs / 1000} s`, TIMED_OUT, sent));
    }, timeoutMs);

    // The request is flushed right after the listeners of this event, in the same tick. The agent hands out connected
    // sockets only, so flushed means written.
    const onSocket = () => {
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
        made = request(options, (response) => {
          onAnswer?.();
          onResponse(response);
        });
        connection?.release(); // its socket is the request's now
        made.once('socket', onSocket);
        if (over) made.destroy();
        return made;
      },
    };

    if (signal?.aborted) return abort();
    signal?.addEventListener('abort', abort, { once: true });
    start(transport).then((response) => end({ kind: 'response', response }), fail);
  });
}
